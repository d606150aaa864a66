"""The signals that stop a sidecar."""

from __future__ import annotations

import signal


def stop_signals() -> list[signal.Signals]:
    """Return SIGINT, SIGTERM and SIGHUP, which is sent when a terminal is closed.

    SIGHUP is left out on Windows, and if this process ignores it, as with `nohup`, which lets programs outlive their
    terminal.
    """
    numbers = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    return numbers
