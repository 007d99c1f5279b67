"""Ctrl-C in the middle of TVM's work."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread

__all__ = ["interruptions_held"]

STOPPING = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def interruptions_held() -> Iterator[None]:
    """Let Ctrl-C wait until the block is over, a second or two in TVM's case.

    An exception in the middle of TVM's builders makes their C++ half print warnings as it is torn down, and one that
    passes through a callback comes back as a RuntimeError, which is taken for a failure.
    """
    if current_thread() is not main_thread():  # no other one is interrupted
        yield
        return
    held: list[int] = []
    # What is ignored, or ends the process by itself, needs no waiting.
    before = {number: handler for number in STOPPING if callable(handler := signal.getsignal(number))}
    try:
        for number in before:
            signal.signal(number, lambda number, _: held.append(number))
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if held:
            signal.raise_signal(held[0])
