"""The API of the inspector: its data about all rooms and about one room, and the requests that it refuses."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

import pytest

from signaling_sidecar.drawing.ladder.steps import Look
from tests.kit.serving import PATIENCE_S, Peer, Served
from tests.kit.site_file import SECRET

API = "/inspector/api"
SDP = "v=0\r\na=ice-ufrag:{}\r\na=ice-pwd:0123456789secret\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n"


def token(served: Served) -> dict[str, str]:
    return {"Authorization": f"Bearer {served.sidecar.admin_token}"}


async def get(served: Served, path: str) -> tuple[int, Any]:
    async with served.client.get(f"{API}/inspector/rooms/{path}", headers=token(served)) as answer:
        return answer.status, await answer.json() if answer.content_type == "application/json" else await answer.text()


@asynccontextmanager
async def changes(served: Served) -> AsyncIterator[Any]:
    """Yield a function that waits for a line of the stream that satisfies a condition, and returns it."""
    async with served.client.get(f"{API}/inspector/changes", headers=token(served)) as stream:

        async def until(condition: Any = lambda line: True) -> Any:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    line = json.loads(await stream.content.readline())
                    if condition(line):
                        return line

        yield until


async def two_peers(served: Served) -> tuple[Peer, Peer]:
    ann, ben = await served.connect(), await served.connect()
    await ann.join("ann", "bar", name="Ann")
    await ben.join("ben", "bar", name="Ben")
    await ben.send({"type": "offer", "to": "ann", "sdp": SDP.format("BEN1")})
    await served.settled()
    return ann, ben


# --- the stream of changes ---


async def test_the_first_line_tells_all_rooms_and_each_change_another_one(served: Served) -> None:
    async with changes(served) as until:
        assert (await until())["rooms"] == []
        ann, _ = await two_peers(served)
        line = await until(lambda line: line["rooms"] and line["rooms"][0]["worst"] == "trying")
        [room] = line["rooms"]
        assert (room["dialect"], room["room"], room["peers"], room["away"]) == ("rooms", "bar", 2, 0)
        assert room["pairs"] == {"connected": 0, "trying": 1, "failed": 0, "unknown": 0}
        assert room["sentence"].startswith("Ann and Ben: ")
        await ann.send({"type": "trace", "event": "state", "pc": "1", "peerId": "ben", "connection": "connected"})
        assert (await until(lambda line: line["rooms"][0]["worst"] == "connected"))["seq"] > line["seq"]


async def test_a_verdict_that_changes_by_time_alone_is_told(served: Served) -> None:
    async with changes(served) as until:
        await two_peers(served)
        line = await until(lambda line: line["rooms"] and line["rooms"][0]["worst"] == "failed")
    assert line["rooms"][0]["sentence"].startswith("Ann and Ben: ")
    assert (await get(served, "rooms/bar"))[1]["verdicts"][0]["reason"] == "offer-unanswered"


async def test_hints_tell_that_no_browser_reports_and_which_line_lets_a_page_in(served: Served) -> None:
    await two_peers(served)
    async with served.client.get("/health", headers={"Origin": "http://my.example"}) as refused:
        assert refused.status == 403
    async with changes(served) as until:
        hints = {hint["code"]: hint for hint in (await until())["hints"]}
    assert "signaling({ trace: true })" in hints["no-browser-reports"]["remedy"]
    assert "--allow-origin http://my.example" in hints["refused-origin"]["remedy"]


async def test_the_hint_to_let_a_page_in_ends_when_the_page_is_let_in(served: Served) -> None:
    async with served.client.get("/health", headers={"Host": "my.example"}) as refused:
        assert refused.status == 403
    async with changes(served) as until:
        assert [hint["code"] for hint in (await until())["hints"]] == ["refused-host"]
        site = {"pid": os.getpid(), "name": "app", "local": [], "network": [], "secret": SECRET}
        content = json.dumps({**site, "allowedHosts": ["my.example"]})
        (served.sidecar.state_dir / "site.json").write_text(content)
        await until(lambda line: line["hints"] == [])


async def test_pages_that_signal_through_another_server_are_told_of_too(served: Served) -> None:
    one, other = await served.connect(), await served.connect()
    for peer, own, theirs in ((one, "ONE1", "TWO2"), (other, "TWO2", "ONE1")):
        report = {"type": "trace", "event": "state", "page": own, "pc": own, "connection": "connected"}
        await peer.send({**report, "localUfrag": own, "remoteUfrag": theirs})
    await served.settled()
    async with changes(served) as until:
        [hint] = (await until())["hints"]
    assert hint["code"] == "signaled-elsewhere"
    assert "connected" in hint["sentence"]


async def test_reports_on_a_connection_of_their_own_count_and_name_the_peer_in_all_drawings(served: Served) -> None:
    """With `trace: true`, a page sends such reports if its library opens the connection to the sidecar."""
    ann, ben, page = await served.connect(), await served.connect(), await served.connect()
    random_id = "9f0c2c5e-7d3e-4b53-8a0e-6f5f0f6f2a11"
    await ann.join("ann", "bar")
    await ben.join(random_id, "bar")
    await ben.send({"type": "offer", "to": "ann", "sdp": SDP.format("BEN1")})
    await page.send({"type": "trace", "event": "page", "page": "p", "title": "Whiteboard"})
    state = {"type": "trace", "event": "state", "page": "p", "pc": "1", "connection": "connected"}
    await page.send({**state, "localUfrag": "BEN1", "remoteUfrag": "ANN1"})
    await served.settled()
    async with changes(served) as until:
        assert (await until(lambda line: line["rooms"]))["hints"] == []
    _, room = await get(served, "rooms/bar")
    assert room["verdicts"][0]["labels"] == ["ann", "Whiteboard"]
    assert all("Whiteboard" in room[drawing] for drawing in ("mesh", "timeline"))
    assert "Whiteboard" in room["ladder"]["head"]


async def test_the_stream_ends_with_the_sidecar(served: Served) -> None:
    async with served.client.get(f"{API}/inspector/changes", headers=token(served)) as stream:
        await stream.content.readline()
        await served.stop()
        async with asyncio.timeout(PATIENCE_S):
            await stream.content.read()


# --- one room ---


async def test_a_room_has_its_peers_verdicts_and_drawings(served: Served) -> None:
    ann, _ = await two_peers(served)
    pair = {"local": {"type": "host"}, "remote": {"type": "relay"}}
    await ann.send({"type": "trace", "event": "state", "pc": "1", "peerId": "ben", "connection": "connected"})
    await ann.send({"type": "trace", "event": "state", "pc": "1", "pair": pair})
    await served.settled()
    status, room = await get(served, "rooms/bar")
    assert status == 200
    assert [(peer["peer"], peer["label"], peer["away"]) for peer in room["peers"]] == [
        ("ann", "Ann", False),
        ("ben", "Ben", False),
    ]
    assert [verdict["sentence"] for verdict in room["verdicts"]] == ["Ann and Ben: connected (host to relay)"]
    assert "host-relay" in room["mesh"]
    assert "through a TURN server" in room["mesh"]
    assert "Ann" in room["timeline"]
    assert room["ladder"]["rows"] > 0
    assert room["ladder"]["cut"] == ""


async def test_each_row_of_the_ladder_is_one_svg_and_a_sentence(served: Served) -> None:
    await two_peers(served)
    _, found = await get(served, "rooms/bar/ladder?from=1&count=3")
    assert [row["row"] for row in found["rows"]] == [1, 2, 3]
    assert [row["text"].split(" · ")[0] for row in found["rows"]] == ["Ann: joins", "Ben: joins", "Ben to Ann: offer"]
    for row in found["rows"]:
        svg = ElementTree.fromstring(row["html"])
        assert (svg.tag, svg.get("height")) == ("{http://www.w3.org/2000/svg}svg", "24")
    offer = found["rows"][2]
    _, around = await get(served, f"rooms/bar/ladder?seq={offer['seq']}&count=2")
    assert offer["row"] in [row["row"] for row in around["rows"]]


async def test_the_ladder_shows_only_the_wanted_pair_and_kinds(served: Served) -> None:
    await two_peers(served)
    await (await served.connect()).join("dan", name="Dan")
    _, offers = await get(served, "rooms/bar/ladder?kinds=offer&pair=ben,ann")
    assert [row["kind"] for row in offers["rows"]] == ["offer"]
    _, strangers = await get(served, "rooms/bar/ladder?pair=ann,nobody")
    assert strangers["total"] == 0
    assert (await get(served, f"rooms/bar/ladder?kinds={','.join(Look)}"))[0] == 200


async def test_a_payload_has_the_description_in_sections_and_its_difference_to_the_one_before(served: Served) -> None:
    _, ben = await two_peers(served)
    await ben.send({"type": "offer", "to": "ann", "sdp": SDP.format("BEN2")})
    await served.settled()
    first, second = (record["seq"] for record in served.records("signal.relayed"))
    _, payload = await get(served, f"rooms/bar/payload/{first}")
    assert [section["title"] for section in payload["sections"]] == ["session", "m=audio, mid 0"]
    assert "diff" not in payload
    _, payload = await get(served, f"rooms/bar/payload/{second}")
    assert "BEN1" in payload["diff"]
    assert "0123456789secret" not in payload["diff"]


async def test_records_are_found_by_type_text_and_pair(served: Served) -> None:
    await two_peers(served)
    _, found = await get(served, "rooms/bar/records?type=peer.&text=BEN&pair=ann,ben")
    assert [row["cells"][2:4] for row in found["rows"]] == [["peer.joined", "ben"]]
    _, found = await get(served, "rooms/bar/records?type=signal.")
    (seq, at, *cells, data) = found["rows"][0]["cells"]
    assert (seq, found["first"]) == (str(found["rows"][0]["seq"]), found["rows"][0]["seq"])
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3}", at)
    assert cells == ["signal.relayed (offer)", "ben → ann", f"{served.records('signal.relayed')[0]['bytes']} B"]
    assert len(data) <= 300
    _, found = await get(served, "rooms/bar/records?from=1&count=1")
    assert [row["row"] for row in found["rows"]] == [1]


async def test_the_markdown_has_the_verdict_and_the_ladder_without_names(served: Served) -> None:
    await two_peers(served)
    for query in ("", "?pair=ann,ben"):
        status, text = await get(served, f"rooms/bar/markdown{query}")
        assert status == 200
        assert "has sent an offer" in text
        assert "offer" in text.split("### What the peers have sent")[1]
        assert "signaling sidecar" in text.split("### Versions")[1]
        for private in ("Ann", "ann", "Ben", "ben", "bar", "BEN1"):
            assert private not in text.split("### Versions")[0]


async def test_ids_may_contain_any_text_and_drawings_escape_it(served: Served) -> None:
    ann, ben = await served.connect(), await served.connect()
    room = "a/b ?#%2F&c"
    await ann.join("x,<b>", room, name="<script>alert(1)</script>")
    await ben.join("y%2C", room)
    await ben.send({"type": "offer", "to": "x,<b>", "sdp": SDP.format("BEN1")})
    await served.settled()
    pair = quote(",".join(quote(peer, safe="") for peer in ("x,<b>", "y%2C")), safe="")
    status, found = await get(served, f"rooms/{quote(room, safe='')}?pair={pair}")
    if status == 404:
        pytest.fail(str(found))
    assert found["room"]["room"] == room
    assert len(found["verdicts"]) == 1
    _, ladder = await get(served, f"rooms/{quote(room, safe='')}/ladder?pair={pair}")
    assert ladder["total"] > 0
    drawn = found["mesh"] + found["timeline"] + found["ladder"]["head"] + "".join(row["html"] for row in ladder["rows"])
    assert "<script" not in drawn
    assert "<b>" not in drawn


async def test_a_room_that_has_ended_is_listed_last_and_can_still_be_read(served: Served) -> None:
    ann, ben = await two_peers(served)
    await ann.ask({"type": "leave"})
    await ben.send({"type": "leave"})
    await served.settled()
    async with changes(served) as until:
        [room] = (await until())["rooms"]
    assert (room["room"], room["peers"], room["worst"], room["ended"]) == ("bar", 0, None, True)
    assert [verdict["labels"] for verdict in (await get(served, "rooms/bar"))[1]["verdicts"]] == [["Ann", "Ben"]]


# --- refusals ---


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("rooms/nowhere", 404, "no-such-room"),
        ("rooms/nowhere/markdown", 404, "no-such-room"),
        ("rooms/bar/payload/99999", 404, "no-such-record"),
        ("rooms/bar/payload/x", 400, "bad-field"),
        ("rooms/bar?pair=ann", 400, "bad-field"),
        ("rooms/bar/ladder?kinds=offers", 400, "bad-field"),
        ("rooms/bar/ladder?from=-1", 400, "bad-field"),
        ("rooms/bar/ladder?count=\u0663", 400, "bad-field"),
        ("rooms/bar/records?seq=1e3", 400, "bad-field"),
    ],
)
async def test_a_wrong_request_is_told_what_is_wrong(served: Served, path: str, status: int, code: str) -> None:
    await two_peers(served)
    answered, body = await get(served, path)
    assert (answered, body["code"]) == (status, code)
    assert body["message"]
