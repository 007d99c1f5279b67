"""Boards behind a TVM RPC tracker: a library is uploaded to whichever is free, and each session begins anew.

A board that falls silent or drops its connection costs the candidates of one layer nothing but time: they go to the
next board with the same key. TVM's client has no deadlines, so each conversation is a thread that is given up when it
takes too long.
"""

import logging
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from pathlib import Path
from typing import Any, TypeVar

from tvm import rpc

from tsm_edge.errors import TsmEdgeError, TuningError, UsageError
from tsm_edge.export.tuning.measure import Measured, Probe, measure_with

__all__ = ["RemoteMeasurer"]

Answer = TypeVar("Answer")

CONNECT_S = 5.0
# A board that restarts, or ends another session, comes back within this.
WAIT_FOR_BOARD_S = 15.0
POLL_S = 0.2
# Candidates of one layer take seconds, also on a slow board; a conversation that takes longer is dead.
SESSION_S = 300.0
TRIES = 4


class RemoteMeasurer:
    """Boards that a tracker lists under one key."""

    def __init__(
        self,
        tracker: str,
        key: str,
        announce: Callable[[str], None] = lambda _: None,
        *,
        wait_s: float = WAIT_FOR_BOARD_S,
        session_s: float = SESSION_S,
    ) -> None:
        """Measure on boards.

        Args:
            tracker: HOST:PORT.
            key: What the boards' servers were started with.
            announce: Told of boards that were lost.
            wait_s: How long to wait for a board.
            session_s: How long a board may take for the candidates of one layer.

        Raises:
            UsageError: Not HOST:PORT.
            TuningError: Nothing answers there, or no such board is connected.
        """
        self._address = _parse_address(tracker)
        self._name = f"{key} at {tracker}"
        self._key = key
        self._announce = announce
        self._wait_s = wait_s
        self._session_s = session_s
        # TVM's own lines about reconnecting would tear the progress bar.
        logging.getLogger("RPCServer").setLevel(logging.ERROR)
        self._wait_for_board()

    @property
    def device(self) -> str:
        """Key and tracker: which of the boards it was is not known."""
        return self._name

    def measure(self, library: Path, count: int) -> tuple[Measured, ...]:
        """Measure the `count` candidates in `library` on one board, or on another one if that is lost.

        Raises:
            TuningError: No board is left, or all that were tried refused.
        """
        answer: tuple[Measured, ...] | str = ""
        for _ in range(TRIES):
            self._wait_for_board()
            try:
                answer = _with_deadline(lambda: self._try(library, count), self._session_s)
            except TimeoutError as error:
                answer = str(error)
            if not isinstance(answer, str):
                return answer
            self._announce(f"a board was lost ({answer}); the candidates go to another one")
            time.sleep(POLL_S)
        raise TuningError(f"{TRIES} boards in turn could not measure ({self._name}): {answer}")

    def _try(self, library: Path, count: int) -> tuple[Measured, ...] | str:
        """What was measured, or why the board was lost: an error that is kept would keep its session open."""
        try:
            return self._converse(library, count)
        except TsmEdgeError:
            raise
        except Exception as error:
            return _last_line(error)

    def _converse(self, library: Path, count: int) -> tuple[Measured, ...]:
        session = rpc.connect_tracker(*self._address).request(self._key, max_retry=1)
        # The contents, not the name: TVM would leave the file open.
        session.upload(bytearray(library.read_bytes()), library.name)
        module = session.load_module(library.name)
        return measure_with(Probe(module["tsm_tune_difference"], module["tsm_tune_sample"]), count)

    def _wait_for_board(self) -> None:
        """TVM's own request would wait for ever where there is none."""
        deadline = time.monotonic() + self._wait_s
        while True:
            connected, free = self._count_boards()
            if free:
                return
            if time.monotonic() > deadline:
                raise TuningError(_nobody(self._name, connected))
            time.sleep(POLL_S)

    def _count_boards(self) -> tuple[int, int]:
        """How many boards are connected, and how many of them are free."""
        try:
            # TVM's client tries for a minute before it says that nobody listens.
            socket.create_connection(self._address, CONNECT_S).close()
            summary = _with_deadline(lambda: _summary(self._address), CONNECT_S)
        except (OSError, RuntimeError, TimeoutError) as error:
            host, port = self._address
            raise TuningError(
                f"no TVM RPC tracker answers at {host}:{port}: {_last_line(error)}; "
                "start one with `python -m tvm.exec.rpc_tracker`"
            ) from error
        servers = [server for server in summary["server_info"] if server["key"] == f"server:{self._key}"]
        return len(servers), summary["queue_info"].get(self._key, {}).get("free", 0)


def _summary(address: tuple[str, int]) -> dict[str, Any]:
    tracker = rpc.connect_tracker(*address)
    try:
        summary: dict[str, Any] = tracker.summary()
        return summary
    finally:
        tracker.close()


def _nobody(name: str, connected: int) -> str:
    if connected:
        return f"all {connected} boards for {name} are busy or hang; free one, or restart its server"
    key, _, tracker = name.partition(" at ")
    return (
        f"no board with the key {key!r} is connected to the tracker {tracker}; "
        f"start `python -m tvm.exec.rpc_server --tracker {tracker} --key {key}` there"
    )


def _parse_address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise UsageError(f"tracker {text!r}; give HOST:PORT, such as 192.168.1.2:9190")
    return host.strip("[]"), int(port)


def _with_deadline(work: Callable[[], Answer], seconds: float) -> Answer:
    """What `work` returns or raises; TimeoutError if it does neither in time. Its thread then dies with the process."""
    future: Future[Answer] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except Exception as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    if not wait([future], seconds).done:
        raise TimeoutError(f"no answer within {seconds:g} s")
    return future.result()


def _last_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[-1].strip() if lines else type(error).__name__
