"""Handles `POST /admin/v1/revoke`, with which an admin revokes access tokens."""

from __future__ import annotations

from aiohttp import web

from signaling_sidecar.errors import NOT_JSON, Code, StateDirUnusable
from signaling_sidecar.server.admin.bodies import json_answer, read_body
from signaling_sidecar.server.authorisation.revoking import NotShared, Revoke, Revoking


async def revoke(revoking: Revoking | None, request: web.Request) -> web.Response:
    """Handle the request. `revoking` is None if the sidecar has no tokens that can be revoked."""
    try:
        asked = await read_body(request, Revoke)
    except NOT_JSON as error:
        return json_answer({"code": Code.BAD_FIELD, "message": str(error)}, 400)
    if revoking is None or revoking.is_full:
        why = "only tokens of --auth jwt can be revoked" if revoking is None else "too many tokens are revoked already"
        return json_answer({"code": "not-revoked", "message": why}, 409)
    try:
        return json_answer({"closed": await revoking.revoke(asked)})
    except StateDirUnusable as error:
        message = f"the tokens are refused, but only until the sidecar is started again: {error}"
        return json_answer({"code": "not-kept", "message": message}, 503)
    except NotShared:
        message = "the tokens are refused here, and by the other sidecars of the cluster as soon as Redis answers again"
        return json_answer({"code": "not-shared", "message": message}, 503)
