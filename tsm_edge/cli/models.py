"""`tsm-edge models`: the published checkpoints, and which of them are here."""

import click

__all__ = ["command"]


@click.command("models")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def command(as_json: bool) -> None:
    """List published checkpoints; `tsm-edge fetch NAME` downloads one."""
    from tsm_edge.published import PUBLISHED, is_fetched

    if as_json:
        import msgspec

        rows = [
            {**msgspec.to_builtins(e), "urls": e.urls, "fetched": is_fetched(e)} for e in PUBLISHED.values()
        ]
        click.echo(msgspec.json.format(msgspec.json.encode(rows), indent=2).decode())
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("checkpoint", no_wrap=True)
    table.add_column("here", no_wrap=True)
    table.add_column("hash", no_wrap=True)
    table.add_column("top-1, say its publishers")
    for entry in PUBLISHED.values():
        here, known = "yes" if is_fetched(entry) else "", "known" if entry.is_known else "unknown"
        table.add_row(entry.name, here, known, entry.reported)
    console = Console(highlight=False)
    console.print(table)
    console.print(
        "None was downloaded or measured by those who wrote this; networks without a known hash need --sha256 or "
        "--unverified. The model that is shipped needs no download: it is called default.",
        style="dim",
    )
