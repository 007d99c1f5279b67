"""`tsm-edge targets [NAME]`: what can be compiled for."""

import click

__all__ = ["command"]


@click.command("targets")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def command(name: str | None, as_json: bool) -> None:
    """List the targets, or show one."""
    import msgspec

    from tsm_edge.targets import TARGETS, get_target, host_target

    chosen = [get_target(name)] if name else [host_target(), *TARGETS.values()]
    if as_json:
        text = msgspec.json.encode(chosen[0] if name else chosen)
        click.echo(msgspec.json.format(text, indent=2).decode())
    elif name:
        _show(msgspec.to_builtins(chosen[0]))
    else:
        _list([msgspec.to_builtins(target) for target in chosen])


def _show(fields: dict[str, object]) -> None:
    width = max(map(len, fields))
    for key, value in fields.items():
        text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else value
        click.echo(f"{key:<{width}}  {'-' if text in ('', None) else text}")


def _list(targets: list[dict[str, object]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("target", "cpu", "threads", "runs on", "ms a frame promised", box=None, header_style="bold")
    for target in targets:
        promised = target["latency_target_ms"]
        table.add_row(
            str(target["name"]),
            str(target["cpu"]),
            str(target["threads"]),
            str(target["description"]),
            "" if promised is None else f"{promised:g}",
        )
    Console().print(table)
