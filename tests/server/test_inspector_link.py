"""The one-time link of `sidecar inspect` opens the inspector once, and is refused otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from signaling_sidecar.server.admin.inspector_links import MAX_LINKS, VALID_S, InspectorLinks
from tests.kit.serving import Served
from tests.kit.sidecar_command import run_here, serving

ROOMS = "/inspector/api/rooms"


async def new_code(served: Served) -> str:
    token = {"Authorization": f"Bearer {served.sidecar.admin_token}"}
    async with served.client.post("/admin/v1/inspector-link", json={}, headers=token) as answer:
        code: str = (await answer.json())["code"]
        return code


async def enter(served: Served, code: str, **headers: str) -> tuple[int, Any]:
    async with served.client.post("/inspector/api/session", json={"code": code}, headers=headers) as answer:
        return answer.status, await answer.json() if answer.content_type == "application/json" else None


async def status(served: Served, path: str, token: str, **headers: str) -> int:
    async with served.client.get(path, headers={"Authorization": f"Bearer {token}"} | headers) as answer:
        return answer.status


async def test_a_link_opens_the_inspector_once(served: Served) -> None:
    code = await new_code(served)
    entered, body = await enter(served, code, Origin=str(served.client.make_url("")).rstrip("/"))
    assert entered == 200
    assert await status(served, ROOMS, body["token"]) == 200
    again, refused = await enter(served, code)
    assert (again, refused["code"]) == (401, "inspector-link-used")
    assert "sidecar inspect" in refused["message"]
    assert await status(served, ROOMS, body["token"]) == 200  # the first page can still use its token


@pytest.mark.parametrize("code", ["", "guess", "gue\udcff", "ä"])
async def test_a_wrong_code_opens_nothing(served: Served, code: str) -> None:
    await new_code(served)
    assert (await enter(served, code))[0] in (400, 401)
    assert await status(served, ROOMS, "guess") == 401


async def test_the_token_of_a_page_is_not_the_admins(served: Served) -> None:
    _, body = await enter(served, await new_code(served))
    assert await status(served, "/admin/v1/rooms", body["token"]) == 401


def test_a_link_expires_and_only_a_few_are_kept() -> None:
    now_s = 0.0
    links = InspectorLinks(lambda: now_s)
    first, *others = [links.new_code() for _ in range(MAX_LINKS + 1)]
    assert links.token_for(first) is None  # the codes after it have replaced it
    assert links.token_for(others[0]) is not None
    now_s = VALID_S
    assert links.token_for(others[1]) is None


REFUSED = {
    "a page of another port": {"Origin": "http://localhost:9999"},
    "no origin": {"Origin": "null"},
    "a foreign page": {"Sec-Fetch-Site": "cross-site"},
    "another port by fetch metadata": {"Sec-Fetch-Site": "same-site"},
    "DNS rebinding": {"Host": "evil.example", "Origin": "http://evil.example"},
    "a tunnel": {"Host": "abc.trycloudflare.com"},
}


@pytest.mark.parametrize("headers", REFUSED.values(), ids=REFUSED)
async def test_other_pages_are_refused_even_with_the_right_secrets(served: Served, headers: dict[str, str]) -> None:
    code = await new_code(served)
    assert (await enter(served, code, **headers))[0] == 403
    _, body = await enter(served, code)
    for token in (body["token"], served.sidecar.admin_token):
        assert await status(served, ROOMS, token, **headers) == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "192.168.1.20:8765"},
        *({name: "127.0.0.1"} for name in ("X-Forwarded-For", "X-Real-IP", "CF-Connecting-IP", "Via", "Forwarded")),
    ],
)
async def test_the_link_does_not_work_from_the_lan_or_through_a_proxy(served: Served, headers: dict[str, str]) -> None:
    code = await new_code(served)
    assert (await enter(served, code, **headers))[0] == 403
    _, body = await enter(served, code)
    assert await status(served, ROOMS, body["token"], **headers) == 401


def test_the_command_prints_a_link_whose_secrets_are_in_no_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    nothing_runs = run_here("inspect", "--state-dir", str(tmp_path))
    assert nothing_runs.returncode == 2
    assert nothing_runs.stderr.startswith("sidecar: no sidecar is running with the state folder ")
    with serving(tmp_path) as sidecar:
        link = run_here("inspect", "--no-open", "--state-dir", str(tmp_path)).stdout.strip()
        assert opened == []
        run_here("inspect", "--state-dir", str(tmp_path))
        [other] = opened
        start = f"{sidecar.ready['url']}/inspector/#code="
        assert link.startswith(start)
        assert other.startswith(start)
        assert link != other
        _, errors = sidecar.stop()
    written = errors + "".join(path.read_text() for path in tmp_path.glob("*.json*"))
    assert link.removeprefix(start) not in written
