"""Boards on loopback: TVM's own tracker and servers, as processes of their own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tsm_edge.errors import TuningError, UsageError
from tsm_edge.export.tuning import remote
from tsm_edge.export.tuning.database import read_database
from tsm_edge.export.tuning.measure import Measurer, measure_with
from tsm_edge.export.tuning.remote import RemoteMeasurer
from tsm_edge.export.tuning.search import Search
from tsm_edge.export.tuning.space import tunable_layers
from tsm_edge.targets import host_target

KEY = "board"
START_S = 40
# A server is a process and its worker; while it serves, the worker has a child.
PROCESSES_THAT_SERVE = 3


class Farm:
    """A tracker and its boards; each board is a session of processes that one signal ends."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self.tracker = f"127.0.0.1:{self.port}"
        self.processes = [self._start("rpc_tracker", self.port)]
        self.boards: list[subprocess.Popen[bytes]] = []
        wait_until(lambda: answers(self.port))

    def add_board(self, key: str = KEY) -> None:
        self.boards.append(
            self._start("rpc_server", free_port(), "--tracker", self.tracker, "--key", key, "--silent")
        )

    def _start(self, module: str, port: int, *arguments: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", f"tvm.exec.{module}", "--host", "127.0.0.1", "--port", str(port)]
        with (self.directory / f"{port}.log").open("wb") as log:
            return subprocess.Popen(
                [*command, "--port-end", str(port + 1), *arguments],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill_the_one_that_serves(self) -> None:
        wait_until(lambda: any(serves(board) for board in self.boards))
        self.kill(next(board for board in self.boards if serves(board)))

    def kill(self, board: "subprocess.Popen[bytes]") -> None:
        os.killpg(board.pid, signal.SIGKILL)
        board.wait()
        if board in self.boards:
            self.boards.remove(board)

    def close(self) -> None:
        for process in [*self.boards, *self.processes]:
            self.kill(process)


def serves(board: "subprocess.Popen[bytes]") -> bool:
    return 1 + len(psutil.Process(board.pid).children(recursive=True)) >= PROCESSES_THAT_SERVE


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    farm = Farm(tmp_path_factory.mktemp("farm"))
    try:
        farm.add_board()
        farm.add_board()
        yield farm
    finally:
        farm.close()


def search(measurer: Measurer, directory: Path) -> Search:
    return Search(host_target(), measurer, directory / "db.json")


def test_board_that_is_killed_in_mid_run_costs_nothing(farm, small_layers, tmp_path, monkeypatch):
    said: list[str] = []
    measurer = RemoteMeasurer(farm.tracker, KEY, said.append, wait_s=START_S)
    wait_until(lambda: measurer._count_boards() == (2, 2))
    conversations = 0

    def measure_once_without_power(probe, count):
        nonlocal conversations
        conversations += 1
        if conversations == 3:
            farm.kill_the_one_that_serves()
        return measure_with(probe, count)

    monkeypatch.setattr(remote, "measure_with", measure_once_without_power)
    run = search(measurer, tmp_path)
    results = list(run.run(small_layers, 12))
    layers = tunable_layers(small_layers, host_target())
    assert len(said) == 1
    assert said[0].startswith("a board was lost (")
    assert len(farm.boards) == 1
    assert sum(result.trials for result in results) == 12
    assert all(result.wrong == 0 and 0 < result.tuned_ms <= result.rule_ms for result in results)
    stored = read_database(run.database)
    assert [entry.layer for entry in stored] == [layer.key for layer in layers][: len(results)]
    assert {entry.device for entry in stored} == {f"{KEY} at {farm.tracker}"}

    # And when the last one goes too, what was measured stays and one line says what to do.
    conversations = 0
    measurer = RemoteMeasurer(farm.tracker, KEY, said.append, wait_s=1)
    run = search(measurer, tmp_path)
    with pytest.raises(TuningError, match=f"no board with the key '{KEY}' is connected") as caught:
        list(run.run(small_layers, 12))
    assert "\n" not in str(caught.value)
    assert len(read_database(run.database)) == len(stored)
    assert farm.boards == []


def test_board_that_is_silent_is_given_up(farm, small_layers, tmp_path, monkeypatch):
    farm.add_board("slow")
    said: list[str] = []
    measurer = RemoteMeasurer(farm.tracker, "slow", said.append, wait_s=START_S)
    measurer._wait_s, measurer._session_s = 1, 1
    monkeypatch.setattr(remote, "measure_with", lambda *_: time.sleep(4))
    with pytest.raises(TuningError, match=r"all 1 boards for slow at .* are busy or hang"):
        list(search(measurer, tmp_path).run(small_layers, 1))
    assert said == ["a board was lost (no answer within 1 s); the candidates go to another one"]


def test_library_that_no_board_can_load_is_one_line(farm, tmp_path):
    farm.add_board("another")  # it will be there again for each attempt
    library = tmp_path / "candidates.so"
    library.write_bytes(b"no library")
    said: list[str] = []
    measurer = RemoteMeasurer(farm.tracker, "another", said.append, wait_s=START_S)
    with pytest.raises(TuningError, match="boards in turn could not measure") as caught:
        measurer.measure(library, 1)
    assert "\n" not in str(caught.value)
    assert len(said) == remote.TRIES


@pytest.mark.parametrize("tracker", ["board", ":9190", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:99999"])
def test_address_is_host_and_port(tracker):
    with pytest.raises(UsageError, match=r"give HOST:PORT, such as"):
        RemoteMeasurer(tracker, KEY)


def test_tracker_that_is_not_there_is_one_line():
    with pytest.raises(
        TuningError, match=r"no TVM RPC tracker answers at 127\.0\.0\.1:.*rpc_tracker"
    ) as caught:
        RemoteMeasurer(f"127.0.0.1:{free_port()}", KEY)
    assert "\n" not in str(caught.value)


def test_something_else_that_listens_is_no_tracker(monkeypatch):
    monkeypatch.setattr(remote, "CONNECT_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(TuningError, match=r"no answer within 0\.5 s"):
            RemoteMeasurer(f"127.0.0.1:{port}", KEY)
