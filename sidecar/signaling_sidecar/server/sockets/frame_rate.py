"""Limits how many frames a connection may send."""

from __future__ import annotations

FLOOD_FRAMES = 500  # refused frames after which nothing is read from the connection for a while
REST_S = 1.0  # seconds for which nothing is read after that
REPORT_GAP_S = 1.0  # seconds between two `too-fast` errors and records of one connection (PROTOCOLS.md, "Rule 6")


class FrameRate:
    """A token bucket that also counts the refused frames. The `now_s` of a call must not be before that of an earlier
    call."""

    __slots__ = ("_burst", "_flood", "_per_s", "_refused", "_reported_s", "_seen_s", "_tokens", "times")

    def __init__(self, per_s: float, burst: int, now_s: float) -> None:
        self._per_s = per_s
        self._burst = burst
        self.times = 1.0
        """The factor by which the rate and the burst are multiplied."""
        self._tokens = float(burst)
        self._seen_s = now_s
        self._refused = 0
        self._flood = 0
        self._reported_s = now_s - REPORT_GAP_S

    def admits(self, now_s: float) -> bool:
        """Count a frame and return True, if the limit allows the frame. Otherwise, return False: then the caller must
        refuse the frame and call `refused`."""
        most = self._burst * self.times
        tokens = self._tokens + (now_s - self._seen_s) * self._per_s * self.times
        if tokens > most:
            tokens = most
        is_admitted = tokens >= 1
        self._tokens = tokens - 1 if is_admitted else tokens
        self._seen_s = now_s
        return is_admitted

    def refused(self) -> None:
        """Count a refused frame."""
        self._refused += 1
        self._flood += 1

    def charge(self, frames: int) -> None:
        """Count more frames, because one frame has several commands. The number of tokens may become negative."""
        self._tokens -= frames

    def start_with(self, times: float) -> None:
        """Multiply the rate and the burst. Must be called when the connection has sent almost no frames yet."""
        self.times = times
        self._tokens *= times

    def needs_rest(self) -> bool:
        """Whether so many frames were refused that reading should pause. The call resets this count."""
        if self._flood < FLOOD_FRAMES:
            return False
        self._flood = 0
        return True

    def take_report(self, now_s: float) -> int:
        """Return the number of refused frames to report now, which is 0 if the last report is too recent. Must be
        called when a frame was refused."""
        if now_s - self._reported_s < REPORT_GAP_S:
            return 0
        self._reported_s = now_s
        return self.take_rest()

    def take_rest(self) -> int:
        """Return the number of refused frames that were not reported yet, even if the last report is recent."""
        count, self._refused = self._refused, 0
        return count
