"""`tsm-edge record --label NAME`: clips for `tsm-edge train`, from a camera."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tsm_edge.cli.exits import EXIT_INTERRUPTED
from tsm_edge.cli.run import SOURCES

if TYPE_CHECKING:
    from tsm_edge.runtime.recorder import Moment

__all__ = ["command"]

# A dropped file's name, a class of an hour: beyond these something was mistyped.
LONGEST_S = 600


@click.command("record", short_help="Record labelled clips from a camera.", epilog=SOURCES)
@click.option("--label", required=True, metavar="NAME", help='The class, such as "Wave"; its folder\'s name.')
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="DIR",
    default="clips",
    show_default=True,
    help="Folder that gets a folder per class.",
)
@click.option(
    "--count", type=click.IntRange(1, 10_000), default=10, show_default=True, help="How many clips."
)
@click.option(
    "--seconds",
    type=click.FloatRange(0, LONGEST_S, min_open=True),
    default=3.0,
    show_default=True,
    help="How long each one is.",
)
@click.option(
    "--countdown",
    "countdown_s",
    type=click.FloatRange(0, LONGEST_S),
    default=3.0,
    show_default=True,
    help="Seconds before each one.",
)
@click.option("--source", default="0", show_default=True, help="Camera; a video file plays one.")
@click.option("--no-display", is_flag=True, help="Open no window.")
@click.option("--flip", is_flag=True, help="Show a mirror image; clips are kept as the camera sees.")
def command(
    label: str,
    output: Path,
    count: int,
    seconds: float,
    countdown_s: float,
    source: str,
    no_display: bool,
    flip: bool,
) -> int:
    """Record COUNT clips of one class into DIR/NAME, numbered on from those that lie there.

    q, Esc or Ctrl-C stops; complete clips stay. Record a class for nothing as well, such as "No gesture".
    """
    from tsm_edge.runtime.recorder import record_clips

    done = record_clips(
        label,
        output,
        source,
        count=count,
        seconds=seconds,
        countdown_s=countdown_s,
        display=not no_display and _has_display(),
        mirror=flip,
        on_moment=_say,
    )
    clips = f"{len(done.clips)} clip{'' if len(done.clips) == 1 else 's'}"
    click.echo(f"{clips} recorded into {done.folder}" + (", stopped early" if done.stopped else ""))
    return EXIT_INTERRUPTED if done.stopped else 0


def _say(moment: "Moment") -> None:
    words = {
        "countdown": f"clip {moment.number} in {moment.seconds} s",
        "recording": f"clip {moment.number} recording",
        "kept": f"clip {moment.number} kept: {moment.path}",
        "lost": f"clip {moment.number} begins anew: the camera was lost",
    }
    click.echo(words[moment.kind], err=True)


def _has_display() -> bool:
    from tsm_edge.runtime.window import display_problem

    problem = display_problem()
    if problem:
        click.echo(f"no window, {problem}; recording without (Ctrl-C stops)", err=True)
    return not problem
