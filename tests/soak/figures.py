"""Print the figures of a soak test, and check whether memory or open files have grown."""

from __future__ import annotations

from tests.soak.soak import Soak

MAY_GROW = 1.15  # highest allowed ratio of the last to the first memory: the allocator keeps some freed memory
MAY_GROW_KIB = 3000


def figures(soak: Soak) -> list[str]:
    counts = dict(sorted(soak.ledger.counts.items()))
    lines = [f"{name}: {number}" for name, number in counts.items()]
    for cause, seconds in sorted(soak.ledger.recoveries_s.items()):
        ordered = sorted(1000 * each for each in seconds)
        p50, p99 = ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]
        lines.append(f"back in the room after {cause}: {p50:.0f} ms p50, {p99:.0f} ms p99, {len(ordered)} times")
    for process, memory, descriptors in soak.growth:
        lines.append(f"{process}: {memory[0]} KiB, at the end {memory[1]}; {descriptors[0]} files, {descriptors[1]}")
    return lines


def too_much(soak: Soak) -> list[str]:
    """Return a sentence for each process whose memory or open files have grown too much."""
    return [
        f"{process} has grown"
        for process, memory, descriptors in soak.growth
        if memory[1] > max(MAY_GROW * memory[0], memory[0] + MAY_GROW_KIB) or descriptors[1] > descriptors[0]
    ]
