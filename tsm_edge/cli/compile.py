"""`tsm-edge compile`: a network, or a checkpoint, as a bundle for one target."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from tsm_edge.export import CompileReport

__all__ = ["command"]

PATH = click.Path(path_type=Path)


@click.command("compile", short_help="Make a bundle for a target.")
@click.option(
    "--target", required=True, metavar="T", help="A name that `tsm-edge targets` lists, or TVM target JSON."
)
@click.option("--arch", metavar="SM", help="For --target cuda, the oldest GPU, such as sm_75, the default.")
@click.option("--model", "name", metavar="NAME", help="Network to build, see `tsm-edge export --help`.")
@click.option(
    "--checkpoint", metavar="FILE", type=PATH, help="Trained weights: a file, default, or what `fetch` has."
)
@click.option("--labels", metavar="FILE", type=PATH, help="Text file with one label a line.")
@click.option(
    "--image-size",
    metavar="N",
    type=click.IntRange(min=1),
    help="Height and width of a frame, a multiple of 16  [default: the checkpoint's, or 224]",
)
@click.option(
    "--output", metavar="DIR", type=PATH, help="The bundle's folder  [default: dist/MODEL-TARGET-PRECISION]"
)
@click.option(
    "--precision",
    type=click.Choice(["fp32", "fp16"]),
    default="fp32",
    show_default=True,
    help="Arithmetic of the kernels; fp16 on GPUs alone.",
)
@click.option(
    "--threads",
    metavar="N",
    type=click.IntRange(1, 64),
    help="Default number of threads  [default: the target's big cores]",
)
@click.option("--strict", is_flag=True, help="Refuse a kernel that no rule schedules.")
@click.option(
    "--database",
    metavar="FILE",
    type=PATH,
    help="What `tsm-edge tune` found  [default: the user's data folder, by target]",
)
@click.option("--no-tuning", is_flag=True, help="Use the rules alone, whatever was tuned.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def command(
    target: str,
    arch: str | None,
    name: str | None,
    checkpoint: Path | None,
    labels: Path | None,
    image_size: int | None,
    output: Path | None,
    precision: str,
    threads: int | None,
    strict: bool,
    database: Path | None,
    no_tuning: bool,
    as_json: bool,
) -> None:
    """Compile a network into a bundle that runs on TARGET without Python or TVM.

    Without --model and --checkpoint it is the default model, which reads twelve gestures; a network that --model
    names has seeded random weights, which recognise nothing.
    """
    from tsm_edge.targets import parse_target

    where = parse_target(target, arch)
    from tsm_edge.export import STAGES, compile_bundle, default_output, open_model

    with _progress(("load model", *STAGES)) as on_stage:
        on_stage("load model")
        model = open_model(name, checkpoint, labels, image_size)
        report = compile_bundle(
            model,
            where,
            output or default_output(model.spec, where, precision),
            precision=precision,
            threads=threads,
            strict=strict,
            database=database,
            tuned=not no_tuning,
            on_stage=on_stage,
        )
    _print_json(report) if as_json else _show(report)


@contextmanager
def _progress(stages: tuple[str, ...]) -> Iterator[Callable[[str], None]]:
    """A bar on stderr that names the stage; nothing is left of it."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(stages[0], total=len(stages))
        yield lambda stage: progress.update(task, description=stage, completed=stages.index(stage))


def _print_json(report: "CompileReport") -> None:
    import msgspec

    from tsm_edge.manifest import manifest_fields

    fields = {
        "bundle": str(report.bundle.path),
        "seconds": report.seconds,
        "tuning_notes": report.tuning_notes,
        "manifest": manifest_fields(report.bundle.manifest),
    }
    click.echo(msgspec.json.format(msgspec.json.encode(fields), indent=2).decode())


def _show(report: "CompileReport") -> None:
    _show_kernels(report)
    manifest = report.bundle.manifest
    files = manifest.files
    contents = {
        file.sha256: file.size_bytes for file in files.values()
    }  # Android's two lie there twice, by links
    rows = {
        "bundle": f"{report.bundle.path} ({sum(contents.values()) / 1e6:.1f} MB, "
        f"library {files[manifest.target.library].size_bytes / 1e3:.0f} KB)",
        "target": f"{manifest.target.name}: {manifest.target.description}, {manifest.threads} threads",
        "network": f"{manifest.model.name}, {manifest.precision}, {manifest.model.weights_note or 'trained weights'}",
        "memory": f"arena {manifest.arena_bytes / 1e6:.1f} MB, weights {manifest.weight_bytes / 1e6:.1f} MB, "
        f"state {manifest.model.state.size_bytes / 1024:.1f} KiB a stream",
        "gpu": _gpu(report),
        "verified": _verified(report),
        "seconds": f"{sum(report.seconds.values()):.1f} ("
        + ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in report.seconds.items())
        + ")",
    }
    if tuned := _tuned(report):
        rows["tuned"] = tuned
    if manifest.target.note:
        rows["note"] = manifest.target.note
    for label, text in rows.items():
        if not text:
            continue
        click.echo(f"{label:<9}{text}")


def _gpu(report: "CompileReport") -> str:
    """What the GPU half is made of, and what NVIDIA's assembler says of it."""
    gpu = report.bundle.manifest.gpu
    if gpu is None:
        return ""
    needs = gpu.resources.values()
    assembled = (
        f"at most {max(each.registers for each in needs)} registers, "
        f"{sum(each.spill_bytes for each in needs)} bytes spilled"
        if needs
        else "not assembled here: pip install 'tsm-edge[cuda]' brings ptxas"
    )
    return (
        f"{len(gpu.kernels)} launches for {gpu.arch} and newer, PTX {gpu.ptx_version}, {assembled}; "
        f"arena {gpu.arena_bytes / 1e6:.1f} MB, weights {gpu.weight_bytes / 1e6:.1f} MB"
    )


def _tuned(report: "CompileReport") -> str:
    """How many kernels have measured tiles, where they were measured, and what is wrong with other results."""
    kernels = report.bundle.manifest.kernels
    found = [kernel.tuned for kernel in kernels if kernel.tuned]
    devices = ", ".join(dict.fromkeys(record.device for record in found))
    sentence = f"{len(found)} of {len(kernels)} kernels, measured on {devices}" if found else ""
    return "; ".join(filter(None, (sentence, *report.tuning_notes)))


def _verified(report: "CompileReport") -> str:
    verification = report.bundle.manifest.verification
    if verification.max_relative_error is None:
        processor = verification.method
    else:
        processor = (
            f"{verification.method}: {verification.num_frames} frames equal ONNX Runtime's within "
            f"{verification.max_relative_error:.1e} of the largest logit"
        )
    if not verification.gpu_method:
        return processor
    error = verification.gpu_max_relative_error
    equal = "" if error is None else f" within {error:.1e}"
    return f"processor {processor}; GPU {verification.gpu_method}{equal}"


def _show_kernels(report: "CompileReport") -> None:
    """One row a kernel, in the order of their first calls."""
    from rich.console import Console
    from rich.table import Table

    calls: dict[tuple[str, str], list[int]] = {}
    for kernel in report.bundle.manifest.kernels:
        rule = f"{kernel.rule}, tuned {' '.join(kernel.tuned.tiles)}" if kernel.tuned else kernel.rule
        calls.setdefault((kernel.layer, rule), []).append(kernel.flop)
    table = Table(box=None, header_style="bold")
    table.add_column("kernel")
    table.add_column("rule")
    table.add_column("calls", justify="right")
    table.add_column("MFLOP", justify="right")
    for (layer, rule), flop in calls.items():
        table.add_row(layer, rule, str(len(flop)), f"{sum(flop) / 1e6:.1f}")
    Console().print(table)
