"""A client that sends many tokens must wait, and neither fills the log nor blocks other clients."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.auth import attempts
from tests.kit.guarded import bearer, guarded, is_refused, refused_handshake, token
from tests.kit.serving import Served

GUESS = bearer("a.guess.")
HERE, ELSEWHERE = {"X-Forwarded-For": "203.0.113.7"}, {"X-Forwarded-For": "203.0.113.8"}


@pytest.fixture
async def served(aiohttp_client: AiohttpClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Served:
    """A sidecar behind a proxy. An address may send three wrong tokens, or thirty valid ones, before it must wait."""
    monkeypatch.setattr(attempts, "TRIES", 30)
    monkeypatch.setattr(attempts, "TRIES_PER_S", 0.01)
    return await guarded(aiohttp_client, tmp_path, trusted_proxies=("127.0.0.1/32",))


async def test_after_some_wrong_tokens_an_address_must_wait_and_others_need_not(served: Served) -> None:
    wrong = [await refused_handshake(served, "/ws/signaling", headers=GUESS | HERE) for _ in range(5)]
    assert [status for status, _ in wrong] == [401, 401, 401, 429, 429]
    assert wrong[-1][1] == "too many tokens were shown: wait 100 s\n"
    async with served.client.get("/ws/signaling/rooms", headers=bearer() | HERE) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (429, "100")
    peer = await served.connect(headers=bearer(subject="ben") | ELSEWHERE)
    assert (await peer.join("ben"))["type"] == "peer_list"


async def test_tokens_in_frames_count_too_and_are_answered_with_too_fast(served: Served) -> None:
    codes = []
    for _ in range(5):
        peer = await served.connect(headers=HERE)
        codes.append((await peer.join("ann", token="a.guess."))["code"])
    assert codes == ["unauthorised"] * 3 + ["too-fast"] * 2
    assert await is_refused(served, "/ws/signaling", headers=bearer() | HERE) == 429
    assert (await (await served.connect(headers=ELSEWHERE)).join("ann", token=token()))["type"] == "peer_list"


async def test_a_subject_must_wait_wherever_it_comes_from(served: Served) -> None:
    addresses = [{"X-Forwarded-For": f"203.0.113.{number}"} for number in range(31)]
    for address in addresses[:30]:
        await served.connect(headers=bearer() | address)
    assert await is_refused(served, "/ws/signaling", headers=bearer() | addresses[30]) == 429
    await served.connect(headers=bearer(subject="ben") | addresses[30])


async def test_the_joins_of_a_subject_count_over_all_its_connections(served: Served) -> None:
    peers = {name: await served.connect(headers=bearer() | HERE) for name in ("ann-1", "ann-2")}
    answers = [await peer.join(name, f"{name}-{number}") for number in range(15) for name, peer in peers.items()]
    assert {answer["type"] for answer in answers[:28]} == {"peer_list"}
    assert [answer["code"] for answer in answers[28:]] == ["too-fast"] * 2
    assert answers[-1]["message"] == "too many joins of this user: wait 100 s"
    ben = await served.connect(headers=bearer(subject="ben") | ELSEWHERE)
    assert (await ben.join("ben"))["type"] == "peer_list"


async def test_the_addresses_of_one_ipv6_network_count_together(served: Served) -> None:
    for last in range(3):
        await refused_handshake(served, "/ws/signaling", headers=GUESS | {"X-Forwarded-For": f"2001:db8::{last}"})
    assert await is_refused(served, "/ws/signaling", headers=bearer() | {"X-Forwarded-For": "2001:db8::9"}) == 429
    await served.connect(headers=bearer() | {"X-Forwarded-For": "2001:db8:0:1::9"})


async def test_the_administrator_of_this_machine_need_not_wait(served: Served) -> None:
    for _ in range(5):
        await refused_handshake(served, "/ws/signaling", headers=GUESS | HERE)
    async with served.client.get("/admin/v1/rooms", headers=bearer(served.sidecar.admin_token) | HERE) as answer:
        assert answer.status == 200
    async with served.client.get("/ws/signaling/rooms", headers=bearer(served.sidecar.admin_token) | HERE) as answer:
        assert answer.status == 200


async def test_each_failure_has_a_record_and_a_flood_of_them_has_few(served: Served) -> None:
    for _ in range(4):
        await refused_handshake(served, "/ws/signaling", headers=GUESS | HERE)
    found = served.records("auth.failed")
    assert [record["data"] for record in found] == [
        *[{"why": "malformed", "remote": "203.0.113.7"}] * 3,
        {"why": "too-many", "remote": "203.0.113.7"},
    ]
    for _ in range(300):
        await refused_handshake(served, "/ws/signaling", headers=GUESS | HERE)
    await served.stop()
    found = served.records("auth.failed")
    assert len(found) < 60
    assert sum(record["data"].get("times", 1) for record in found) == 304
    assert "guess" not in str(served.records())


async def test_the_terminal_shows_once_why_clients_are_not_let_in(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        await refused_handshake(served, "/ws/signaling", headers=GUESS | HERE)
        await refused_handshake(served, "/ws/signaling/mesh", headers=HERE)
    once = "(this line is shown once for each reason)"
    assert caplog.messages == [
        f"a client was not let in, because what it sent is not a JSON Web Token {once}",
        f"a client was not let in, because it sent no token {once}",
    ]
