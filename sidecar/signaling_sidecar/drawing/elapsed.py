"""Writes durations, and times since the first record, as the drawings show them."""

from __future__ import annotations

LONG_S = 600.0  # seconds; longer durations are written in hours and minutes
DAY_S = 86_400


def duration(seconds: float) -> str:
    """Write `1.500 s`, or for a long time `0:10:01` or `2 d 0:00:01`."""
    return f"{seconds:.3f} s" if abs(seconds) < LONG_S else on_a_clock(seconds)


def since_start(seconds: float) -> str:
    """Write a duration with its sign: `+1.500 s`."""
    return f"{'-' if seconds < 0 else '+'}{duration(abs(seconds))}"


def on_a_clock(seconds: float, *, with_ms: bool = False) -> str:
    """Write `0:10:01` or `2 d 0:00:01`."""
    whole_s, ms = divmod(round(seconds * 1000), 1000)
    days, rest_s = divmod(whole_s, DAY_S)
    clock = f"{rest_s // 3600}:{rest_s // 60 % 60:02}:{rest_s % 60:02}" + (f".{ms:03}" if with_ms else "")
    return f"{days} d {clock}" if days else clock
