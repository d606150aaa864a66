"""Answers `GET /health` and `GET /ready`, for supervisors and load balancers."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from aiohttp import web

from signaling_sidecar import __version__
from signaling_sidecar.server.http.access import CROSS_ORIGIN
from signaling_sidecar.server.http.open_handlers import open_to_all


class NotReady(NamedTuple):
    """The reason why a load balancer should send no new clients to this sidecar."""

    code: str
    message: str


DRAINING = NotReady("draining", "the sidecar is about to stop, and accepts no new connections")
LOG_NOT_WRITTEN = NotReady(
    "log-not-written", "the event log cannot be written, so a restart would lose what happens now"
)
NOT_IN_CLUSTER = NotReady("not-in-cluster", "the sidecar is not in its cluster at the moment")


def redis_away(wrong: str) -> NotReady:
    """Return the reason to show while Redis cannot be used. Anybody can read `wrong`, so it must contain no secret."""
    return NotReady("redis-away", f"nothing reaches the peers at the moment: {wrong}")


class Health:
    """`is_draining` and `why_not_ready` are called for each request of `/ready`."""

    def __init__(
        self, boot: str, is_draining: Callable[[], bool], why_not_ready: Callable[[], NotReady | None]
    ) -> None:
        self._boot = boot
        self._is_draining = is_draining
        self._why_not_ready = why_not_ready

    def routes(self) -> list[web.AbstractRouteDef]:
        return [web.get("/health", self._health), web.get("/ready", self._ready)]

    def why_not_ready(self) -> NotReady | None:
        return DRAINING if self._is_draining() else self._why_not_ready()

    @open_to_all
    async def _health(self, request: web.Request) -> web.Response:
        """Report that this process responds, even if the sidecar is not ready."""
        request[CROSS_ORIGIN] = True
        now_ms = round(time.time() * 1000)
        return web.json_response({"status": "ok", "timestamp": now_ms, "version": __version__, "boot": self._boot})

    @open_to_all
    async def _ready(self, request: web.Request) -> web.Response:
        """Report whether a load balancer should send new clients to this sidecar. Clients that are connected already
        are served in any case."""
        why = self.why_not_ready()
        headers = {"Cache-Control": "no-store"}
        if why is None:
            return web.json_response({"status": "ready"}, headers=headers)
        return web.json_response({"status": "not-ready", **why._asdict()}, status=503, headers=headers)
