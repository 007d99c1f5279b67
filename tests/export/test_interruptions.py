import signal
from threading import Thread

import pytest

from tsm_edge.export.interruptions import interruptions_held


@pytest.fixture
def heard():
    """Signal numbers that reached a handler of SIGTERM's; SIGINT keeps Python's own."""
    numbers = []
    before = signal.signal(signal.SIGTERM, lambda number, _: numbers.append(number))
    yield numbers
    signal.signal(signal.SIGTERM, before)


def test_interruption_waits_for_the_end_of_the_block():
    reached = []
    with pytest.raises(KeyboardInterrupt):
        with interruptions_held():
            signal.raise_signal(signal.SIGINT)
            reached.append("end")
    assert reached == ["end"]


def test_interruption_wins_over_the_error_that_the_block_ends_in():
    with pytest.raises(KeyboardInterrupt):
        with interruptions_held():
            signal.raise_signal(signal.SIGINT)
            raise RuntimeError


def test_impatience_is_one_interruption(heard):
    with interruptions_held():
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        assert heard == []
    assert heard == [signal.SIGTERM]


def test_handlers_are_as_before(heard):
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with interruptions_held():
        pass
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    signal.raise_signal(signal.SIGTERM)
    assert heard == [signal.SIGTERM]


def test_what_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interruptions_held():
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_are_left_alone():
    reached = []

    def work():
        with interruptions_held():
            reached.append("end")

    thread = Thread(target=work)
    thread.start()
    thread.join()
    assert reached == ["end"]
