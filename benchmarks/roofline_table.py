"""Roofline sheets as Markdown tables: one row a kernel rule, launches stay in the result files."""

from collections.abc import Sequence

from roofline_record import LaunchProjection, RooflineRecord

__all__ = ["roofline_table"]

HEADER = (
    "kernels by rule",
    "launches",
    "ms",
    "GFLOP/s",
    "MB",
    "GB/s",
    "registers",
    "occupancy",
    "multiply-adds",
    "mostly bound by",
)


def roofline_table(records: Sequence[RooflineRecord]) -> str:
    """One table a sheet, float32 first, and what was assumed once below them."""
    ordered = sorted(records, key=lambda record: (record.target, record.model, record.precision != "fp32"))
    tables = [_of_one_sheet(record) for record in ordered]
    return "\n\n".join([*tables, f"Assumed: {'; '.join(ordered[0].assumptions)}."])


def _of_one_sheet(record: RooflineRecord) -> str:
    rules = dict.fromkeys(launch.rule for launch in record.launches)
    groups = {rule: [launch for launch in record.launches if launch.rule == rule] for rule in rules}
    rows = [_row(name, group) for name, group in {**groups, "all": record.launches}.items()]
    caption = (
        f"{record.model} at {record.image_size} pixels, {record.precision}, compiled for {record.target}, "
        f"**projected** and not run: **{record.projected_ms:.2f} ms** a frame. Registers by ptxas, instructions by "
        f"nvdisasm {record.versions['nvdisasm']}; peak {record.peak_gflop_per_s:.0f} GFLOP/s, "
        f"{record.bandwidth_gb_s:g} GB/s; bytes as often as they come from memory; {record.started_at[:10]}, "
        f"`{record.command}`."
    )
    return f"{caption}\n\n{_markdown(rows)}"


def _row(name: str, launches: Sequence[LaunchProjection]) -> list[str]:
    """Shares and occupancy weighted by the launches' times."""
    milliseconds = sum(launch.projected_ms for launch in launches)
    moved = sum(launch.dram_bytes for launch in launches)
    registers = sorted({launch.registers for launch in launches})
    bounds: dict[str, float] = {}
    for launch in launches:
        bounds[launch.bound] = bounds.get(launch.bound, 0.0) + launch.projected_ms
    return [
        name,
        str(len(launches)),
        f"{milliseconds:.2f}",
        f"{sum(launch.flop for launch in launches) / milliseconds / 1e6:.0f}",
        f"{moved / 1e6:.1f}",
        f"{moved / milliseconds / 1e6:.1f}",
        str(registers[0]) if len(registers) == 1 else f"{registers[0]} to {registers[-1]}",
        f"{_mean(launches, 'occupancy'):.0%}",
        f"{_mean(launches, 'multiply_add_share'):.0%}",
        max(bounds, key=lambda bound: bounds[bound]),
    ]


def _mean(launches: Sequence[LaunchProjection], attribute: str) -> float:
    weighted = sum(launch.projected_ms * getattr(launch, attribute) for launch in launches)
    return float(weighted / sum(launch.projected_ms for launch in launches))


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    rule = ["---", *["---:"] * (len(HEADER) - 2), "---"]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (HEADER, rule, *rows))
