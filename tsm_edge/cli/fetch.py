"""`tsm-edge fetch NAME`: a published checkpoint into the user's cache."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

__all__ = ["command"]


@click.command("fetch")
@click.argument("name")
@click.option("--url", "urls", metavar="URL", multiple=True, help="Ask this mirror first; may be repeated.")
@click.option("--sha256", metavar="HEX", default="", help="What the file must be, where nobody here knows.")
@click.option("--unverified", is_flag=True, help="Take what a mirror sends, where nobody here knows.")
def command(name: str, urls: tuple[str, ...], sha256: str, unverified: bool) -> None:
    """Download the published checkpoint NAME, check it, and keep it for --checkpoint NAME.

    `tsm-edge models` lists the names. A download that breaks off goes on next time.
    """
    from tsm_edge.published import fetch, get_published
    from tsm_edge.published.store import identify

    entry = get_published(name)
    with _progress(entry.file_name) as (on_progress, announce):
        path = fetch(
            entry, urls=urls, sha256=sha256, unverified=unverified, on_progress=on_progress, announce=announce
        )
    click.echo(f"{path}\nSHA-256 {identify(path).sha256}")
    if not entry.is_known and not sha256:
        click.echo("unverified: nobody here knows what this file must be; it is kept as it came")


@contextmanager
def _progress(title: str) -> Iterator[tuple[Callable[[int, int], None], Callable[[str], None]]]:
    """A bar on stderr; nothing is left of it."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    console = Console(stderr=True)
    with Progress(
        *columns, TimeRemainingColumn(), console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(title, total=None)
        yield (
            lambda done, total: bar.update(task, completed=done, total=total or None),
            lambda text: bar.update(task, description=text),
        )
