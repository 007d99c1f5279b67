"""What the scripts share: where their bundle comes from and where their results go."""

import re
import shlex
import sys
from pathlib import Path

import click
from rich.console import Console

from tsm_edge.bundle import Bundle
from tsm_edge.cache import host_bundle
from tsm_edge.runtime.bench import BenchRecord, write_record
from tsm_edge.runtime.bench.plot import write_plot
from tsm_edge.runtime.bench.tables import print_record
from tsm_edge.runtime.device import Device

__all__ = ["RESULTS", "announce", "called", "device_name", "opened_bundle", "result_name", "save"]

RESULTS = Path(__file__).parent / "results"


def opened_bundle(path: Path | None) -> Bundle:
    """The bundle at `path`, or the host's one, compiled once into the user's cache."""
    return Bundle.open(path or host_bundle(announce))


def result_name(question: str, record: BenchRecord) -> str:
    """File name without its ending: question and conditions, as in latency-mobilenetv2-fp32-amd-epyc-t1."""
    device = device_name(record.machine.device)
    return f"{question}-{record.bundle.model}-{record.bundle.precision}-{device}-t{record.conditions.threads}"


def device_name(device: Device) -> str:
    """The device in a file's name."""
    return re.sub(r"[^a-z0-9]+", "-", device.name.lower()).strip("-")


def save(record: BenchRecord, folder: Path, question: str) -> None:
    """Print `record` and write it, with its picture, under the name that its conditions give."""
    print_record(record, Console())
    path = folder / f"{result_name(question, record)}.json"
    write_record(record, path)
    write_plot(record, path.with_suffix(".png"))
    announce(f"wrote {path} and its picture")


def called(script: str) -> str:
    """The command as it was typed, from the checkout's root."""
    return shlex.join(["python", f"benchmarks/{Path(script).name}", *sys.argv[1:]])


def announce(text: str) -> None:
    """Say on stderr what happens next."""
    click.echo(text, err=True)
