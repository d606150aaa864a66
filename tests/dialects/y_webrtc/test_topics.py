"""`y-webrtc` on real sockets: connections with many topics and frames, their limits, the admin API, and hooks."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.dialects.y_webrtc import MAX_TOPICS
from signaling_sidecar.server.admin.openapi import PREFIX
from signaling_sidecar.server.sockets import unread_total
from tests.kit.hooks_file import hooked
from tests.kit.programs import until
from tests.kit.serving import Peer, Served, serve

PATH = "/ws/signaling/y-webrtc"


async def subscribed(served: Served, *topics: str, path: str = PATH) -> Peer:
    peer = await served.connect(path)
    await peer.send({"type": "subscribe", "topics": list(topics)})
    await served.settled()
    return peer


def publication(topic: str, data: Any) -> dict[str, Any]:
    return {"type": "publish", "topic": topic, "data": data}


async def received(peer: Peer, count: int) -> list[Any]:
    return [(await peer.receive())["data"] for _ in range(count)]


def printed(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The messages of the sidecar in the terminal, without those of asyncio, which a slow machine causes."""
    return [record.message for record in caplog.records if record.name == "signaling_sidecar"]


async def administer(served: Served, verb: str, **body: str) -> tuple[int, str | None]:
    """Ask the admin API to do something with the topic "notes". Returns the status, and the code of an error."""
    headers = {"Authorization": f"Bearer {served.sidecar.admin_token}"}
    path = f"{PREFIX}/rooms/y-webrtc/notes/{verb}"
    async with served.client.post(path, json=body, headers=headers) as answer:
        return answer.status, (await answer.json()).get("code")


@pytest.mark.parametrize("path", [PATH, "/ws"])
async def test_the_sender_of_a_frame_and_all_other_subscribers_receive_it(served: Served, path: str) -> None:
    ann, ben = [await subscribed(served, "notes", path=path) for _ in range(2)]
    await ann.send(publication("notes", {"type": "announce", "from": "a"}))
    for peer in (ann, ben):
        assert await peer.receive() == {**publication("notes", {"type": "announce", "from": "a"}), "clients": 2}


async def test_a_binary_frame_is_relayed_as_text(served: Served) -> None:
    ann = await subscribed(served, "notes")
    await ann.send(b'{"type":"publish","topic":"notes","data":1}')
    message = await ann.socket.receive()
    assert (message.type, message.data) == (
        aiohttp.WSMsgType.TEXT,
        '{"type":"publish","topic":"notes","data":1,"clients":1}',
    )


async def test_a_thousand_frames_at_once_arrive_in_order(served: Served) -> None:
    ann, ben = [await subscribed(served, "notes") for _ in range(2)]
    for number in range(1000):
        await ann.send(publication("notes", number))
    assert await asyncio.gather(received(ann, 1000), received(ben, 1000)) == [list(range(1000))] * 2
    assert served.refusals() == []


@pytest.mark.one_sidecar("connections have larger numbers in a cluster")
async def test_a_connection_with_more_topics_may_leave_more_frames_unread(
    aiohttp_client: AiohttpClient, tmp_path: Path
) -> None:
    """A page with many documents may be too busy with opening them to read the frames of all their topics."""
    served = await serve(aiohttp_client, tmp_path, max_outbox_bytes=65_536)
    topics = [str(number) for number in range(100)]
    few, many = await subscribed(served, "0"), await subscribed(served, *topics)
    sender = await subscribed(served)
    transports = [peer.socket._response.connection.transport for peer in (few, many)]  # type: ignore[union-attr]
    for transport in transports:
        transport.pause_reading()  # type: ignore[union-attr]
    for _ in range(120):  # more than the buffers of the sockets and four outboxes hold
        await sender.send(publication("0", "p" * 100_000))
    await served.settled()
    (closed,) = served.records("connection.closed")
    assert (closed["connection"], closed["data"]["reason"]) == (1, "slow reader")
    transports[1].resume_reading()  # type: ignore[union-attr]
    assert len(await received(many, 120)) == 120
    transports[0].abort()  # type: ignore[union-attr]  # a clean close would take 10 s, because nothing is read


@pytest.mark.one_sidecar("connections have larger numbers in a cluster")
async def test_a_page_with_many_topics_that_reads_nothing_is_cut_off(
    aiohttp_client: AiohttpClient, tmp_path: Path
) -> None:
    served = await serve(aiohttp_client, tmp_path, max_outbox_bytes=65_536)
    stalled = await subscribed(served, *map(str, range(MAX_TOPICS)))
    sender = await subscribed(served)
    transport = stalled.socket._response.connection.transport  # type: ignore[union-attr]
    transport.pause_reading()  # type: ignore[union-attr]
    for _ in range(300):  # 30 MB: more than the buffers of the sockets and MAX_OUTBOX_TIMES outboxes hold
        await sender.send(publication("0", "p" * 100_000))
    await served.settled()
    (closed,) = served.records("connection.closed")
    assert (closed["connection"], closed["data"]["reason"]) == (1, "slow reader")
    transport.abort()  # type: ignore[union-attr]  # a clean close would take 10 s, because nothing is read


@pytest.mark.one_sidecar("connections have larger numbers in a cluster")
async def test_pages_with_many_topics_may_leave_no_more_unread_if_all_have_left_much(
    aiohttp_client: AiohttpClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unread_total, "MAX_UNREAD_BYTES", 100_000)
    monkeypatch.setattr(unread_total, "COUNTED_EVERY_S", 0.0)
    served = await serve(aiohttp_client, tmp_path, max_outbox_bytes=1_000_000)
    stalled = await subscribed(served, *map(str, range(MAX_TOPICS)))
    sender = await subscribed(served)
    transport = stalled.socket._response.connection.transport  # type: ignore[union-attr]
    transport.pause_reading()  # type: ignore[union-attr]
    sent_bytes = 0
    while not served.records("connection.closed"):
        await sender.send(publication("0", "p" * 100_000))
        await served.settled()
        sent_bytes += 100_000
    assert sent_bytes < 16_000_000, "what the buffers of the sockets and one outbox hold"
    transport.abort()  # type: ignore[union-attr]  # a clean close would take 10 s, because nothing is read


# --- limits ------------------------------------------------------------------------------------------------------


async def test_a_topic_above_the_limit_is_recorded_and_reported_in_the_terminal_once(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    topics = [str(number) for number in range(MAX_TOPICS + 100)]
    ann = await subscribed(served, *topics)
    assert len(served.records("peer.joined")) == MAX_TOPICS
    assert set(served.refusals()) == {"too-many-rooms"}
    (line,) = printed(caplog)
    assert line == (
        "a client of y-webrtc was refused, and its protocol has no frame that says so: this connection cannot join "
        f"another room: limit is {MAX_TOPICS} rooms (too-many-rooms)"
    )
    await ann.send({"type": "unsubscribe", "topics": topics[:1]})
    await ann.send({"type": "subscribe", "topics": ["last"]})
    await served.settled()
    assert [each["room"] for each in served.records("room.created")][-1] == "last"


async def test_topics_that_are_left_with_too_many_in_one_frame_are_recorded_as_refused(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    ann = await subscribed(served, "0")
    await ann.send({"type": "unsubscribe", "topics": [str(number) for number in range(201)]})
    await ann.send(publication("0", 1))
    assert await received(ann, 1) == [1]
    assert served.refusals() == ["too-large"]
    assert "limit is 200 commands in one frame (too-large)" in caplog.text


@pytest.mark.parametrize("kind", ["subscribe", "unsubscribe"])
@pytest.mark.parametrize("topics", [{}, {"topics": None}, {"topics": "notes"}])
async def test_a_frame_without_a_list_of_topics_is_recorded_as_refused(
    served: Served, kind: str, topics: dict[str, Any]
) -> None:
    ann = await subscribed(served, "0")
    await ann.send({"type": kind, **topics})
    await ann.send(publication("0", 1))
    assert await received(ann, 1) == [1]
    assert served.refusals() == ["bad-field"]


async def test_a_subscriber_of_a_full_topic_is_refused_and_its_other_topics_are_not(
    aiohttp_client: AiohttpClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    served = await serve(aiohttp_client, tmp_path, max_peers_per_room=1)
    await subscribed(served, "notes")
    ben = await subscribed(served, "notes", "todo")
    await ben.send({"type": "subscribe", "topics": ["x" * 129]})
    await ben.send(publication("todo", 1))
    assert await received(ben, 1) == [1]
    assert served.refusals() == ["room-full", "too-large"]
    assert [line.rsplit(" ", 1)[1] for line in printed(caplog)] == ["(room-full)", "(too-large)"]


# --- the admin -----------------------------------------------------------------------------------------------------


async def test_the_admin_removes_a_page_from_one_topic_and_cannot_send_a_text(served: Served) -> None:
    ann, ben = [await subscribed(served, "notes", "todo") for _ in range(2)]
    assert await administer(served, "say", text="hello") == (409, "bad-field")
    peer = served.records("peer.joined")[0]["peer"]
    assert await administer(served, "kick", peer=peer) == (200, None)
    for topic in ("notes", "todo"):
        await ben.send(publication(topic, topic))
    assert await received(ann, 1) == ["todo"]
    assert await received(ben, 2) == ["notes", "todo"]


async def test_the_admin_closes_a_topic(served: Served) -> None:
    ann, ben = await subscribed(served, "notes", "todo"), await subscribed(served, "notes")
    assert await administer(served, "close") == (200, None)
    assert await ben.closed() == (4003, "room closed")
    await ann.send(publication("todo", 1))
    assert await received(ann, 1) == [1]


# --- hooks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "hook", ["def on_join(join):\n    return not join.present\n", "def on_relay(relay):\n    return False\n"]
)
async def test_hooks_decide_about_frames_from_outside_of_a_topic(
    aiohttp_client: AiohttpClient, tmp_path: Path, hook: str
) -> None:
    """A client that sends to a topic without subscribing to it must not bypass the hooks."""
    served = await hooked(aiohttp_client, tmp_path / "signaling_hooks.py", hook)
    ann, eve = await subscribed(served, "notes"), await subscribed(served)
    await until(lambda: served.records("peer.joined"), "the hook has admitted Ann")
    await eve.send(publication("notes", 1))
    await ann.hears_nothing()
    await until(lambda: served.refusals() == ["refused-by-hook"], "the frame was refused")
    assert served.records("signal.relayed") == []
