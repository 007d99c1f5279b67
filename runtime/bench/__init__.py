"""Measuring a bundle where it runs: compare first, then time, and say under which conditions.

`benchmark` is the whole of it; the modules beside it are its steps.
"""

from tsm_edge.runtime.bench.benchmark import benchmark
from tsm_edge.runtime.bench.options import BenchOptions
from tsm_edge.runtime.bench.record import BenchRecord, read_record, write_record
from tsm_edge.runtime.bench.verdict import Verdict, judge

__all__ = ["BenchOptions", "BenchRecord", "Verdict", "benchmark", "judge", "read_record", "write_record"]
