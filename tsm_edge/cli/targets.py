"""`tsm-edge targets [NAME]`: what can be compiled for."""

import click

__all__ = ["command"]


@click.command("targets")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def command(name: str | None, as_json: bool) -> None:
    """List the targets, or show one."""
    from dataclasses import replace

    import msgspec

    from tsm_edge.targets import TARGETS, cuda_target, get_target, host_target

    chosen = (
        [get_target(name)]
        if name
        else [host_target(), replace(cuda_target(), name="cuda"), *TARGETS.values()]
    )
    if as_json:
        text = msgspec.json.encode(chosen[0] if name else chosen)
        click.echo(msgspec.json.format(text, indent=2).decode())
    elif name:
        _show(msgspec.to_builtins(chosen[0]))
    else:
        _list([msgspec.to_builtins(target) for target in chosen])


def _show(fields: dict[str, object]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table.grid("key", "value", padding=(0, 2))
    for key, value in fields.items():
        table.add_row(key, _text(value))
    Console(markup=False, highlight=False).print(table)


def _text(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "-"
    if isinstance(value, dict):
        return "\n".join(f"{key} {_text(each)}" for key, each in value.items())
    return "-" if value in ("", None) else str(value)


def _list(targets: list[dict[str, object]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("target", no_wrap=True)
    table.add_column("goal", no_wrap=True, justify="right")
    table.add_column("runs on")
    for target in targets:
        goal = target["latency_target_ms"]
        table.add_row(str(target["name"]), f"{goal:g} ms" if goal else "", str(target["description"]))
    console = Console(highlight=False)
    console.print(table)
    console.print("goal: what a frame may take there; `tsm-edge targets NAME` shows the rest", style="dim")
