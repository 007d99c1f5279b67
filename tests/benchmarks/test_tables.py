"""The pages' tables come from result files and nowhere else."""

import dataclasses
import subprocess
import sys

import pytest

from tsm_edge.errors import OutputError, UsageError
from tsm_edge.runtime.bench import write_record

README = """# Title

<!-- table:latency -->
stale words
<!-- /table:latency -->

Text.

<!-- table:streaming -->
<!-- /table:streaming -->
"""


@pytest.fixture
def results(tmp_path, record):
    write_record(record, tmp_path / "results" / "latency-tiny.json")
    write_record(record, tmp_path / "results" / "streaming-vs-8-frame-window-tiny.json")
    return tmp_path / "results"


@pytest.fixture
def readme(tmp_path):
    path = tmp_path / "README.md"
    path.write_text(README)
    return path


@pytest.fixture
def tables(scripts_on_the_path):
    """Run the script as a user does."""

    def run(*arguments, code=0):
        command = [sys.executable, scripts_on_the_path / "tables.py", *arguments]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == code, done.stderr
        return done

    return run


def renew(text, results):
    import tables

    return tables.renew(text, results)


def test_sections_are_filled_and_the_rest_stays(results, record):
    renewed = renew(README, results)
    assert f"{record.backends[0].latency.summary.p50_ms:.2f} |" in renewed
    assert "stale words" not in renewed
    assert renewed.startswith("# Title\n\n<!-- table:latency -->\n")
    assert "\n<!-- /table:latency -->\n\nText.\n\n<!-- table:streaming -->\n" in renewed
    assert renew(renewed, results) == renewed


def test_empty_section_says_that_nothing_was_measured(tmp_path):
    assert renew(README, tmp_path).count("Not measured yet") == 2


@pytest.mark.parametrize(
    "broken",
    [
        README.replace("<!-- /table:latency -->", ""),
        README.replace("<!-- table:latency -->", ""),
        README.replace("<!-- /table:latency -->", "<!-- /table:streaming -->"),
        "<!-- table:memory -->\n<!-- /table:memory -->\n",
    ],
    ids=["open", "closed", "crossed", "unknown"],
)
def test_broken_markers_are_refused(results, broken):
    with pytest.raises(UsageError, match="table"):
        renew(broken, results)


def test_foreign_result_file_is_refused(results):
    (results / "latency-other.json").write_text("{}")
    with pytest.raises(OutputError, match=r"latency-other\.json"):
        renew(README, results)


def test_check_fails_until_the_tables_are_renewed(tables, readme, results):
    places = ("--page", readme, "--results", results)
    assert "tables are stale" in tables("--check", *places, code=1).stderr
    assert readme.read_text() == README
    tables(*places)
    tables("--check", *places)


def test_new_result_makes_the_readme_stale(tables, readme, results, record):
    places = ("--page", readme, "--results", results)
    tables(*places)
    device = dataclasses.replace(record.machine.device, name="Another Board")
    other = dataclasses.replace(record, machine=dataclasses.replace(record.machine, device=device))
    write_record(other, results / "latency-another.json")
    tables("--check", *places, code=1)


def test_error_is_one_line(tables, readme, results):
    readme.write_text("<!-- table:latency -->\n")
    stderr = tables("--page", readme, "--results", results, code=2).stderr
    assert stderr.count("\n") == 1


def test_pages_of_the_project_are_current(tables):
    tables("--check")
