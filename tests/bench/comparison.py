"""Compare the figures of the sidecar with those of other servers."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan, nan
from typing import NamedTuple

from tests.bench import idling, joining, relaying
from tests.bench.contenders import BUN, NODE, OURS, PEERJS, Contender

Figures = dict[str, float]


class Row(NamedTuple):
    figure: str
    label: str
    must: float | None = None
    """The highest allowed ratio of the sidecar's figure to the better figure of Node.js and PeerJS."""
    must_to_bun: float | None = None


ROWS = (
    Row("cpu_us_1", "CPU for each offer, window 1 (µs)", 0.95, 3.0),
    Row("cpu_us_8", "CPU for each offer, window 8 (µs)", 0.7),
    Row("p50_us_1", "latency, window 1, median (µs)"),
    Row("p99_us_1", "latency, window 1, 99th percentile (µs)", 1.0),
    Row("p50_us_8", "latency, window 8, median (µs)"),
    Row("p99_us_8", "latency, window 8, 99th percentile (µs)"),
    Row("join_ms", f"CPU of {joining.PEERS} joins of one room (ms)", 0.45),
    Row("idle_kib", "memory for each idle peer (KiB)", 1.4),
)


def compare(contenders: Sequence[Contender], rounds: int) -> dict[str, Figures]:
    """Measure each figure several times, and keep the smallest values, because other programs can only make a server
    slower. The contenders take turns, because a machine is not equally fast all the time."""
    best: dict[str, Figures] = {contender.name: {} for contender in contenders}
    for _ in range(rounds):
        for measure in (relaying.measure, joining.measure, idling.measure):
            for contender in contenders:
                figures = best[contender.name]
                for name, value in measure(contender).items():
                    figures[name] = min(value, figures.get(name, value))
    return best


def table(best: dict[str, Figures]) -> list[str]:
    head = "".join(f"{name:>9}" for name in best)
    lines = [f"{'':41}{head}   to node or peerjs     to bun"]
    for row in ROWS:
        cells = "".join(_number(best[name].get(row.figure, nan)) for name in best)
        to_better = _ratio(best, row.figure, (NODE, PEERJS), row.must)
        to_bun = _ratio(best, row.figure, (BUN,), row.must_to_bun)
        lines.append(f"{row.label:41}{cells}   {to_better:17}     {to_bun}".rstrip())
    return lines


def _number(value: float) -> str:
    return f"{'-':>9}" if isnan(value) else f"{value:9.1f}"


def _ratio(best: dict[str, Figures], figure: str, rivals: Sequence[str], must: float | None) -> str:
    """Return the ratio of the sidecar's figure to the smallest figure of these rivals."""
    theirs = [best[rival][figure] for rival in rivals if figure in best.get(rival, {})]
    if not theirs or figure not in best[OURS.name]:
        return "-"
    goal = "" if must is None else f" (≤ {must:.2f})"
    return f"{best[OURS.name][figure] / min(theirs):.2f}{goal}"
