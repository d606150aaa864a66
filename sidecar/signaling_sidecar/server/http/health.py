"""The answers to `GET /health` and `GET /ready`, for supervisors and load balancers."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from aiohttp import web

from signaling_sidecar import __version__
from signaling_sidecar.server.http.access import CROSS_ORIGIN
from signaling_sidecar.server.http.open_handlers import open_to_all


class NotReady(NamedTuple):
    """Why no other client should be sent to this sidecar."""

    code: str
    message: str


DRAINING = NotReady("draining", "the sidecar is about to stop, and accepts no other connection")
LOG_NOT_WRITTEN = NotReady(
    "log-not-written", "the event log cannot be written, so a restart would lose what happens now"
)


class Health:
    """`is_draining` and `is_log_written` are called for each request of `/ready`."""

    def __init__(self, boot: str, is_draining: Callable[[], bool], is_log_written: Callable[[], bool]) -> None:
        self._boot = boot
        self._is_draining = is_draining
        self._is_log_written = is_log_written

    def routes(self) -> list[web.AbstractRouteDef]:
        return [web.get("/health", self._health), web.get("/ready", self._ready)]

    def why_not_ready(self) -> NotReady | None:
        if self._is_draining():
            return DRAINING
        return None if self._is_log_written() else LOG_NOT_WRITTEN

    @open_to_all
    async def _health(self, request: web.Request) -> web.Response:
        """Tell that this process is alive, whatever state it is in."""
        request[CROSS_ORIGIN] = True
        now_ms = round(time.time() * 1000)
        return web.json_response({"status": "ok", "timestamp": now_ms, "version": __version__, "boot": self._boot})

    @open_to_all
    async def _ready(self, request: web.Request) -> web.Response:
        """Tell whether other clients should be sent to this sidecar. It also serves those it has when it is not
        ready."""
        why = self.why_not_ready()
        headers = {"Cache-Control": "no-store"}
        if why is None:
            return web.json_response({"status": "ready"}, headers=headers)
        return web.json_response({"status": "not-ready", **why._asdict()}, status=503, headers=headers)
