"""`/metrics`, read with the parsers of prometheus-client."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client.openmetrics import parser as openmetrics
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.dialects import DIALECTS
from signaling_sidecar.errors import Code
from signaling_sidecar.hub import Ending
from tests.kit.metrics import Samples, samples_of, scrape
from tests.kit.receiving import receive_json
from tests.kit.serving import Served, serve
from tests.kit.sidecar_command import serving

TOKEN = "a-token-for-prometheus-" + 12 * "x"


HOOKS = """
def on_join(join):
    return join.peer.index("a") >= 0
"""


def test_prometheus_can_scrape_a_running_sidecar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hooks.py").write_text(HOOKS)
    monkeypatch.setenv("SIDECAR_METRICS_TOKEN", TOKEN)

    async def use(url: str) -> tuple[Samples, str]:
        async with (
            aiohttp.ClientSession(url, headers={"Authorization": f"Bearer {TOKEN}"}) as session,
            session.ws_connect("/ws/signaling") as ann,
            session.ws_connect("/ws/signaling") as ada,
            session.ws_connect("/ws/signaling") as ben,
            session.ws_connect("/ws/signaling/mesh") as cat,
        ):
            for socket, peer in ((ann, "ann"), (ada, "ada")):
                await socket.send_json({"type": "join", "roomId": "bar", "peerId": peer, "resume": True})
                listed = await receive_json(socket)
            await ben.send_json({"type": "join", "roomId": "bar", "peerId": "ben"})
            assert (await receive_json(ben))["code"] == Code.REFUSED_BY_HOOK
            await cat.send_json({"type": "join", "peerId": "cat"})
            await receive_json(cat)
            await ada.send_json({"type": "offer", "to": "ann", "sdp": "v=0", "c": 1})
            await ada.send_json({"type": "offer", "to": "nobody", "sdp": "v=0", "c": 2})
            await receive_json(ada)
            await ada.close(code=4999)
            for token in (listed["resume"]["token"], "wrong"):
                resume = {"token": token, "after": 0}
                async with session.ws_connect("/ws/signaling") as again:
                    peer = {"peerId": "ada", "instance": "page"}
                    await again.send_json({"type": "join", "roomId": "bar", **peer, "resume": resume})
                    await receive_json(again)
                    await again.close(code=4999)
            async with session.get("/metrics") as answer:
                text = await answer.text()
            async with session.get("/metrics", headers={"Accept": "application/openmetrics-text"}) as answer:
                assert answer.content_type == "application/openmetrics-text"
                return samples_of(text), await answer.text()

    with serving(tmp_path / "state", "--hooks", str(tmp_path / "hooks.py")) as sidecar:
        samples, open_text = asyncio.run(use(sidecar.ready["url"]))
        _, errors = sidecar.stop()
    assert TOKEN not in errors
    expected: dict[tuple[str, tuple[str, ...]], float] = {
        ("signaling_ready", ()): 1,
        ("signaling_connections", ("rooms",)): 2,
        ("signaling_connections", ("mesh",)): 1,
        ("signaling_connections", ("pairing",)): 0,
        ("signaling_connections_limit", ()): 5000,
        ("signaling_rooms", ("rooms",)): 1,
        ("signaling_peers", ("rooms", "connected")): 1,
        ("signaling_relays_total", ("rooms",)): 1,
        ("signaling_refusals_total", ("no-such-peer", "rooms")): 1,
        ("signaling_refusals_total", ("refused-by-hook", "rooms")): 1,
        ("signaling_refusals_total", ("internal", "rooms")): 0,
        ("signaling_hook_failures_total", ("on_join",)): 1,
        ("signaling_hook_failures_total", ("on_leave",)): 0,
        ("signaling_resumptions_total", ("resumed",)): 1,
        ("signaling_resumptions_total", ("token",)): 1,
        ("signaling_resumptions_total", ("gap",)): 0,
        ("signaling_connections_closed_total", ("peer", "lost")): 3,
        ("signaling_frames_received_total", ()): 8,
        ("signaling_outbox_bytes", ()): 0,
        ("signaling_log_written", ()): 1,
        ("signaling_log_records_lost_total", ()): 0,
        ("signaling_records_total", ("peer.joined",)): 4,
    }
    assert {key: samples[key] for key in expected} == expected
    assert samples["signaling_frames_sent_total", ()] >= 8  # answers to the frames, and perhaps a ping
    assert samples["process_resident_memory_bytes", ()] > 1e7
    assert list(openmetrics.text_string_to_metric_families(open_text))


# --- who may read it -------------------------------------------------------------------------------------------------


async def status(served: Served, path: str = "/metrics", **headers: str) -> int:
    async with served.client.get(path, headers=headers) as answer:
        return answer.status


async def test_metrics_need_the_admin_token_or_their_own(aiohttp_client: AiohttpClient, tmp_path: Path) -> None:
    served = await serve(aiohttp_client, tmp_path, metrics_token=TOKEN)
    assert await status(served) == 401
    assert await status(served, Authorization="Bearer wrong") == 401
    assert await status(served, Authorization=f"Basic {TOKEN}") == 401
    assert await status(served, "/metrics?token=" + TOKEN) == 401
    assert await status(served, Authorization=f"Bearer {TOKEN}") == 200
    assert await status(served, Authorization=f"Bearer {served.sidecar.admin_token}") == 200


async def test_the_token_for_metrics_opens_nothing_else(aiohttp_client: AiohttpClient, tmp_path: Path) -> None:
    served = await serve(aiohttp_client, tmp_path, metrics_token=TOKEN)
    assert await status(served, "/admin/v1/rooms", Authorization=f"Bearer {TOKEN}") == 401
    assert await status(served, "/inspector/api/rooms", Authorization=f"Bearer {TOKEN}") == 401


async def test_a_page_of_another_origin_or_with_another_host_cannot_read_metrics(served: Served) -> None:
    admin = {"Authorization": f"Bearer {served.sidecar.admin_token}"}
    assert await status(served, Host="evil.example", **admin) == 403
    assert await status(served, Origin="https://evil.example", **admin) == 403


async def test_without_the_extra_the_answer_names_it(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    headers = {"Authorization": f"Bearer {served.sidecar.admin_token}"}
    async with served.client.get("/metrics", headers=headers) as answer:
        assert answer.status == 501
        assert await answer.text() == (
            "/metrics needs packages that are not installed: pip install 'signaling-sidecar[metrics]'\n"
        )


# --- what it says ----------------------------------------------------------------------------------------------------


async def test_no_label_has_a_value_that_a_client_has_chosen(served: Served) -> None:
    before = await scrape(served)
    for number in range(20):
        peer = await served.connect(headers={"User-Agent": f"chosen-{number}", "X-Forwarded-For": f"10.9.8.{number}"})
        await peer.join(
            f"chosen-{number}", f"chosen-room-{number}", name=f"chosen {number}", instance=f"chosen-{number}"
        )
        for frame in ({"type": f"chosen-{number}"}, {"type": "offer", "to": f"chosen-{number}"}, "chosen {", b"chosen"):
            await peer.ask(frame)
        await peer.socket.close(code=4000 + number, message=b"chosen")
    while len(served.records("connection.closed")) < 20:
        await served.settled()
    after = await scrape(served)
    known = {*DIALECTS, *Code, *Ending, "none", "peer", "sidecar", "connected", "away", "resumed", "gap", "token"}
    known |= {record["type"] for record in served.records()} | {"0", "1", "2"}  # Python's generations of objects
    new = {value for key in after.keys() - before.keys() for value in key[1]}
    assert new <= known
    assert "unknown-type" in new
    assert len(after) < 150


async def test_the_slowest_reader_is_shown(aiohttp_client: AiohttpClient, tmp_path: Path) -> None:
    served = await serve(aiohttp_client, tmp_path, max_outbox_bytes=64_000_000)
    ann, ben = await served.connect(), await served.connect()
    await ann.join("ann")
    await ben.join("ben")
    transport = ben.socket._response.connection.transport  # type: ignore[union-attr]
    transport.pause_reading()  # type: ignore[union-attr]
    while (samples := await scrape(served))["signaling_outbox_largest_bytes", ()] < 1_000_000:
        await ann.send({"type": "offer", "to": "ben", "sdp": "x" * 200_000})
    assert samples["signaling_outbox_bytes", ()] == samples["signaling_outbox_largest_bytes", ()]
    transport.resume_reading()  # type: ignore[union-attr]


async def test_the_records_that_are_missing_in_the_log_are_counted(
    aiohttp_client: AiohttpClient, tmp_path: Path
) -> None:
    served = await serve(aiohttp_client, tmp_path / "state")
    ann = await served.connect()

    async def gap(is_written: bool) -> dict[str, Any]:
        while (samples := await scrape(served))["signaling_log_written", ()] != is_written:
            await served.settled()
        return {"lost": samples["signaling_log_records_lost_total", ()], "ready": samples["signaling_ready", ()]}

    for number in (1, 2):
        (tmp_path / "state").rename(tmp_path / "moved")
        (tmp_path / "state").write_text("a file, where the folder was")
        assert (await gap(is_written=False))["ready"] == 0
        await ann.join(f"ann-{number}")
        lost_before = (await gap(is_written=False))["lost"]
        assert lost_before >= number
        (tmp_path / "state").unlink()
        (tmp_path / "moved").rename(tmp_path / "state")
        assert await gap(is_written=True) == {"lost": lost_before, "ready": 1}
    gaps = [json.loads(json.dumps(record["data"]))["lost"] for record in served.records("log.gap")]
    assert sum(gaps) == lost_before
