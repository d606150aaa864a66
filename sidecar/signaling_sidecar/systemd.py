"""Support for systemd: report readiness, feed the watchdog, and use the listening socket that a `.socket` unit passes.

Without systemd, its environment variables are not set, and these functions do nothing.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket

from signaling_sidecar.errors import SettingsError

_FIRST_DESCRIPTOR = 3  # sd_listen_fds(3)
_US_PER_S = 1_000_000

logger = logging.getLogger("signaling_sidecar")


def notify(state: str) -> None:
    """Send a state to systemd, such as `READY=1` (sd_notify(3))."""
    path = os.environ.get("NOTIFY_SOCKET")
    if not path:
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to_systemd:
            to_systemd.sendto(state.encode(), "\0" + path[1:] if path.startswith("@") else path)
    except OSError as error:
        logger.warning("systemd cannot be told %s (%s)", state, error, extra={"code": "systemd"})


async def feed_watchdog() -> None:
    """Report to systemd that the event loop runs, twice in each interval, if the unit sets `WatchdogSec`.

    systemd restarts the sidecar if it gets no report for a whole interval (sd_watchdog_enabled(3)).
    """
    interval_us = os.environ.get("WATCHDOG_USEC", "")
    if not interval_us.isdecimal() or os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return
    while True:
        notify("WATCHDOG=1")
        await asyncio.sleep(int(interval_us) / _US_PER_S / 2)


def passed_socket() -> socket.socket | None:
    """Return the listening socket that a `.socket` unit has passed, or None if there is none (sd_listen_fds(3)).

    Raises SettingsError if systemd has passed anything else than one TCP socket.
    """
    count = os.environ.pop("LISTEN_FDS", None)  # removed, so that no child process tries to use the socket
    os.environ.pop("LISTEN_FDNAMES", None)
    if os.environ.pop("LISTEN_PID", None) != str(os.getpid()) or count is None:
        return None
    expected = "one TCP socket: a .socket unit with one ListenStream= that has a port"
    if count != "1":
        raise SettingsError("LISTEN_FDS", count, expected, "systemd")
    try:
        passed = socket.socket(fileno=_FIRST_DESCRIPTOR)
        is_listening = passed.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as error:
        raise SettingsError("LISTEN_FDS", str(error), expected, "systemd") from None
    if passed.family not in (socket.AF_INET, socket.AF_INET6) or passed.type != socket.SOCK_STREAM or not is_listening:
        passed.close()
        raise SettingsError("LISTEN_FDS", f"{passed.family.name}, {passed.type.name}", expected, "systemd")
    passed.set_inheritable(False)
    return passed
