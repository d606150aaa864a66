"""No file, output or answer of the sidecar contains a token."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from tests.dialects.manners import MANNERS
from tests.dialects.manners.meeting import enter
from tests.kit.guarded import (
    JWT,
    SHARED_SECRET,
    bearer,
    refused_handshake,
    token,
)
from tests.kit.serving import serve
from tests.server.auth.cast import SETTINGS


@pytest.mark.parametrize("auth", ["jwt", "token"])
async def test_no_token_is_found_in_any_file_output_or_answer(
    aiohttp_client: AiohttpClient,
    tmp_path: Path,
    auth: str,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    settings = JWT if auth == "jwt" else {"auth": "token", "auth_token": SHARED_SECRET}
    served = await serve(aiohttp_client, tmp_path / "state", **settings, **SETTINGS)
    shown: list[str] = []

    def shows() -> str:
        shown.append(token() if auth == "jwt" else SHARED_SECRET)
        return shown[-1]

    wrong = [
        value for value in ("a-wrong-token-of-an-attacker-" + "x" * 20, token(aud="other"), "bad token/=") if value
    ]
    answers: list[str] = []
    for value in wrong:
        for headers in (bearer(value), {"Sec-WebSocket-Protocol": f"bearer.{value}, signaling"}):
            _, text = await refused_handshake(served, "/ws/signaling/mesh", headers=headers)
            answers.append(text)
        answers.append((await refused_handshake(served, f"/ws/signaling/mesh?token={value}"))[1])
        answers.append((await refused_handshake(served, f"/ws/signaling/peerjs?id=a&token={value}&key=k"))[1])
        ann = await served.connect()
        answers.append(json.dumps(await ann.join("ann", token=value)))
        answers.append(json.dumps(await ann.join("ann", token=[value])))
        answers.append(json.dumps(await ann.ask('{"type":"join","roomId":"bar","token":"' + value + '",')))
        await ann.socket.close()
    ann = await served.connect()
    answers.append(json.dumps(await ann.join("ann", token=shows(), resume=True)))
    for number, parameter in enumerate(("token", "key")):
        values = {"token": "random", "key": "peerjs", parameter: shows()}
        path = f"/ws/signaling/peerjs?id=ann-{number}&key={values['key']}&token={values['token']}"
        answers.append(json.dumps(await (await served.connect(path)).receive()))
    for dialect, manners in MANNERS.items():
        peer = await enter(served, manners, "secret-room", "ann", headers=bearer(shows()))
        if manners.entered("", "", []) is not None:
            answers.append(json.dumps(await peer.receive()))
        offered = [f"bearer.{shows()}", "signaling"]
        answers.append(str((await served.connect(manners.path("room-2", dialect), protocols=offered)).socket.protocol))
    async with served.client.get(f"/ws/signaling/{shows()}/peers") as answer:
        answers.append(await answer.text())
    admin = bearer(served.sidecar.admin_token)
    for path in ("/admin/v1/rooms", "/admin/v1/records", "/admin/v1/why?follow=0", "/health", "/ws/signaling/status"):
        async with served.client.get(path, headers=admin) as answer:
            answers.append(await answer.text())
    await served.stop()
    files = [file.read_bytes() for file in (tmp_path / "state").rglob("*") if file.is_file()]
    out, err = capfd.readouterr()
    text = b"".join((*files, *(each.encode() for each in (*answers, caplog.text, out, err))))
    assert b"peer.joined" in text
    for value in {*shown, *wrong}:
        for part in {value, *value.split(".")}:
            assert len(part) < 20 or part.encode() not in text, part
