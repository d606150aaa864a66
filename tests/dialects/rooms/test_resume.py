"""Resumable sessions on real sockets: a client with the right token gets missed frames once and in order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.hub.talk import Talk
from tests.kit import too_deep
from tests.kit.serving import Peer, Served, serve

PAGE = {"instance": "page-1"}


@pytest.fixture
async def ann(served: Served) -> Peer:
    """A client without a resumable session, which must notice nothing."""
    peer = await served.connect()
    await peer.join("ann")
    return peer


async def resumable(served: Served, ann: Peer, name: str = "ben", **more: Any) -> tuple[Peer, str]:
    """Return a peer with a resumable session, and its token."""
    peer = await served.connect()
    listed = await peer.join(name, resume=True, **PAGE, **more)
    assert listed["type"] == "peer_list"
    assert (await ann.receive())["type"] == "peer_joined"
    token: str = listed["resume"]["token"]
    return peer, token


async def comes_back(served: Served, token: str, after: int | None, **more: Any) -> Peer:
    """Open a new connection whose first frame resumes the session."""
    peer = await served.connect()
    resume = {"token": token} | ({} if after is None else {"after": after})
    await peer.send({"type": "join", "roomId": "bar", "peerId": "ben", "resume": resume, **PAGE, **more})
    return peer


async def abort(peer: Peer) -> None:
    peer.socket._response.connection.transport.abort()  # type: ignore[union-attr]


async def test_the_first_list_contains_a_token_and_frames_are_numbered(served: Served, ann: Peer) -> None:
    ben, token = await resumable(served, ann)
    assert len(token) >= 43
    for number in (1, 2):
        await ann.send({"type": "offer", "to": "ben", "n": number})
        assert await ben.receive() == {"type": "offer", "to": "ben", "n": number, "from": "ann", "s": number}
    cleo = await served.connect()
    await cleo.join("cleo")
    assert (await ben.receive())["s"] == 3
    assert "s" not in await ann.receive()
    assert "s" not in await ben.ask({"type": "ping"})


async def test_missed_frames_arrive_once_and_in_order_and_the_others_notice_nothing(served: Served, ann: Peer) -> None:
    ben, token = await resumable(served, ann)
    await ann.send({"type": "offer", "to": "ben", "n": 1})
    assert (await ben.receive())["s"] == 1
    await abort(ben)
    for number in (2, 3):
        await ann.send({"type": "offer", "to": "ben", "n": number})
    await ann.send({"type": "broadcast", "n": 4})
    await ann.hears_nothing()
    ben = await comes_back(served, token, after=1)
    resumed = await ben.receive()
    assert (resumed["type"], resumed["peerId"], resumed["roomId"], resumed["ca"]) == ("resumed", "ben", "bar", 0)
    assert resumed["resume"]["token"] != token
    assert resumed["resume"]["graceMs"] == 30_000
    assert resumed["resume"]["durable"] is True
    assert [(frame["n"], frame["s"]) for frame in [await ben.receive() for _ in range(3)]] == [(2, 2), (3, 3), (4, 4)]
    await ann.hears_nothing()
    await ann.send({"type": "offer", "to": "ben", "n": 5})
    assert (await ben.receive())["s"] == 5


async def test_an_acknowledged_frame_is_not_kept(served: Served, ann: Peer) -> None:
    ben, token = await resumable(served, ann)
    for number in (1, 2, 3):
        await ann.send({"type": "offer", "to": "ben", "n": number})
        await ben.receive()
    await ben.send({"type": "ack", "a": 2})
    await ben.hears_nothing()
    await abort(ben)
    gap = await comes_back(served, token, after=1)
    assert await gap.receive() == {"type": "not_resumed", "why": "gap"}
    listed = await gap.receive()
    assert (listed["peerId"], [peer["peerId"] for peer in listed["peers"]], listed["s"]) == ("ben", ["ann"], 3)


async def test_a_frame_that_fills_the_buffer_does_not_remove_the_previous_one(served: Served, ann: Peer) -> None:
    ben, token = await resumable(served, ann)
    await abort(ben)
    await ann.send({"type": "signal", "to": "ben", "n": 1})
    frame = '{"type":"signal","to":"ben","n":2,"pad":"%s"}'
    await ann.send(frame % ("p" * (262_144 - len(frame) + 2)))
    await ann.hears_nothing()
    ben = await comes_back(served, token, after=0)
    assert (await ben.receive())["type"] == "resumed"
    assert [(await ben.receive())["n"] for _ in range(2)] == [1, 2]


@pytest.mark.parametrize("after", [7, 10_000])
async def test_an_acknowledgement_of_unsent_frames_is_answered_with_a_new_list(
    served: Served, ann: Peer, after: int
) -> None:
    ben, token = await resumable(served, ann)
    await abort(ben)
    ben = await comes_back(served, token, after=after)
    assert (await ben.receive())["why"] == "gap"
    assert (await ben.receive())["type"] == "peer_list"


async def test_a_reloaded_page_keeps_its_id_and_the_others_are_told_its_new_instance(served: Served, ann: Peer) -> None:
    ben, token = await resumable(served, ann)
    await ann.send({"type": "offer", "to": "ben"})
    await ben.receive()
    await ben.socket.close(code=1001)
    ben = await comes_back(served, token, after=None, instance="page-2")
    listed = await ben.receive()
    assert (listed["type"], listed["peerId"], listed["ca"], listed["s"]) == ("peer_list", "ben", 0, 1)
    assert listed["resume"]["token"] != token
    assert await ann.receive() == {"type": "peer_updated", "peerId": "ben", "instance": "page-2"}
    await ben.hears_nothing()


@pytest.mark.parametrize("after", [None, 0])
@pytest.mark.parametrize("wrong", ["token", "room", "peer", "old"])
async def test_an_invalid_token_begins_a_new_session_with_another_id(
    served: Served, ann: Peer, wrong: str, after: int | None
) -> None:
    ben, token = await resumable(served, ann)
    if wrong == "old":  # get two newer tokens, and confirm the last one
        for _ in range(2):
            newer = await ben.ask({"type": "join", "roomId": "bar", "peerId": "ben", "resume": True})
            await ben.send({"type": "broadcast"})
            await ann.receive()
        assert newer["resume"]["token"] != token
    stranger = await served.connect()
    resume = {"token": "x" * 43 if wrong == "token" else token} | ({} if after is None else {"after": after})
    room, peer = "den" if wrong == "room" else "bar", "ann" if wrong == "peer" else "ben"
    await stranger.send({"type": "join", "roomId": room, "peerId": peer, "resume": resume})
    assert await stranger.receive() == {"type": "not_resumed", "why": "token"}
    listed = await stranger.receive()
    assert listed["peerId"] not in ("ann", "ben")
    assert "resume" in listed
    await ann.send({"type": "offer", "to": "ben"})
    if wrong != "room":
        assert (await ann.receive())["type"] == "peer_joined"
        assert (await ben.receive())["type"] == "peer_joined"
    assert (await ben.receive())["type"] == "offer"


async def test_the_older_token_stays_valid_if_the_answer_is_lost(served: Served, ann: Peer) -> None:
    ben, token = await resumable(served, ann)
    await abort(ben)
    for _ in range(3):  # the answers with the newer tokens never arrive
        lost = await comes_back(served, token, after=0)
        await lost.receive()
        await abort(lost)
    ben = await comes_back(served, token, after=0)
    newer = (await ben.receive())["resume"]["token"]
    assert await ben.ask({"type": "ping", "a": 0}) == {"type": "pong"}
    await abort(ben)
    refused = await comes_back(served, token, after=0)
    assert (await refused.receive())["why"] == "token"
    again = await comes_back(served, newer, after=0)
    assert (await again.receive())["type"] == "resumed"
    await ann.receive()
    del again


async def test_the_newest_connection_replaces_the_older_one(served: Served, ann: Peer) -> None:
    ben, token = await resumable(served, ann)
    newer = await comes_back(served, token, after=0)
    assert (await newer.receive())["type"] == "resumed"
    assert await ben.closed() == (4001, "replaced")
    await ben.socket.close()
    await ann.hears_nothing()


async def test_a_session_can_be_resumed_from_another_address(served: Served, ann: Peer) -> None:
    """The device changes from Wi-Fi to cable while the sidecar still treats the old connection as alive. Only the token
    shows that the session is its own."""
    ben, token = await resumable(served, ann)
    url = served.client.make_url("/ws/signaling")
    from_elsewhere = aiohttp.TCPConnector(local_addr=("127.0.0.2", 0))
    async with aiohttp.ClientSession(connector=from_elsewhere) as session, session.ws_connect(url) as socket:
        join = {"type": "join", "roomId": "bar", "peerId": "ben", "resume": {"token": token, "after": 0}, **PAGE}
        await socket.send_json(join)
        assert (await socket.receive_json())["type"] == "resumed"
        assert await ben.closed() == (4001, "replaced")
        await ann.hears_nothing()
        remotes = [record["data"]["remote"] for record in served.records("connection.opened")]
        assert remotes == ["127.0.0.1", "127.0.0.1", "127.0.0.2"]


@pytest.mark.parametrize("frame", [{"type": "ping", "a": 0}, {"type": "list_rooms"}, {}, 5])
@pytest.mark.parametrize("resume", [True, False])
async def test_the_id_of_a_resumable_session_cannot_be_used_by_others(
    served: Served, ann: Peer, resume: bool, frame: object
) -> None:
    ben, _ = await resumable(served, ann)
    await ben.ask(frame)
    thief = await served.connect()
    assert (await thief.join("ben", resume=resume, instance="page-1"))["code"] == "id-taken"
    await abort(ben)
    assert (await thief.join("ben", resume=resume))["code"] == "id-taken"
    assert (await thief.join("ann", resume=True))["code"] == "id-taken"
    await ann.hears_nothing()


@pytest.mark.parametrize("after", [0, None])
async def test_nor_after_it_was_resumed_even_if_the_answer_was_lost(
    served: Served, ann: Peer, after: int | None
) -> None:
    """The thief knows Ben's `instance`, which all peers in the room receive, but no token. Ben has his older token."""
    ben, token = await resumable(served, ann)
    await ben.ask({"type": "list_rooms"})
    await abort(ben)
    lost = await comes_back(served, token, after)
    await lost.receive()
    await abort(lost)
    thief = await served.connect()
    assert (await thief.join("ben", resume=True, **PAGE))["code"] == "id-taken"
    assert (await (await comes_back(served, token, after=0)).receive())["type"] == "resumed"


async def test_another_join_on_the_same_connection_gets_another_token(served: Served, ann: Peer) -> None:
    ben, token = await resumable(served, ann)
    newer = (await ben.join("ben"))["resume"]["token"]
    assert newer != token
    await ben.ask({"type": "list_rooms"})
    assert (await (await comes_back(served, token, after=0)).receive())["why"] == "token"
    assert (await (await comes_back(served, newer, after=0)).receive())["type"] == "resumed"


async def test_the_same_page_can_repeat_a_join_whose_answer_was_lost(served: Served, ann: Peer) -> None:
    ben, token = await resumable(served, ann)
    await abort(ben)
    other_page = await served.connect()
    assert (await other_page.join("ben", resume=True, instance="page-2"))["code"] == "id-taken"
    again = await served.connect()
    assert (await again.join("ben", resume=True, **PAGE))["resume"]["token"] != token
    await ann.hears_nothing()


async def test_a_ping_does_not_tell_whether_the_answer_has_arrived(served: Served, ann: Peer) -> None:
    """A client that has received no answer to its join may send a ping, and then join again on another connection."""
    ben, _ = await resumable(served, ann)
    await ben.ask({"type": "ping"})
    again = await served.connect()
    assert (await again.join("ben", resume=True, **PAGE))["type"] == "peer_list"
    await again.ask({"type": "ping", "a": 0})


async def test_a_ping_does_not_retire_the_token_that_was_shown(served: Served, ann: Peer) -> None:
    ben, token = await resumable(served, ann)
    await ben.ask({"type": "ping", "a": 0})
    lost = await comes_back(served, token, after=0)
    await lost.send({"type": "ping"})
    assert (await lost.receive())["type"] == "resumed"
    assert (await (await comes_back(served, token, after=0)).receive())["type"] == "resumed"


# --- the client's own numbers ----------------------------------------------------------------------------------------


async def test_a_numbered_frame_is_processed_once_and_acknowledged(served: Served, ann: Peer) -> None:
    ben, token = await resumable(served, ann)
    for number in (1, 2, 2, 1):
        await ben.send({"type": "offer", "to": "ann", "n": number, "c": number})
    for number in (1, 2):
        assert (await ann.receive())["n"] == number
    await ann.hears_nothing()
    assert await ben.receive() == {"type": "ack", "ca": 2}
    await ben.send({"type": "offer", "to": "ann", "c": 3})
    await ann.receive()
    await ann.send({"type": "answer", "to": "ben"})
    answer = await ben.receive()
    assert (answer["s"], answer["ca"]) == (1, 3)
    await abort(ben)
    ben = await comes_back(served, token, after=1)
    assert (await ben.receive())["ca"] == 3


@pytest.mark.parametrize(
    "kind", ["trace", "list_rooms", "watch_rooms", "unwatch_rooms", "ping", "ack", "update", "leave"]
)
async def test_a_missing_number_is_an_error_for_every_type_of_frame(served: Served, ann: Peer, kind: str) -> None:
    ben, _ = await resumable(served, ann)
    assert (await ben.ask({"type": kind, "c": 2}))["code"] == "out-of-order"


async def test_a_frame_after_a_missing_number_is_not_processed(served: Served, ann: Peer) -> None:
    ben, _ = await resumable(served, ann)
    await ben.send({"type": "offer", "to": "ann", "c": 2})
    refused = await ben.receive()
    assert (refused["code"], refused["ca"]) == ("out-of-order", 0)
    await ann.hears_nothing()
    await ben.send({"type": "offer", "to": "ann", "c": 1})
    assert (await ann.receive())["type"] == "offer"


async def test_a_refusal_is_numbered_and_kept_like_a_relay(served: Served, ann: Peer) -> None:
    ben, token = await resumable(served, ann)
    refused = await ben.ask({"type": "offer", "to": "nobody", "c": 1, "id": "x"})
    assert (refused["code"], refused["c"], refused["s"], refused["ref"]) == ("no-such-peer", 1, 1, "x")
    await abort(ben)
    ben = await comes_back(served, token, after=0)
    assert (await ben.receive())["ca"] == 1
    assert (await ben.receive())["c"] == 1


LONE_HALF = r'{"type":"broadcast","text":"\ud83d"%s}'


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ('{"type":"broadcast","from":12,"to":28%s}', "bad-field"),
        ('{"type":"broadcast","from":"ann"%s}', "forged-from"),
        ('{"type":"offer","to":["ann"]%s}', "bad-field"),
        ('{"type":["broadcast"]%s}', "bad-field"),
        ('{"broadcast":1%s}', "bad-field"),
        ('{"type":"dance"%s}', "unknown-type"),
        ('{"type":"offer"%s}', "bad-field"),
        ('{"type":"update","name":5%s}', "bad-field"),
        ('{"type":"update","metadata":{"pad":"' + "m" * 5000 + '"}%s}', "too-large"),
        ('{"type":"leave","roomId":{}%s}', "bad-field"),
        ('{"type":"broadcast","a":"x"%s}', "bad-field"),
        ('{"type":"broadcast","a":-1%s}', "bad-field"),
        ('{"type":"broadcast","c":"x"%s}', None),  # of a duplicate field, the last value counts
        ('{"type":5,"type":"broadcast"%s}', "bad-field"),
        ('{"type":"broadcast","n":1e999%s}', None),
        ('{"type":"broadcast","n":%s%%s}' % ("9" * 4000), None),
        (LONE_HALF, None),
        ('{"type":"broadcast","n":NaN%s}', "bad-json"),
        ('{"type":"broadcast","n":-Infinity%s}', "bad-json"),
        ('{"type":"broadcast","text":"tab\there"%s}', "bad-json"),
        ('{"type":"broadcast",,"n":1%s}', "bad-json"),
    ],
    ids=lambda value: str(value)[:50],
)
async def test_every_numbered_frame_counts_and_the_next_one_is_processed(
    served: Served, ann: Peer, frame: str, code: str | None
) -> None:
    ben, _ = await resumable(served, ann)
    await ben.send(frame % ',"id":"ref","c":1')
    if code is None:
        assert (await ann.receive())["type"] == "broadcast"
    else:
        refused = await ben.receive()
        assert (refused["code"], refused["c"], refused["s"], refused["ref"]) == (code, 1, 1, "ref")
    await ben.send({"type": "broadcast", "n": 2, "c": 2})
    assert (await ann.receive())["n"] == 2
    await ann.hears_nothing()


@pytest.mark.parametrize("tree", [too_deep.LIST, too_deep.OBJECT], ids=["arrays", "objects"])
async def test_a_numbered_frame_that_is_nested_too_deeply_counts_too(
    aiohttp_client: AiohttpClient, tmp_path: Path, tree: str
) -> None:
    served = await serve(aiohttp_client, tmp_path, max_frame_bytes=16 * 1024 * 1024)
    ann = await served.connect()
    await ann.join("ann")
    ben, _ = await resumable(served, ann)
    refused = await ben.ask(f'{{"type":"broadcast","tree":{tree},"id":"ref","c":1}}')
    assert (refused["code"], refused["c"], refused["s"], refused["ref"]) == ("bad-json", 1, 1, "ref")


@pytest.mark.parametrize(
    "frame",
    [
        '{"type":"broadcast","c":1',
        '[{"c":1}]',
        '"c":1',
        '{"x":{"c":1},"c":"1"}',
        '{"type":"broadcast","c":"1"}',
        '{"type":"broadcast","c":null,"a":1}',
        "{}}",
    ],
)
async def test_a_frame_that_is_not_an_object_or_whose_c_is_no_number_is_refused_and_not_counted(
    served: Served, ann: Peer, frame: str
) -> None:
    ben, _ = await resumable(served, ann)
    refused = await ben.ask(frame)
    assert (refused["type"], "c" in refused) == ("error", False)
    await ben.send({"type": "broadcast", "c": 1})
    assert (await ann.receive())["type"] == "broadcast"


async def test_a_frame_that_causes_an_internal_error_counts_too(
    served: Served, ann: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ben, _ = await resumable(served, ann)
    with monkeypatch.context() as broken:
        broken.setattr(Talk, "relay", lambda *_: 1 / 0)
        refused = await ben.ask({"type": "broadcast", "c": 1})
    assert (refused["code"], refused["c"]) == ("internal", 1)
    await ben.send({"type": "broadcast", "c": 2})
    assert (await ann.receive())["type"] == "broadcast"


async def test_half_an_emoji_becomes_the_replacement_character(served: Served, ann: Peer) -> None:
    ben, _ = await resumable(served, ann)
    await ben.send(r'{"type":"broadcast","\ud83d":"a\ude00b","whole":"\ud83d\ude00","text":"\\ud83d"}')
    relayed = await ann.receive()
    assert (relayed["\ufffd"], relayed["whole"], relayed["text"]) == ("a\ufffdb", "😀", "\\ud83d")


async def test_numbers_of_a_client_without_a_session_are_ignored(served: Served, ann: Peer) -> None:
    plain = await served.connect()
    await plain.join("plain")
    await ann.receive()
    for number in (7, 7, 1):
        await plain.send({"type": "offer", "to": "ann", "c": number, "a": 9})
        frame = await ann.receive()
        assert "c" not in frame
        assert "a" not in frame


async def test_a_token_is_in_the_log_only_as_its_hash(served: Served, ann: Peer) -> None:
    ben, token = await resumable(served, ann)
    await abort(ben)
    ben = await comes_back(served, token, after=0)
    newer = (await ben.receive())["resume"]["token"]
    logged = str(served.records())
    assert token not in logged
    assert newer not in logged


async def test_without_payloads_in_the_log_nothing_is_durable(aiohttp_client: AiohttpClient, tmp_path: Path) -> None:
    served = await serve(aiohttp_client, tmp_path, payloads="summary")
    ben = await served.connect()
    assert (await ben.join("ben", resume=True))["resume"]["durable"] is False
