"""`tsm-edge export`: a network, or a checkpoint, as an ONNX file of its streaming view."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from tsm_edge.export import OnnxExport

__all__ = ["command"]

# Typed here once more, because the table itself takes torch to read.
MODEL_NAMES = (
    "mobilenetv2 (default), mobilenetv2-0.5, mobilenetv2-0.75, mobilenetv2-1.4, resnet18, resnet50, resnet101"
)

PATH = click.Path(path_type=Path)


@click.command("export", short_help="Write a network as ONNX.")
@click.option("--model", "name", metavar="NAME", help=f"Network to build: {MODEL_NAMES}.")
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
    "--output", metavar="FILE", type=PATH, default="model.onnx", show_default=True, help="Where to write."
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def command(
    name: str | None,
    checkpoint: Path | None,
    labels: Path | None,
    image_size: int | None,
    output: Path,
    as_json: bool,
) -> None:
    """Write the streaming view of a network as ONNX, proved against PyTorch.

    Without --model and --checkpoint it is the default model, which reads twelve gestures; a network that --model
    names has seeded random weights, which recognise nothing.
    """
    from tsm_edge.export import export_checked_onnx, open_model

    model = open_model(name, checkpoint, labels, image_size)
    report = export_checked_onnx(model, output)
    if as_json:
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode(report, enc_hook=str), indent=2).decode())
    else:
        _show(report)


def _show(report: "OnnxExport") -> None:
    spec, check = report.spec, report.check
    state = spec.state
    rows = {
        "written": f"{report.path} ({report.size_bytes / 1e6:.1f} MB, opset {report.opset_version})",
        "network": f"{spec.name}: {spec.architecture}, {spec.num_classes} classes, frames {spec.input_shape}",
        "weights": spec.weights_note or "trained",
        "state": f"{len(state.shapes)} shift buffers, {state.size_bytes / 1024:.1f} KiB a stream",
        "proved": f"{check.num_frames} frames equal PyTorch's within {check.max_relative_error:.1e} of the "
        "largest logit; every shift buffer reaches the logits",
    }
    for label, text in rows.items():
        click.echo(f"{label:<8} {text}")
