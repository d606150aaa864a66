"""The clock of the sidecar that a command asks, which may differ from the clock of this machine."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from http.client import HTTPResponse


class SidecarClock:
    """The clock of the sidecar whose records a command reads. Until `compare` is called, it is this machine's clock."""

    def __init__(self) -> None:
        self._ahead_s = 0.0

    def compare(self, asked_ts: float, answer: HTTPResponse) -> None:
        """Compare the two clocks by the header `Date` of a response, whose request was sent at `asked_ts`.

        The header has no fractions of a second, and the response was on its way for some time. So this assumes the
        smallest difference that explains the header. For two clocks that agree, this difference is 0.
        """
        try:
            date_ts = parsedate_to_datetime(answer.headers["Date"]).timestamp()
        except (TypeError, ValueError):  # a proxy has removed or changed the header
            return
        self._ahead_s = max(date_ts - time.time(), 0.0) or min(date_ts + 1 - asked_ts, 0.0)

    def now_ts(self) -> float:
        return time.time() + self._ahead_s
