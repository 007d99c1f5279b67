import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsm_edge.runtime.bench.statistics import summarise_latency

LATENCIES = st.lists(st.floats(min_value=1e-4, max_value=1e5), min_size=1, max_size=400)


@given(LATENCIES)
def test_percentiles_are_those_of_sorted_samples(samples):
    ordered = sorted(samples)
    summary = summarise_latency(samples)
    for percent, value in (
        (50, summary.p50_ms),
        (90, summary.p90_ms),
        (95, summary.p95_ms),
        (99, summary.p99_ms),
    ):
        position = percent / 100 * (len(ordered) - 1)
        below, above = ordered[math.floor(position)], ordered[math.ceil(position)]
        assert value == pytest.approx(below + (above - below) * (position - math.floor(position)))
        assert value == pytest.approx(np.percentile(samples, percent))


@given(LATENCIES)
def test_numbers_are_in_order_and_count_every_sample(samples):
    s = summarise_latency(samples)
    ascending = (s.min_ms, s.p50_ms, s.p90_ms, s.p95_ms, s.p99_ms, s.max_ms)
    assert list(ascending) == pytest.approx(sorted(ascending))
    assert (s.num_samples, s.min_ms, s.max_ms) == (len(samples), min(samples), max(samples))
    assert s.frames_per_second * s.mean_ms == pytest.approx(1e3)


@given(LATENCIES, st.floats(min_value=0.1, max_value=10))
def test_summary_has_the_samples_unit(samples, factor):
    once, scaled = summarise_latency(samples), summarise_latency([factor * sample for sample in samples])
    assert scaled.p95_ms == pytest.approx(factor * once.p95_ms)
    assert scaled.frames_per_second == pytest.approx(once.frames_per_second / factor)


@pytest.mark.parametrize("samples", [[], [1.0, math.nan], [math.inf], [0.0], [1.0, -1.0]])
def test_what_no_clock_gave_is_refused(samples):
    with pytest.raises(ValueError, match="cannot summarise"):
        summarise_latency(samples)
