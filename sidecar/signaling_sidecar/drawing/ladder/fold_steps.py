"""Folds signals that a peer repeats, such as heartbeats or the position of a cursor, into one row of a ladder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby

from signaling_sidecar.drawing.ladder.steps import Look, Run, Step

LEAST_RUN = 4  # equal steps; fewer have a row each, because three rows are as easy to read as one
MAX_PAUSE_S = 60.0  # seconds between two equal steps; after a longer pause a new run begins
_FOLDED = (Look.CANDIDATE, Look.OTHER)  # descriptions, joins and leaves always have a row of their own


def fold_steps(steps: Iterable[Step]) -> Iterator[Step]:
    """Replace each run of at least `LEAST_RUN` equal steps by one step. Runs of different steps may overlap. A step
    that is never folded, such as a join, ends all runs."""
    for is_folded, stretch in groupby(steps, key=lambda step: step.look in _FOLDED):
        there = list(stretch)
        yield from _fold(there) if is_folded else there


def _fold(stretch: Sequence[Step]) -> list[Step]:
    runs: dict[object, list[list[Step]]] = {}
    for step in stretch:
        alike = runs.setdefault((step.look, step.column, step.to, step.what), [[]])
        if alike[-1] and step.record.ts - alike[-1][-1].record.ts > MAX_PAUSE_S:
            alike.append([])
        alike[-1].append(step)
    return sorted(chain.from_iterable(map(_as_one, chain.from_iterable(runs.values()))), key=lambda step: step.seq)


def _as_one(run: Sequence[Step]) -> Sequence[Step]:
    if len(run) < LEAST_RUN:
        return run
    first, last = run[0], run[-1].record
    detail = f"seq {first.seq} to {last.seq}" + (f"; the first: {first.detail}" if first.detail else "")
    return [first._replace(detail=detail, run=Run(len(run), last))]
