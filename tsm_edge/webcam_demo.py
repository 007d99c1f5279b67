"""`python -m tsm_edge.webcam_demo`: a camera, a window, and what the network says of every frame."""

import click

from tsm_edge.cli.exits import EXIT_INTERRUPTED, add_verbose_option, run_and_exit
from tsm_edge.cli.run import SOURCES, LabelChanges, print_summary

__all__ = ["command"]

PROGRAM = "python -m tsm_edge.webcam_demo"


@click.command(
    "webcam_demo",
    epilog=SOURCES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.option(
    "--source", default="0", show_default=True, help="Camera, video, pictures or address; see below."
)
@click.option(
    "--bundle", type=click.Path(), help="Default: the default model, compiled once for this machine."
)
@click.option("--backend", default="tvm", show_default=True, help="tvm, onnxruntime or torch.")
@click.option("--threads", type=click.IntRange(min=1), help="Default: what the bundle was compiled for.")
@click.option("--headless", is_flag=True, help="Open no window.")
@click.option("--record", type=click.Path(), help="Write what is shown to a video, such as out.mp4.")
@click.option("--flip", is_flag=True, help="Show a mirror image; the network sees the picture as it is.")
@click.option("--max-frames", type=click.IntRange(min=1), help="End after that many frames.")
def command(
    source: str,
    bundle: str | None,
    backend: str,
    threads: int | None,
    headless: bool,
    record: str | None,
    flip: bool,
    max_frames: int | None,
) -> int:
    """Show a camera with what the network says of every frame.

    Keys: q or Esc quits, f fills the screen, r resets. A video file plays at its own rate.
    """
    from tsm_edge.runtime.capture import as_camera, open_source
    from tsm_edge.runtime.demo import run_demo

    # That there is no camera is better known before the default model is compiled than after.
    open_source(source).close()
    headless = headless or not _has_display()
    summary = run_demo(
        bundle or _host_bundle(),
        # Watching a file means watching it at its own rate.
        source if headless else as_camera(source),
        backend=backend,
        threads=threads,
        headless=headless,
        record=record,
        flip=flip,
        max_frames=max_frames,
        on_prediction=LabelChanges().show,
    )
    print_summary(summary, [record] if record else [])
    return EXIT_INTERRUPTED if summary.interrupted else 0


def _has_display() -> bool:
    from tsm_edge.runtime.window import display_problem

    problem = display_problem()
    if problem:
        click.echo(f"{PROGRAM}: no window, {problem}; running headless (Ctrl-C ends it)", err=True)
    return not problem


def _host_bundle() -> str:
    from tsm_edge.cache import host_bundle

    return str(host_bundle(lambda text: click.echo(f"{PROGRAM}: {text}", err=True)))


add_verbose_option(command)

if __name__ == "__main__":
    run_and_exit(command, None, PROGRAM)
