"""Shows the inspector of a sidecar on another machine, for `sidecar inspect --url`.

A server on this machine serves the inspector's page, and forwards the requests of the page to the other machine. The
server adds the admin's token, which the browser never gets. Like the sidecar itself, the server answers only browsers
on this machine, and the page must be opened with a one-time link.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import aiohttp
from aiohttp import web
from aiohttp.typedefs import Handler
from yarl import URL

from signaling_sidecar.server.admin.bodies import json_answer
from signaling_sidecar.server.admin.inspector_links import (
    InspectorLinks,
    is_on_this_machine,
    link_used,
    refuse_other_pages,
)
from signaling_sidecar.server.authorisation.tokens_in_requests import bearer_token
from signaling_sidecar.server.inspector.page import PAGE_PATH, page_routes

API = f"{PAGE_PATH}/api"
CONNECT_WITHIN_S = 10.0  # seconds to connect; there is no timeout for answers, because the stream of changes is endless
STOP_WITHIN_S = 0.5  # seconds for open answers when the command ends; the stream of changes does not end by itself


async def show_remote_inspector(url: str, token: str, show: Callable[[str], None]) -> None:
    """Serve the inspector of the sidecar at `url` until the task is cancelled. Calls `show` with the link to the page.

    `token` must have the scope `admin`.
    """
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_WITHIN_S)
    async with aiohttp.ClientSession(
        timeout=timeout, headers={"Authorization": f"Bearer {token}"}, auto_decompress=False
    ) as session:
        remote = _RemoteInspector(url.rstrip("/"), session)
        runner = web.AppRunner(remote.app(), access_log=None, shutdown_timeout=STOP_WITHIN_S)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            _, port = runner.addresses[0]
            show(f"http://127.0.0.1:{port}{PAGE_PATH}/#code={remote.links.new_code()}")
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()


class _RemoteInspector:
    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.links = InspectorLinks()
        self._url, self._session = url, session
        self._refused = (
            f"{url} has refused the token: end `sidecar inspect`, and run it again with a valid token that has the "
            "scope `admin`"
        )

    def app(self) -> web.Application:
        app = web.Application(middlewares=[_only_here])
        app.add_routes([*page_routes(), web.post(f"{API}/session", self.links.enter)])
        app.add_routes([web.route("*", f"{API}/{{path:.+}}", self._pass_on)])
        return app

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        refuse_other_pages(request)
        token = bearer_token(request)
        if token is None or not self.links.is_token(token):
            return link_used()
        url = URL(self._url + request.rel_url.raw_path_qs, encoded=True)
        body = await request.read()
        headers = {"Content-Type": request.headers["Content-Type"]} if body else {}
        try:
            # Redirects are not followed, because they could lead to another server, which must not get the token.
            async with self._session.request(
                request.method, url, data=body or None, headers=headers, allow_redirects=False
            ) as answer:
                if _is_about_token(answer):
                    return json_answer({"code": "admin-token-refused", "message": self._refused}, 502)
                return await _passed_back(request, answer)
        except (aiohttp.ClientError, TimeoutError) as error:
            return json_answer({"code": "unreachable", "message": f"{self._url} does not answer: {error}"}, 502)


def _is_about_token(answer: aiohttp.ClientResponse) -> bool:
    """Whether the token was refused. The status 403 also has other reasons, such as a host that is not allowed."""
    return answer.status == 401 or (answer.status == 403 and "WWW-Authenticate" in answer.headers)


async def _passed_back(request: web.Request, answer: aiohttp.ClientResponse) -> web.StreamResponse:
    headers = {name: answer.headers[name] for name in ("Content-Type", "Content-Encoding") if name in answer.headers}
    response = web.StreamResponse(status=answer.status, headers={**headers, "Cache-Control": "no-store"})
    await response.prepare(request)
    try:
        async for chunk in answer.content.iter_any():
            await response.write(chunk)
    except aiohttp.ClientError:  # the page sees that the answer is cut off, and sends its request again
        if request.transport is not None:
            request.transport.abort()
    return response


@web.middleware
async def _only_here(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse a request that does not come from this machine, or whose Host is not a loopback name.

    The attack is DNS rebinding: a stranger's page sends requests to its own host name, which resolves to 127.0.0.1."""
    if not is_on_this_machine(request):
        raise web.HTTPForbidden(text="the inspector is only for the browser of this machine\n")
    return await handler(request)
