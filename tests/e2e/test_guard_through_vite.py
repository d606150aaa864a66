"""Who is let in: the same straight to the sidecar, through the plugin, and through a plain proxy entry.

Vite checks neither Host nor Origin on an upgrade, so what is refused here is refused by the sidecar.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.programs import Start
from tests.e2e.ways import OpenWay, Way, directly, through_a_shorthand, through_an_object, through_the_plugin, upgrade

ALL_WAYS: list[OpenWay] = [directly, through_the_plugin, through_an_object, through_a_shorthand]
HOST_IS_KEPT = ALL_WAYS[:3]

Case = tuple[str, str | None]
"""Host and Origin of a request."""
LET_IN: list[Case] = [
    ("localhost:5173", None),
    ("localhost:5173", "http://localhost:5173"),
    ("localhost:5173", "https://localhost"),
    ("localhost:5173", "http://127.0.0.1:3000"),
    ("localhost:5173", "http://[::1]:3000"),
]
LET_IN_WHEN_THE_HOST_IS_KEPT: list[Case] = [
    ("app.localhost:5173", "http://app.localhost:5173"),
    ("192.168.1.20:5173", "http://192.168.1.20:5173"),
    ("192.168.1.20:5173", "https://192.168.1.20:5173"),
    ("[fd00::20]:5173", "http://[fd00::20]:5173"),
]
REFUSED: list[Case] = [
    ("localhost:5173", "http://evil.example"),
    ("localhost:5173", "http://localhost.evil.example"),
    ("localhost:5173", "http://localhost@evil.example"),
    ("localhost:5173", "null"),
    ("localhost:5173", "file://"),
    ("localhost:5173", "chrome-extension://abcdefgh"),
    ("evil.example", "http://evil.example"),  # DNS rebinding: both headers say the same
    ("192.168.1.20:5173", "http://192.168.1.20:9999"),
    ("192.168.1.20:5173", "http://192.168.1.21:5173"),
]
REFUSED_WHEN_THE_HOST_IS_KEPT: list[Case] = [
    ("evil.example", None),
    ("evil.example:5173", "http://localhost:5173"),
    ("localhost.:5173", None),
]


async def ask(way: Way, host: str, origin: str | None) -> int:
    headers = {"Host": host} | ({"Origin": origin} if origin is not None else {})
    return await upgrade(f"{way.url}/ws/signaling", headers)


@pytest.mark.usefixtures("npm_package")
@pytest.mark.parametrize("open_way", ALL_WAYS)
async def test_own_pages_are_let_in_and_strangers_refused(start: Start, tmp_path: Path, open_way: OpenWay) -> None:
    way = await open_way(start, tmp_path)
    let_in, refused = LET_IN, REFUSED
    if open_way in HOST_IS_KEPT:
        let_in, refused = LET_IN + LET_IN_WHEN_THE_HOST_IS_KEPT, REFUSED + REFUSED_WHEN_THE_HOST_IS_KEPT
    answers = {case: await ask(way, *case) for case in let_in + refused}
    assert answers == dict.fromkeys(let_in, 101) | dict.fromkeys(refused, 403)


@pytest.mark.usefixtures("npm_package")
@pytest.mark.parametrize("open_way", ALL_WAYS)
async def test_the_terminal_says_once_what_would_let_a_page_in(start: Start, tmp_path: Path, open_way: OpenWay) -> None:
    way = await open_way(start, tmp_path)
    for _ in range(3):
        assert await ask(way, "localhost:5173", "http://app.example") == 403
    assert await ask(way, "localhost:5173", "http://last.example") == 403
    await way.sidecar.program.line("last.example")
    hint = r"Origin 'http://app\.example': if it is yours, start the sidecar with --allow-origin http://app\.example"
    assert way.sidecar.program.count(hint) == 1
    assert way.sidecar.program.count("app.example") == 1


@pytest.mark.usefixtures("npm_package")
@pytest.mark.parametrize("open_way", ALL_WAYS)
async def test_an_allowed_origin_is_let_in(start: Start, tmp_path: Path, open_way: OpenWay) -> None:
    way = await open_way(start, tmp_path, "--allow-origin", "http://app.example")
    assert await ask(way, "localhost:5173", "http://app.example") == 101
    assert await ask(way, "localhost:5173", "http://app.example:8080") == 403


@pytest.mark.usefixtures("npm_package")
@pytest.mark.parametrize("open_way", HOST_IS_KEPT)
async def test_an_allowed_name_is_let_in(start: Start, tmp_path: Path, open_way: OpenWay) -> None:
    way = await open_way(start, tmp_path, "--allow-host", "dev.example")
    assert await ask(way, "dev.example:5173", "http://dev.example:5173") == 101
    assert await ask(way, "dev.example:5173", "http://dev.example:9999") == 403
    assert await ask(way, "other.example:5173", "http://other.example:5173") == 403
