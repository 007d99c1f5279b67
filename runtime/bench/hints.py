"""What makes a benchmark's numbers worth less, and what to do about it."""

from collections.abc import Iterator

from tsm_edge.runtime.bench.record import BenchRecord, Machine

__all__ = ["hints"]

# A machine at rest stays below these; above them something else competed for the cores.
QUIET_LOAD_PER_CORE = 0.25
QUIET_STOLEN_SHARE = 0.01
QUIET_SPREAD = 1.5


def hints(record: BenchRecord) -> tuple[str, ...]:
    """One sentence for each thing that disturbed the run, or may have."""
    return (*_machine_hints(record.machine), *_spread_hints(record))


def _machine_hints(machine: Machine) -> Iterator[str]:
    slow = [governor for governor in machine.before.governors if governor != "performance"]
    if slow:
        yield f"clock governor {', '.join(slow)}; run `sudo cpupower frequency-set -g performance`"
    if machine.throttled:
        yield "the device slowed itself down for heat or voltage; cool it, check its supply and run again"
    load, cores = machine.before.load_1m, machine.device.cores
    if load is not None and load > QUIET_LOAD_PER_CORE * cores:
        yield f"load was {load:.1f} on {cores} cores before; stop other programs"
    if machine.stolen_share is not None and machine.stolen_share > QUIET_STOLEN_SHARE:
        yield f"the hypervisor gave {machine.stolen_share:.0%} of the time to other guests; run again"
    elif machine.device.virtual:
        yield "this is a virtual machine; compare engines within one run, not runs with each other"


def _spread_hints(record: BenchRecord) -> Iterator[str]:
    for backend in record.backends:
        summary = backend.latency.summary
        if summary.p95_ms > QUIET_SPREAD * summary.p50_ms:
            spread = summary.p95_ms / summary.p50_ms
            yield f"{backend.name}: p95 is {spread:.1f} times p50; something else ran, or it is too hot"
