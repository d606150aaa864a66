"""The status of the sidecar over HTTP: `/status`, the QR code, and the page's head."""

from __future__ import annotations

import io
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
import segno
from aiohttp.test_utils import make_mocked_request
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.addresses import address_of
from signaling_sidecar.dialects import DIALECTS
from signaling_sidecar.doctor import check_client_networks
from signaling_sidecar.server.http.client_address import find_client_address
from signaling_sidecar.site import Site
from tests.kit.serving import Served, serve
from tests.kit.site_file import SECRET

SITE = Site(os.getpid(), "my-app", ["http://localhost:5173/"], ["https://10.0.40.44:5173/shop/"], SECRET)
BRIEF = "/ws/signaling/status?brief"


def write_site(served: Served, **changes: Any) -> None:
    fields = {name: getattr(SITE, name) for name in SITE.__struct_fields__} | changes
    (served.sidecar.state_dir / "site.json").write_text(json.dumps(fields))


async def status(served: Served, path: str = BRIEF, **headers: str) -> dict[str, Any]:
    async with served.client.get(path, headers=headers) as answer:
        assert answer.status == 200
        body: dict[str, Any] = await answer.json()
        return body


# --- status --------------------------------------------------------------------------------------------------------


async def test_it_contains_the_version_and_the_enabled_dialects(served: Served) -> None:
    body = await status(served)
    assert body["boot"] == served.sidecar.boot
    assert [dialect["name"] for dialect in body["dialects"]] == list(DIALECTS)
    host = f"{served.client.host}:{served.client.port}"
    lines = {dialect["name"]: dialect["line"] for dialect in body["dialects"]}
    assert lines["rooms"] == f"new WebSocket('ws://{host}/ws/signaling')"
    assert lines["match"] == f"new WebSocket('ws://{host}/ws/signaling/match?userId=' + userId)"
    assert lines["y-webrtc"] == (
        f"new WebrtcProvider(room, doc, {{ signaling: ['ws://{host}/ws/signaling/y-webrtc'] }})"
    )
    peerjs = f"{{ host: '127.0.0.1', port: {served.client.port}, path: '/ws/signaling', secure: false }}"
    assert lines["peerjs"] == f"new Peer(id, {peerjs})"
    assert lines["matchbox"] == f'WebRtcSocket::new_reliable("ws://{host}/ws/signaling/matchbox/lobby?next=2")'


async def test_behind_a_proxy_the_line_of_code_has_the_url_of_vite(served: Served) -> None:
    proxied = {"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "https", "Host": "localhost:5173"}
    body = await status(served, **proxied)
    lines = {dialect["name"]: dialect["line"] for dialect in body["dialects"]}
    url = "location.origin.replace(/^http/, 'ws') + '/ws/signaling"
    assert lines["mesh"] == f"new WebSocket({url}/mesh')"
    assert lines["y-webrtc"] == f"new WebrtcProvider(room, doc, {{ signaling: [{url}/y-webrtc'] }})"
    assert lines["peerjs"] == (
        "new Peer(id, { host: location.hostname, port: location.port, path: '/ws/signaling', "
        "secure: location.protocol === 'https:' })"
    )
    assert lines["matchbox"].startswith('WebRtcSocket::new_reliable("wss://localhost:5173/ws/')


async def test_it_shows_the_site_and_no_secret(served: Served) -> None:
    assert (await status(served))["site"] is None
    write_site(served)
    async with served.client.get(BRIEF) as answer:
        text = await answer.text()
    assert json.loads(text)["site"] == {"name": "my-app", "local": SITE.local, "network": SITE.network}
    assert SECRET not in text
    assert served.sidecar.admin_token not in text
    assert str(served.sidecar.state_dir) not in text


async def test_it_repeats_how_the_request_arrived(served: Served) -> None:
    headers = {"Host": "10.0.40.44:5173", "X-Forwarded-For": "10.0.0.7", "X-Forwarded-Proto": "https"}
    request = (await status(served, **headers))["request"]
    assert request == {"host": "10.0.40.44:5173", "forwarded_for": "10.0.0.7", "secure": True}
    write_site(served)
    request = (await status(served, **headers, **{"X-Signaling-Proxy": SECRET}))["request"]
    assert request["address"] == "10.0.0.7"


async def test_it_contains_the_findings_of_the_doctor_unless_the_doctor_requests_it(served: Served) -> None:
    findings = (await status(served, "/ws/signaling/status"))["findings"]
    assert {"sidecar-up", "vite-not-found"} <= {finding["code"] for finding in findings}
    assert (await status(served))["findings"] == []


@pytest.mark.one_sidecar("each sidecar of a cluster knows the addresses of its own clients")
async def test_it_reports_the_networks_of_the_peers_in_rooms(served: Served) -> None:
    write_site(served)
    for peer, address in (("ann", "192.168.7.2"), ("ben", "192.168.8.2")):
        headers = {"X-Forwarded-For": address, "X-Signaling-Proxy": SECRET}
        await (await served.connect(headers=headers)).join(peer)
    [finding] = (await status(served))["findings"]
    assert (finding["code"], finding["level"]) == ("different-networks", "note")
    assert "192.168.7.0/24" in finding["sentence"]
    opened = [record["data"]["remote"] for record in served.records("connection.opened")]
    assert opened == ["192.168.7.2", "192.168.8.2"]


@pytest.mark.parametrize("path", ["/ws/signaling/status", "/ws/signaling/people", "/ws/signaling/qr", "/ws/signaling"])
async def test_requests_of_other_origins_are_refused(served: Served, path: str) -> None:
    for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}):
        async with served.client.get(path, headers={"Accept": "text/html"} | headers) as answer:
            assert answer.status == 403


@pytest.mark.parametrize("path", ["/ws/signaling/status?brief", "/ws/signaling/people", "/ws/signaling/qr"])
async def test_the_admit_hook_decides_who_may_read_it(aiohttp_client: AiohttpClient, tmp_path: Path, path: str) -> None:
    hooks = tmp_path / "hooks.py"
    hooks.write_text("def admit(connection):\n    return connection.token == 'x'\n")
    served = await serve(aiohttp_client, tmp_path / "state", hooks=hooks)
    write_site(served)
    async with served.client.get(path) as answer:
        assert answer.status == 403
    async with served.client.get(path, headers={"Authorization": "Bearer x"}) as answer:
        assert answer.status == 200


# --- the QR code ---------------------------------------------------------------------------------------------------


def drawn(url: str) -> str:
    """The SVG path of the dark modules, as the library segno draws it."""
    picture = io.BytesIO()
    segno.make(url, micro=False).save(picture, kind="svg", scale=8, light="white")
    return path_in(picture.getvalue().decode())


def path_in(svg: str) -> str:
    return max(re.findall(r' d="([^"]+)"', svg), key=len)


@pytest.mark.parametrize(
    ("query", "url"),
    [
        ("", "https://10.0.40.44:5173/shop/"),
        ("?room=bar", "https://10.0.40.44:5173/shop/?room=bar"),
        ("?room=a%26b%3D%23%20c", "https://10.0.40.44:5173/shop/?room=a%26b%3D%23+c"),
        ("?url=http://evil.example/", "https://10.0.40.44:5173/shop/"),
    ],
)
async def test_the_qr_code_contains_the_network_url_and_only_a_room_from_the_request(
    served: Served, query: str, url: str
) -> None:
    write_site(served)
    async with served.client.get(f"/ws/signaling/qr{query}") as answer:
        assert answer.content_type == "image/svg+xml"
        svg = await answer.text()
    assert path_in(svg) == drawn(url)
    assert "evil" not in svg


async def test_without_a_page_on_the_network_there_is_no_qr_code(served: Served) -> None:
    for network in (None, []):
        if network is not None:
            write_site(served, network=network)
        async with served.client.get("/ws/signaling/qr") as answer:
            assert (answer.status, (await answer.json())["code"]) == (404, "not-on-the-network")


async def test_without_the_extra_one_sentence_names_the_extra(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "segno", None)
    write_site(served)
    async with served.client.get("/ws/signaling/qr") as answer:
        body = await answer.json()
    assert (answer.status, body["code"]) == (404, "not-installed")
    assert "signaling-sidecar[lan]" in body["message"]


@pytest.mark.parametrize(("room", "code"), [("", "bad-field"), ("a%00b", "bad-field"), ("a" * 129, "too-large")])
async def test_an_invalid_room_is_refused(served: Served, room: str, code: str) -> None:
    write_site(served)
    async with served.client.get(f"/ws/signaling/qr?room={room}") as answer:
        assert (answer.status, (await answer.json())["code"]) == (400, code)


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:5173/",
        "http://app.localhost:5173/",
        "http://127.0.0.2:5173/",
        "http://[::1]:5173/",
        "http://[",
    ],
)
async def test_the_qr_code_never_contains_localhost(served: Served, url: str) -> None:
    write_site(served, network=[url])
    assert (await status(served))["site"]["network"] == []
    async with served.client.get("/ws/signaling/qr") as answer:
        assert answer.status == 404
    write_site(served, network=[url, *SITE.network])
    assert (await status(served))["site"]["network"] == SITE.network
    async with served.client.get("/ws/signaling/qr") as answer:
        assert path_in(await answer.text()) == drawn("https://10.0.40.44:5173/shop/")


# --- who is in the rooms -------------------------------------------------------------------------------------------


async def people(served: Served, **headers: str) -> Any:
    async with served.client.get("/ws/signaling/people", headers=headers) as answer:
        assert answer.status == 200
        return await answer.json()


async def test_the_listed_rooms_are_shown_with_names_and_pairs(served: Served) -> None:
    ann, ben, dan = await served.connect(), await served.connect(), await served.connect()
    await ann.join("ann", name="Ann")
    await ben.join("ben", name="Ben")
    await dan.send({"type": "join", "roomId": "hidden", "peerId": "dan", "listed": False})
    await dan.receive()
    [room] = (await people(served))["rooms"]
    assert room["roomId"] == "bar"
    assert room["people"] == [{"name": "Ann", "away": False}, {"name": "Ben", "away": False}]
    [pair] = room["pairs"]
    assert (pair["names"], pair["state"]) == (["Ann", "Ben"], "trying")
    assert pair["sentence"] == "they have only just met"


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "127.0.0.1"},
        {"X-Forwarded-For": "127.0.0.1", "X-Signaling-Proxy": "t" * 43},
        {"X-Forwarded-For": "10.0.0.7", "X-Signaling-Proxy": SECRET},
        {"X-Forwarded-For": "127.0.0.1, 10.0.0.7", "X-Signaling-Proxy": SECRET},
    ],
)
async def test_peers_are_only_shown_to_this_machine(served: Served, headers: dict[str, str]) -> None:
    write_site(served)
    await (await served.connect()).join("ann")
    assert await people(served, **headers) == {"rooms": None}
    proven = {"X-Forwarded-For": "127.0.0.1", "X-Signaling-Proxy": SECRET}
    assert (await people(served, **proven))["rooms"] != []


async def test_a_log_that_cannot_be_analysed_is_reported(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    for peer in ("ann", "ben"):
        await (await served.connect()).join(peer)
    body = await people(served)
    assert "it cannot be started" in body["problem"]
    assert [(len(room["people"]), room["pairs"]) for room in body["rooms"]] == [(2, [])]


async def test_records_from_before_a_restart_count(aiohttp_client: AiohttpClient, tmp_path: Path) -> None:
    """Calls continue while the sidecar restarts.

    The log of the new run contains the peers in the rooms, but not their earlier reports.
    """
    before = await serve(aiohttp_client, tmp_path)
    ann, ben = await before.connect(), await before.connect()
    await ann.join("ann", name="Ann")
    await ben.join("ben", name="Ben")
    await ann.receive()
    await ben.send({"type": "trace", "event": "state", "pc": "1", "peerId": "ann", "connection": "connected"})
    await before.settled()
    await before.stop()
    after = await serve(aiohttp_client, tmp_path)
    [room] = (await people(after))["rooms"]
    assert room["people"] == [{"name": "Ann", "away": True}, {"name": "Ben", "away": True}]
    assert [pair["state"] for pair in room["pairs"]] == ["connected"]


# --- the page ------------------------------------------------------------------------------------------------------


async def test_the_page_runs_its_own_script_only_and_is_framed_by_nobody(served: Served) -> None:
    nonces = set()
    for _ in range(2):
        async with served.client.get("/ws/signaling", headers={"Accept": "text/html,*/*"}) as answer:
            policy, page = answer.headers["Content-Security-Policy"], await answer.text()
            assert answer.content_type == "text/html"
        nonce = re.search(r"script-src 'nonce-([\w-]+)'", policy)
        assert nonce is not None
        nonces.add(nonce[1])
        assert page.count(f'nonce="{nonce[1]}"') == 2
        assert "{{" not in page
        assert '<link rel="icon" href="data:image/svg+xml,' in page, "a browser asks for no /favicon.ico"
        assert {"default-src 'none'", "connect-src 'self'", "frame-ancestors 'none'"} <= set(policy.split("; "))
        assert not re.search(r"<[^>]+ on\w+=|<[^>]+ style=", page), "no handlers and no style in attributes"
    assert len(nonces) == 2


@pytest.mark.parametrize("path", ["/", "/ws/signaling/"])
async def test_a_browser_at_the_root_or_with_a_slash_at_the_end_is_redirected_to_the_page(
    served: Served, path: str
) -> None:
    async with served.client.get(path, headers={"Accept": "text/html"}) as answer:
        assert (answer.status, answer.url.path) == (200, "/ws/signaling")
        assert "<title>" in await answer.text()


# --- where a client is ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "address"),
    [
        ({}, "192.0.2.9"),
        ({"X-Forwarded-For": "10.0.0.7"}, None),
        ({"X-Forwarded-For": "10.0.0.7", "X-Signaling-Proxy": "t" * 43}, None),
        ({"X-Forwarded-For": "10.0.0.7", "X-Signaling-Proxy": "ü" * 43}, None),
        ({"X-Forwarded-For": "10.0.0.7", "X-Signaling-Proxy": SECRET}, "10.0.0.7"),
        ({"X-Forwarded-For": "6.6.6.6, 10.0.0.7", "X-Signaling-Proxy": SECRET}, "10.0.0.7"),
        ({"X-Forwarded-For": "6.6.6.6,::ffff:10.0.0.7", "X-Signaling-Proxy": SECRET}, "10.0.0.7"),
        ({"X-Forwarded-For": "fd00::7", "X-Signaling-Proxy": SECRET}, "fd00::7"),
        ({"X-Forwarded-For": "<script>", "X-Signaling-Proxy": SECRET}, None),
        ({"X-Signaling-Proxy": SECRET}, None),
    ],
)
def test_only_the_proxy_of_the_plugin_is_trusted(headers: dict[str, str], address: str | None) -> None:
    request = make_mocked_request("GET", "/", headers=headers).clone(remote="192.0.2.9")
    assert find_client_address(request, SITE) == address


def test_the_proxies_of_several_vites_are_trusted() -> None:
    headers = {"X-Forwarded-For": "10.0.0.7", "X-Signaling-Proxy": SECRET}
    newest = msgspec.structs.replace(SITE, secret="n" * 43, others=[SITE])
    assert find_client_address(make_mocked_request("GET", "/", headers=headers), newest) == "10.0.0.7"


CADDY, BALANCER = "192.0.2.9", "192.0.2.10"


@pytest.mark.parametrize(
    ("headers", "address"),
    [
        ({"X-Forwarded-For": "10.0.0.7"}, "10.0.0.7"),
        ({"X-Forwarded-For": "6.6.6.6, 10.0.0.7"}, "10.0.0.7"),
        ({"X-Forwarded-For": f"6.6.6.6, 10.0.0.7, {BALANCER}"}, "10.0.0.7"),
        ({"X-Forwarded-For": f"10.0.0.7, {BALANCER}, 192.0.2.99"}, "192.0.2.99"),
        ({"X-Forwarded-For": BALANCER}, BALANCER),
        ({"X-Forwarded-For": "6.6.6.6, unknown"}, None),
        ({"X-Forwarded-For": "10.0.0.7" + f", {BALANCER}" * 8}, "10.0.0.7"),
        ({"X-Forwarded-For": "10.0.0.7" + f", {BALANCER}" * 2000}, None),
        ({"X-Forwarded-For": "10.0.0.7", "X-Signaling-Proxy": "made up by the client"}, "10.0.0.7"),
        ({}, None),
    ],
)
def test_a_trusted_proxy_tells_the_address_of_its_client(headers: dict[str, str], address: str | None) -> None:
    trusted = (f"{CADDY}/32", f"{BALANCER}/32")
    request = make_mocked_request("GET", "/", headers=headers).clone(remote=CADDY)
    assert find_client_address(request, None, trusted) == address
    stranger = request.clone(remote="192.0.2.11")
    assert find_client_address(stranger, None, trusted) == (None if headers else "192.0.2.11")


def test_a_trusted_proxy_in_front_of_vite_tells_the_address_of_its_client() -> None:
    headers = {"X-Forwarded-For": f"6.6.6.6, 10.0.0.7, {CADDY}", "X-Signaling-Proxy": SECRET}
    request = make_mocked_request("GET", "/", headers=headers).clone(remote="127.0.0.1")
    assert find_client_address(request, SITE, (f"{CADDY}/32",)) == "10.0.0.7"
    assert find_client_address(request, SITE) == CADDY


async def test_the_log_has_the_address_that_a_trusted_proxy_tells(
    aiohttp_client: AiohttpClient, tmp_path: Path
) -> None:
    served = await serve(aiohttp_client, tmp_path, trusted_proxies=("127.0.0.0/8",))
    for forwarded in ({}, {"X-Forwarded-For": "6.6.6.6, 10.0.0.7"}):
        await served.connect(headers=forwarded)
    remotes = [record.get("data", {}).get("remote") for record in served.records("connection.opened")]
    assert remotes == [None, "10.0.0.7"]


def test_without_a_site_no_proxy_is_trusted() -> None:
    headers = {"X-Forwarded-For": "10.0.0.7", "X-Signaling-Proxy": SECRET}
    assert find_client_address(make_mocked_request("GET", "/", headers=headers), None) is None


@pytest.mark.parametrize(
    ("clients", "code", "places"),
    [
        (["127.0.0.1", "10.0.0.1"], "same-network", "2 from this machine"),
        (["127.0.0.1", "10.0.0.7"], "same-network", "1 from this machine, 1 from 10.0.0.0/8"),
        (["10.0.0.7", "10.9.0.7"], "same-network", "2 from 10.0.0.0/8"),
        (["10.0.0.7", "192.168.1.7"], "different-networks", "1 from 10.0.0.0/8, 1 from 192.168.1.0/24"),
        (["fd00::7", "fd00:0:0:1::7"], "different-networks", "1 from fd00::/64, 1 from fd00:0:0:1::/64"),
        (["10.0.0.7", None], "networks-unknown", "1 from 10.0.0.0/8, 1 from an unknown address"),
    ],
)
def test_the_networks_of_peers_are_compared(clients: list[str | None], code: str, places: str) -> None:
    own = [address_of("eth0", "10.0.0.1/8"), address_of("lo", "127.0.0.1/8")]
    [finding] = check_client_networks(clients, own)
    assert finding.code == code
    assert finding.sentence.endswith(f": {places}")


def test_the_network_of_a_single_peer_is_not_compared() -> None:
    assert list(check_client_networks(["10.0.0.7"], [])) == []
