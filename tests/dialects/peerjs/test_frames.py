"""Effects of PeerJS frames that the wire vectors do not cover."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.dialects import peerjs
from tests.dialects.peerjs.peers import ann, connected, offer, offered
from tests.kit.receiving import receive
from tests.kit.serving import Served, serve


def expired(absent: str) -> dict[str, Any]:
    return {"type": "EXPIRE", "src": absent, "dst": "ann"}


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ({"type": "OPEN"}, "unknown-type"),
        ({"type": "ID-TAKEN", "dst": "ben"}, "unknown-type"),
        ({"type": "offer", "dst": "ben"}, "unknown-type"),
        ({"dst": "ben"}, "unknown-type"),
        ({"type": "OFFER", "payload": 1}, "bad-field"),
        ({"type": "OFFER", "dst": "", "payload": 1}, "bad-field"),
        ({"type": "OFFER", "dst": ["ben"], "payload": 1}, "bad-field"),
        ({"type": "LEAVE", "dst": 7}, "bad-field"),
        ({"type": "OFFER", "dst": "x" * 129}, "too-large"),
        ("no JSON", "bad-json"),
        (b"\x00", "bad-json"),
    ],
    ids=str,
)
async def test_a_refused_frame_is_recorded_and_its_sender_stays_connected(
    served: Served, frame: Any, code: str
) -> None:
    one, ben = await ann(served), await connected(served, id="ben")
    await one.send(frame)
    await ben.hears_nothing()
    await one.hears_nothing()
    assert served.refusals() == [code]
    await one.send(offer("ben"))
    assert await ben.receive() == offered("ann", "ben")


async def test_the_refusal_of_a_call_to_nobody_is_in_the_words_of_peerjs(served: Served) -> None:
    """As after `peer.call(null)`, with an id from an URL that has none."""
    one = await ann(served)
    await one.send({"type": "OFFER", "dst": None, "payload": 1})
    await one.hears_nothing()
    [refusal] = served.records("signal.refused")
    assert "call() was called without one" in str(refusal)


async def test_a_heartbeat_is_neither_answered_nor_recorded(served: Served) -> None:
    one = await ann(served)
    before = len(served.records())
    for _ in range(3):
        await one.send({"type": "HEARTBEAT"})
    await one.hears_nothing()
    assert len(served.records()) == before


async def test_a_peer_may_call_itself(served: Served) -> None:
    one = await ann(served)
    assert await one.ask(offer("ann")) == offered("ann", "ann")


@pytest.mark.parametrize("is_reloading", [False, True], ids=["to a peer that is there", "to one that reloads its page"])
async def test_all_frames_of_35_calls_at_once_arrive(served: Served, is_reloading: bool) -> None:
    one, ben = await ann(served), await connected(served, id="ben")
    if is_reloading:
        await ben.socket.close(code=1001)
    for number in range(35 * 37):
        await one.send({"type": "CANDIDATE", "payload": number, "dst": "ben"})
    if is_reloading:
        await served.settled()
        ben = await connected(served, id="ben")
    for number in range(35 * 37):
        assert await ben.receive() == {"type": "CANDIDATE", "src": "ann", "dst": "ben", "payload": number}
    assert served.refusals() == []


async def test_an_id_that_was_never_connected_is_unavailable_at_once_with_the_setting(
    aiohttp_client: AiohttpClient, tmp_path: Path
) -> None:
    served = await serve(aiohttp_client, tmp_path, peerjs_expire_unknown_ids=True)
    one, ben = await ann(served), await connected(served, id="ben")
    await ben.socket.close(code=1001)
    await served.settled()
    assert await one.ask(offer("nobody")) == expired("nobody")
    await one.send({"type": "CANDIDATE", "payload": 2, "dst": "nobody"})
    await one.send(offer("ben"))
    await one.hears_nothing()
    assert [record["to"] for record in served.records("signal.kept")] == ["ben"]


async def test_a_call_that_can_be_kept_no_more_is_unavailable_at_once(
    monkeypatch: pytest.MonkeyPatch, aiohttp_client: AiohttpClient, tmp_path: Path
) -> None:
    monkeypatch.setattr(peerjs, "MAX_KEPT_FRAMES", 1)
    full = await serve(aiohttp_client, tmp_path)
    one = await ann(full)
    await one.send(offer("ben"))
    assert await one.ask(offer("ben")) == expired("ben")


@pytest.mark.parametrize("kind", ["LEAVE", "EXPIRE"])
async def test_a_leave_or_an_expire_for_an_absent_peer_is_dropped(served: Served, kind: str) -> None:
    one = await ann(served)
    await one.send({"type": kind, "dst": "ben"})
    await one.hears_nothing()
    ben = await connected(served, id="ben")
    await ben.hears_nothing()


async def test_the_payload_is_relayed_byte_for_byte(served: Served) -> None:
    one, ben = await ann(served), await connected(served, id="ben")
    await one.send('{ "dst":"ben", "payload": {"b":1.0, "a":[1,  2], "b":"\\u00e9"} ,"type":"OFFER"}')
    message = await receive(ben.socket)
    assert message.data == '{"type":"OFFER","src":"ann","dst":"ben","payload":{"b":1.0, "a":[1,  2], "b":"\\u00e9"}}'
