"""The static files of the inspector, and who may request its data."""

from __future__ import annotations

import pytest

from tests.kit.serving import Served


async def test_the_page_can_only_run_its_own_scripts_and_is_never_stored(served: Served) -> None:
    for path in ("/inspector/", "/inspector/start.js", "/inspector/page.css"):
        async with served.client.get(path) as answer:
            assert answer.status == 200
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "script-src 'self'" in policy
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert served.sidecar.admin_token not in await answer.text()


async def test_the_page_has_one_url(served: Served) -> None:
    async with served.client.get("/inspector", allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (308, "/inspector/")


@pytest.mark.parametrize("name", ["..%2Fapi.py", "%2e%2e%2fpage.py", "nothing.js", "api.py", "assets", "%00"])
async def test_no_other_file_is_served(served: Served, name: str) -> None:
    async with served.client.get(f"/inspector/{name}") as answer:
        assert answer.status == 404


async def test_the_data_need_the_token_and_no_page_of_another_origin_gets_them(served: Served) -> None:
    for path in ("inspector/changes", "inspector/rooms/rooms/bar", "rooms", "why", "records"):
        async with served.client.get(f"/inspector/api/{path}") as answer:
            assert answer.status == 401
    for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}):
        async with served.client.get("/inspector/", headers=headers) as answer:
            assert answer.status == 403
