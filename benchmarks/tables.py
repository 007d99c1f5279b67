"""Write the tables of README.md and of pages in docs/ from the result files, between the markers that stand there.

    python benchmarks/tables.py            bring the pages up to date
    python benchmarks/tables.py --check    exit with 1 if one is not

A section begins with <!-- table:latency --> and ends with <!-- /table:latency -->; sections are `latency`,
`streaming`, `peers`, `kernels`, `instructions`, `mca`, `roofline`, `gesture-clips`, `gesture-shift`, `gesture-streams`,
`gesture-events`, `few-shot` and `photo-hands`. Every number comes from a file of benchmarks/results; a section without
files says so.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from gesture_record import read_clips, read_events, read_few_shot, read_photo_hands, read_streams
from gesture_tables import clips_table, events_table, few_shot_table, photo_hands_table, streams_table
from instruction_record import read_instructions
from kernels_record import read_kernels
from markdown_tables import (
    instructions_table,
    kernels_table,
    latency_table,
    mca_table,
    peers_table,
    streaming_table,
)
from mca_record import read_mca
from roofline_record import read_roofline
from roofline_table import roofline_table

from tsm_edge.cli.exits import run_and_exit
from tsm_edge.errors import UsageError
from tsm_edge.files import file_written_aside
from tsm_edge.runtime.bench import read_record

__all__ = ["SECTIONS", "main", "renew"]

ROOT = Path(__file__).parent.parent
PAGES = (
    ROOT / "README.md",
    *(ROOT / "docs" / name for name in ("performance.md", "default-model.md", "default-model-recipe.md")),
)
SECTION = re.compile(r"(<!-- table:(?P<name>[\w-]+) -->\n).*?(<!-- /table:(?P=name) -->)", re.DOTALL)
MARKER = re.compile(r"<!-- /?table:[\w-]+ -->")


@dataclass(frozen=True, kw_only=True)
class Section:
    """Where a table comes from.

    Attributes:
        files: Pattern of its result files' names.
        read: Gives the record in one of them.
        render: Gives the Markdown of all their records.
        command: Measures them.
    """

    files: str
    render: Callable[[Any], str]
    read: Callable[[Path], Any] = read_record
    command: str = "make bench"


SECTIONS = {
    "latency": Section(files="latency-*.json", render=latency_table),
    "streaming": Section(files="streaming-vs-*.json", render=streaming_table),
    "peers": Section(files="peers-*.json", render=peers_table, command="make bench-peers"),
    "instructions": Section(
        files="instructions-*.json",
        render=instructions_table,
        read=read_instructions,
        command="make bench-instructions",
    ),
    "kernels": Section(
        files="kernels-*.json", render=kernels_table, read=read_kernels, command="make bench-kernels"
    ),
    "roofline": Section(
        files="roofline-*.json", render=roofline_table, read=read_roofline, command="make bench-roofline"
    ),
    "gesture-clips": Section(
        files="gestures-clips-*.json",
        render=clips_table,
        read=read_clips,
        command="python benchmarks/gesture_clips.py",
    ),
    "gesture-shift": Section(
        files="gestures-shift-*.json",
        render=clips_table,
        read=read_clips,
        command="python benchmarks/gesture_clips.py --offline FILE",
    ),
    "gesture-streams": Section(
        files="gestures-streams-*.json",
        render=streams_table,
        read=read_streams,
        command="python benchmarks/gesture_streams.py",
    ),
    "gesture-events": Section(
        files="gestures-events-*.json",
        render=events_table,
        read=read_events,
        command="python benchmarks/gesture_events.py",
    ),
    "few-shot": Section(
        files="gestures-few-shot-*.json",
        render=few_shot_table,
        read=read_few_shot,
        command="python benchmarks/few_shot.py",
    ),
    "photo-hands": Section(
        files="gestures-photo-hands-*.json",
        render=photo_hands_table,
        read=read_photo_hands,
        command="python benchmarks/photo_hands.py",
    ),
    "mca": Section(files="mca-*.json", render=mca_table, read=read_mca, command="make bench-instructions"),
}


@click.command()
@click.option("--check", is_flag=True, help="Change nothing; exit with 1 if the tables are stale.")
@click.option(
    "--page", "pages", type=click.Path(path_type=Path), multiple=True, default=PAGES, help="Repeatable."
)
@click.option("--results", type=click.Path(path_type=Path), default=ROOT / "benchmarks" / "results")
def main(check: bool, pages: tuple[Path, ...], results: Path) -> int:
    """Bring the pages' tables up to date with the result files."""
    renewed = {page: renew(page.read_text(), results) for page in pages}
    stale = [page for page in pages if renewed[page] != page.read_text()]
    for page in stale:
        if check:
            click.echo(f"{page}: tables are stale; run `python benchmarks/tables.py`", err=True)
        else:
            with file_written_aside(page) as aside:
                aside.write_text(renewed[page])
    return 1 if check and stale else 0


def renew(text: str, results: Path) -> str:
    """`text` with every marked section written anew from the files in `results`.

    Raises:
        UsageError: A marker without its partner, or of an unknown section.
        OutputError: A file in `results` is no benchmark's record.
    """
    if 2 * len(SECTION.findall(text)) != len(MARKER.findall(text)):
        raise UsageError(
            "a table's marker has no partner; write <!-- table:NAME --> and <!-- /table:NAME -->"
        )
    return SECTION.sub(lambda match: f"{match[1]}{_section(match['name'], results)}\n{match[3]}", text)


def _section(name: str, results: Path) -> str:
    if name not in SECTIONS:
        raise UsageError(f"unknown table {name!r}; choose one of {', '.join(SECTIONS)}")
    section = SECTIONS[name]
    records = [section.read(path) for path in sorted(results.glob(section.files))]
    return f"\n{section.render(records) if records else f'Not measured yet: `{section.command}` measures.'}\n"


if __name__ == "__main__":
    run_and_exit(main, None, "benchmarks/tables.py")
