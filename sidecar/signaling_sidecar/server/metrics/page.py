"""Adds the route `/metrics`, and checks who may read it and whether the extra `metrics` is installed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec

from aiohttp import web
from aiohttp.typedefs import Handler

from signaling_sidecar.auth.same_secret import is_same_secret
from signaling_sidecar.errors import MissingExtra
from signaling_sidecar.server.authorisation.tokens_in_requests import bearer_token
from signaling_sidecar.server.http.open_handlers import open_to_all
from signaling_sidecar.server.metrics.measured import Measured

COLLECTOR = "signaling_sidecar.server.metrics.collector"  # a module that needs the extra `metrics`


class MetricsPage:
    """`guarded` wraps a handler so that only the admin can call it. `own_token` returns the setting `metrics_token`.

    `begin` must be called before the first request.
    """

    def __init__(self, guarded: Callable[[Handler], Handler], own_token: Callable[[], str | None]) -> None:
        self._for_admin = guarded(self._metrics)
        self._own_token = own_token
        self._measured: Measured
        self._answer: Handler | None = None

    def begin(self, measured: Measured) -> None:
        self._measured = measured

    def routes(self) -> list[web.AbstractRouteDef]:
        return [web.get("/metrics", self._if_allowed)]

    @open_to_all  # because this handler checks the token itself
    async def _if_allowed(self, request: web.Request) -> web.StreamResponse:
        """Answer a request that has `metrics_token`, or a token of the admin.

        The admin's token changes with each run, so it cannot be in the configuration of a Prometheus server.
        """
        own, sent = self._own_token(), bearer_token(request)
        if own is not None and sent is not None and is_same_secret(own, sent):
            return await self._metrics(request)
        return await self._for_admin(request)

    async def _metrics(self, request: web.Request) -> web.StreamResponse:
        if self._answer is None:
            if find_spec("prometheus_client") is None:
                raise web.HTTPNotImplemented(text=f"{MissingExtra('/metrics', 'metrics')}\n")
            await asyncio.to_thread(import_module, COLLECTOR)  # in a thread, because the import takes long
        if self._answer is None:
            self._answer = self._load()
        return await self._answer(request)

    def _load(self) -> Handler:
        from prometheus_client.aiohttp import make_aiohttp_handler

        from signaling_sidecar.server.metrics.collector import registry_of

        return make_aiohttp_handler(registry_of(self._measured))
