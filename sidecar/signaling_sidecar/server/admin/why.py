"""`GET /admin/v1/why`: the verdicts of `sidecar why`, on the running sidecar."""

from __future__ import annotations

from pathlib import Path

import msgspec
from aiohttp import web

from signaling_sidecar.diagnosis import Diagnosis, diagnose_running, why
from signaling_sidecar.errors import SidecarError
from signaling_sidecar.server.pages.shared_work import FreshWork, in_a_thread

REST = 2.0  # times the duration; reading a large log takes seconds, and may use a third of a processor


class WhyApi:
    """`folder` is the folder of the event log."""

    def __init__(self, folder: Path) -> None:
        self._diagnosis: FreshWork[Diagnosis] = FreshWork(lambda: diagnose_running(folder), REST)

    async def answer(self, request: web.Request) -> web.Response:
        try:
            diagnosis = await self._diagnosis.ask()
        except (SidecarError, OSError) as error:
            body = msgspec.json.encode({"code": "log-unreadable", "message": str(error)})
            return web.Response(body=body, status=503, content_type="application/json")
        room, dialect = request.query.get("room"), request.query.get("dialect")
        body = await in_a_thread(lambda: msgspec.json.encode(why(diagnosis.only(room, dialect))))
        return web.Response(body=body, content_type="application/json")
