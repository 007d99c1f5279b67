import pytest

from tsm_edge.errors import TsmEdgeError
from tsm_edge.runtime.bench.cold_start import measure_cold_start


def test_fresh_process_loads_and_steps(record):
    cold = record.backends[0].cold_start
    assert 0 < cold.load_ms < cold.process_ms
    assert 0 < cold.first_frame_ms < cold.process_ms
    assert cold.cold_start_ms == cold.load_ms + cold.first_frame_ms
    # ONNX Runtime's library alone is larger than this; the interpreter and numpy come on top.
    assert cold.growth_bytes > 5 << 20
    assert cold.peak_bytes > cold.growth_bytes


def test_failure_is_told_in_the_childs_own_words(tiny):
    with pytest.raises(TsmEdgeError, match=r"backend nothing failed in a fresh process: .*unknown backend"):
        measure_cold_start(tiny, "nothing", 1)
