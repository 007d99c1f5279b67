"""Look at made gestures, or write them: `python -m tsm_edge.export.data.gestures --sheet sheet.png`."""

from pathlib import Path

import click

from tsm_edge.cli.exits import add_verbose_option, run_and_exit
from tsm_edge.errors import UsageError
from tsm_edge.export.data.gestures.labels import GESTURE_LABELS, MADE_LABELS
from tsm_edge.export.data.gestures.renderer import GestureGenerator
from tsm_edge.export.data.gestures.sheet import contact_sheet, write_folders, write_sheet
from tsm_edge.export.data.gestures.stream_files import write_streams
from tsm_edge.export.data.gestures.world import WORLDS

# Streams are thinned to slower cameras' rates where they are shown.
STREAM_FPS = 24.0


@click.command()
@click.option(
    "--sheet",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a contact sheet, such as sheet.png.",
)
@click.option(
    "--clips",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write clips, one folder a label.",
)
@click.option(
    "--streams",
    "stream_folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write long streams, each a video and a list of its gestures, for `tsm-edge eval --protocol stream`.",
)
@click.option(
    "--count",
    type=click.IntRange(1, 1_000_000),
    default=32,
    show_default=True,
    help="How many clips or streams.",
)
@click.option(
    "--label",
    "chosen",
    multiple=True,
    type=click.Choice(MADE_LABELS),
    help="Make this gesture alone; give it several times for several. Sheets and clips.",
)
@click.option("--world", type=click.Choice(sorted(WORLDS)), default="train", show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "--start", type=click.IntRange(0), default=0, show_default=True, help="Number of the first one."
)
@click.option("--frames", type=click.IntRange(1, 256), default=8, show_default=True, help="Frames a clip.")
@click.option(
    "--fps",
    type=click.FloatRange(1, 60),
    help="Frames a second; by default a clip takes some 3 s and streams have 24.",
)
@click.option("--size", type=int, default=112, show_default=True, help="Pixels of the square frames.")
def main(
    sheet: Path | None, folder: Path | None, stream_folder: Path | None, count: int, chosen: tuple[str, ...],
    world: str, seed: int, start: int, frames: int, fps: float | None, size: int,
) -> None:  # fmt: skip
    """Make gesture clips: a person at a webcam with an articulated hand."""
    if not (sheet or folder or stream_folder):
        raise UsageError("nothing to make; give --sheet sheet.png, --clips FOLDER or --streams FOLDER")
    rate = (fps, fps) if fps else None
    generator = GestureGenerator(world, seed=seed, num_frames=frames, size=size, fps=rate)
    if sheet:
        shown = chosen or GESTURE_LABELS
        labels = [MADE_LABELS.index(shown[i % len(shown)]) for i in range(count)]
        write_sheet(sheet, contact_sheet(generator, labels, start))
    if folder:
        write_folders(folder, generator, count, start, chosen)
    if stream_folder:
        steady = GestureGenerator(world, seed=seed, size=size, fps=rate or (STREAM_FPS, STREAM_FPS))
        write_streams(stream_folder, steady, count, start)


if __name__ == "__main__":
    add_verbose_option(main)
    run_and_exit(main, None, "python -m tsm_edge.export.data.gestures")
