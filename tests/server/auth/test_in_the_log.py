"""What the event log and `sidecar why` contain about tokens."""

from __future__ import annotations

import json
from collections.abc import Callable

from signaling_sidecar.eventlog.segments import find_segments
from signaling_sidecar.inspection import open_log
from tests.kit.guarded import bearer, refused_handshake, token
from tests.kit.serving import Served
from tests.kit.shared_copy import shared_copy
from tests.server.auth.cast import ROOM


async def why(served: Served) -> str:
    async with served.client.get("/admin/v1/why", headers=bearer(served.sidecar.admin_token)) as answer:
        return await answer.text()


async def test_why_tells_why_a_client_was_not_let_in(served: Served) -> None:
    await refused_handshake(served, "/ws/signaling/mesh")
    await refused_handshake(served, "/ws/signaling/mesh", headers=bearer(aud="another app"))
    ann = await served.connect()
    await ann.join("Ann", ROOM, token=token(lasts_s=-60))
    await ann.join("Ann", ROOM, token=token(room="bar"))
    told = await why(served)
    for sentence in (
        "a client at 127.0.0.1 was not let in: unauthorised (it sent no token)",
        "a client at 127.0.0.1 was not let in: unauthorised (its token is for another audience than the setting "
        "jwt_audience)",
        f"Ann was not admitted to {ROOM}: unauthorised (its token has expired)",
        f"Ann was not admitted to {ROOM}: unauthorised (the token is not for this room)",
        "send a valid token that allows this",
    ):
        assert sentence in told


async def test_why_tells_that_a_peer_was_disconnected_because_its_token_had_expired(
    served: Served, expire: Callable[[], None]
) -> None:
    ann, bob = await served.connect(), await served.connect()
    await ann.join("ann", ROOM, token=token())
    await bob.join("bob", ROOM, token=token("bob", lasts_s=3600))
    await bob.send({"type": "offer", "to": "ann", "sdp": "v=0"})
    assert [(await ann.receive())["type"] for _ in range(2)] == ["peer_joined", "offer"]
    expire()
    assert (await ann.closed())[0] == 4401
    await served.settled()
    assert "ann was disconnected because its token had expired" in await why(served)
    ladder = str(open_log(served.sidecar.state_dir).ladder(ROOM))
    assert "away (its token had expired)" in ladder


async def test_a_shared_copy_of_the_log_has_no_subject_and_keeps_the_reasons(served: Served) -> None:
    await refused_handshake(served, "/ws/signaling/mesh", headers=bearer("open sesame"))
    ann = await served.connect(headers=bearer(subject="ann@example.com"))
    await ann.join("ann", ROOM)
    assert "ann@example.com" in str(served.records())
    text = shared_copy(*find_segments(served.sidecar.state_dir).segments).decode()
    assert "ann@example.com" not in text
    shared = [(record["type"], json.loads(record.get("data", "{}"))) for record in map(json.loads, text.splitlines())]
    subjects = [data["subject"] for type_, data in shared if type_ in ("connection.opened", "peer.joined")]
    assert len(subjects) == 2
    assert len(set(subjects)) == 1
    assert [data["why"] for type_, data in shared if type_ == "auth.failed"] == ["malformed"]
