"""A screen in memory (Xvfb), what it shows, and keys for it (xdotool)."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

__all__ = ["press", "screenshot", "virtual_screen", "wait_for", "wait_until_shown"]

TIMEOUT_S = 60
PATIENCE_S = 5
SCREEN = (1024, 768)
# Header of an X window dump: big-endian words; the pixels follow header and colour map.
HEADER_WORDS, COLOUR_BYTES = 25, 12


@contextmanager
def virtual_screen(folder: Path) -> Iterator[tuple[str, Path]]:
    """Give the screen's name and the file in `folder` that holds its pixels; skips where there is no Xvfb."""
    if shutil.which("Xvfb") is None or shutil.which("xdotool") is None:
        pytest.skip("needs Xvfb and xdotool (apt-get install xvfb xdotool)")
    reading, writing = os.pipe()
    # noreset: else the server starts over when its last client leaves, as a program's look for a display does, and
    # may lose the window that comes right after.
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", f"{SCREEN[0]}x{SCREEN[1]}x24"]
    command += ["-fbdir", str(folder), "-noreset", "-nolisten", "tcp"]
    with subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL) as server:
        os.close(writing)
        try:
            with os.fdopen(reading) as number:
                yield f":{number.readline().strip()}", folder / "Xvfb_screen0"
        finally:
            server.terminate()


def screenshot(dump: Path) -> np.ndarray:
    """The screen's pixels, (H, W, 3) uint8 BGR."""
    data = dump.read_bytes()
    header = np.frombuffer(data, ">u4", HEADER_WORDS)
    start = int(header[0] + header[19] * COLOUR_BYTES)
    rows = np.frombuffer(data, np.uint8, SCREEN[0] * SCREEN[1] * 4, start)
    return rows.reshape(SCREEN[1], SCREEN[0], 4)[..., :3]


def wait_for(condition: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    """Wait until `condition` holds while `process` goes on."""
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "never happened"
        time.sleep(0.05)


def wait_until_shown(
    display: str, condition: Callable[[], bool], process: "subprocess.Popen[str]", title: str = "^tsm-edge"
) -> None:
    """Wait for what a window shows. Without a window manager Qt now and then misses that it may be painted; shown
    once more, it is.
    """
    again = time.monotonic() + PATIENCE_S

    def is_shown() -> bool:
        nonlocal again
        if time.monotonic() > again:
            again = time.monotonic() + PATIENCE_S
            show_again = ["search", "--name", title, "windowunmap", "--sync", "windowmap", "--sync"]
            press(display, *show_again, check=False)  # it may not be there yet
        return condition()

    wait_for(is_shown, process)


def press(display: str, *what: str, check: bool = True) -> None:
    """Do with xdotool what the words say."""
    subprocess.run(["xdotool", *what], env=os.environ | {"DISPLAY": display}, check=check)
