"""Write the README's tables from the result files, between the markers that stand there.

    python benchmarks/tables.py            bring README.md up to date
    python benchmarks/tables.py --check    exit with 1 if it is not

A section begins with <!-- table:latency --> and ends with <!-- /table:latency -->; sections are `latency` and
`streaming`. Every number comes from a file of benchmarks/results; a section without files says so.
"""

import re
from pathlib import Path

import click
from markdown_tables import latency_table, streaming_table

from tsm_edge.cli.exits import run_and_exit
from tsm_edge.errors import UsageError
from tsm_edge.files import file_written_aside
from tsm_edge.runtime.bench import read_record

__all__ = ["SECTIONS", "main", "renew"]

ROOT = Path(__file__).parent.parent
SECTION = re.compile(r"(<!-- table:(?P<name>[\w-]+) -->\n).*?(<!-- /table:(?P=name) -->)", re.DOTALL)
MARKER = re.compile(r"<!-- /?table:[\w-]+ -->")
NO_RESULTS = "Not measured yet: `make bench` measures."

SECTIONS = {
    "latency": ("latency-*.json", latency_table),
    "streaming": ("streaming-vs-*.json", streaming_table),
}


@click.command()
@click.option("--check", is_flag=True, help="Change nothing; exit with 1 if the tables are stale.")
@click.option("--readme", type=click.Path(path_type=Path), default=ROOT / "README.md")
@click.option("--results", type=click.Path(path_type=Path), default=ROOT / "benchmarks" / "results")
def main(check: bool, readme: Path, results: Path) -> int:
    """Bring the README's tables up to date with the result files."""
    text = readme.read_text()
    renewed = renew(text, results)
    if check and renewed != text:
        click.echo(f"{readme}: tables are stale; run `python benchmarks/tables.py`", err=True)
        return 1
    if renewed != text:
        with file_written_aside(readme) as aside:
            aside.write_text(renewed)
    return 0


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
    pattern, render = SECTIONS[name]
    records = [read_record(path) for path in sorted(results.glob(pattern))]
    return f"\n{render(records)}\n" if records else f"\n{NO_RESULTS}\n"


if __name__ == "__main__":
    run_and_exit(main, None, "benchmarks/tables.py")
