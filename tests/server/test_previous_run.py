"""A sidecar continues with the state of the previous one, after a clean stop and after a crash."""

from __future__ import annotations

import dataclasses
import json
import shutil
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.cli import main
from signaling_sidecar.dialects import DIALECTS
from signaling_sidecar.eventlog.segment_text import whole_lines
from signaling_sidecar.eventlog.segments import find_segments
from signaling_sidecar.hub.rules import Ending, Endings
from signaling_sidecar.inspection import open_log
from signaling_sidecar.settings import Settings
from tests.kit.hosted_client import connected, error_of, room_of, users_of
from tests.kit.match_client import asks, group, user
from tests.kit.pairing_client import CANONICAL as PAIRING
from tests.kit.pairing_client import device, pair, peer_joined, peer_left, register, registered
from tests.kit.serving import Served, serve

Again = Callable[..., Awaitable[Served]]


@pytest.fixture(params=["stopped", "killed"])
def again(request: pytest.FixtureRequest, aiohttp_client: AiohttpClient, tmp_path: Path) -> Again:
    """A function that stops or kills a sidecar, and starts the next one with the files that the first has written."""

    async def start(served: Served, **settings: Any) -> Served:
        folder = served.sidecar.state_dir
        if request.param == "killed":  # the log is complete, because it is written before anything is sent
            folder = Path(shutil.copytree(folder, tmp_path / f"left-{folder.name}"))
        await served.stop()
        return await serve(aiohttp_client, folder, **settings)

    return start


@pytest.fixture
async def served(aiohttp_client: AiohttpClient, tmp_path: Path) -> Served:
    return await serve(aiohttp_client, tmp_path / "state")


async def test_peers_without_tokens_return_and_their_absence_is_not_announced(served: Served, again: Again) -> None:
    for name in ("ann", "ben"):
        await (await served.connect()).join(name, name=name.title(), metadata={"hat": 1}, listed=False)
    next_one = await again(served)
    ann, ben = await next_one.connect(), await next_one.connect()
    (listed,) = (await ann.join("ann"))["peers"]
    assert (listed["peerId"], listed["name"], listed["metadata"], listed["away"]) == ("ben", "Ben", {"hat": 1}, True)
    assert [peer["peerId"] for peer in (await ben.join("ben"))["peers"]] == ["ann"]
    assert await ann.receive() == {"type": "peer_updated", "peerId": "ben", "away": False}
    await ann.hears_nothing()
    assert (await ann.ask({"type": "list_rooms"}))["rooms"] == []
    (restored,) = next_one.records("server.restored")
    assert (restored["data"]["rooms"], restored["data"]["sessions"]) == (1, 2)


async def test_frames_kept_for_a_resumable_session_survive_a_restart(served: Served, again: Again) -> None:
    ann, ben = await served.connect(), await served.connect()
    await ann.join("ann")
    token = (await ben.join("ben", resume=True, instance="page"))["resume"]["token"]
    await ann.receive()
    await ben.send({"type": "offer", "to": "ann", "c": 1})
    await ann.receive()
    ben.socket._response.connection.transport.abort()  # type: ignore[union-attr]
    for number in (1, 2):
        await ann.send({"type": "offer", "to": "ben", "n": number})
    await ann.hears_nothing()
    next_one = await again(served)
    ben = await next_one.connect()
    resume = {"token": token, "after": 0}
    resumed = await ben.ask({"type": "join", "roomId": "bar", "peerId": "ben", "instance": "page", "resume": resume})
    assert (resumed["type"], resumed["ca"]) == ("resumed", 1)
    frames = [await ben.receive() for _ in range(2)]
    assert [(frame["n"], frame["from"], frame["s"]) for frame in frames] == [(1, "ann", 1), (2, "ann", 2)]
    await ben.hears_nothing()


async def test_a_frame_of_which_the_log_has_only_a_summary_is_not_sent_after_a_restart_that_records_payloads(
    aiohttp_client: AiohttpClient, tmp_path: Path, again: Again
) -> None:
    served = await serve(aiohttp_client, tmp_path / "state", payloads="summary")
    ann, ben = await served.connect(), await served.connect()
    await ann.join("ann")
    token = (await ben.join("ben", resume=True, instance="page"))["resume"]["token"]
    ben.socket._response.connection.transport.abort()  # type: ignore[union-attr]
    await ann.receive()
    await ann.send({"type": "offer", "to": "ben", "sdp": "v=0"})
    await ann.hears_nothing()
    ben = await (await again(served, payloads="full")).connect()
    resume = {"token": token, "after": 0}
    answer = await ben.ask({"type": "join", "roomId": "bar", "peerId": "ben", "instance": "page", "resume": resume})
    assert answer == {"type": "not_resumed", "why": "gap"}


async def test_only_the_newest_token_resumes_a_session_after_a_restart(served: Served, again: Again) -> None:
    """The log shows no frame of the client after its second join, only that it has received the newest token."""
    page = {"type": "join", "roomId": "bar", "peerId": "ben", "instance": "page"}
    first = await served.connect()
    older = (await first.ask(page | {"resume": True}))["resume"]["token"]
    ben = await served.connect()
    token = (await ben.ask(page | {"resume": {"token": older, "after": 0}}))["resume"]["token"]
    await ben.ask({"type": "list_rooms"})
    next_one = await again(served)
    thief, ben = await next_one.connect(), await next_one.connect()
    assert (await thief.ask(page | {"resume": True}))["code"] == "id-taken"
    assert (await thief.ask(page | {"resume": {"token": older, "after": 0}}))["why"] == "token"
    assert (await ben.ask(page | {"resume": {"token": token, "after": 0}}))["type"] == "resumed"


async def test_peers_that_left_or_were_replaced_are_not_restored(served: Served, again: Again) -> None:
    ann, ben, cleo = [await served.connect() for _ in range(3)]
    for name, peer in (("ann", ann), ("ben", ben), ("cleo", cleo)):
        await peer.join(name)
    await ben.send({"type": "leave"})
    await cleo.socket.close()
    await served.settled()
    newer = await (await again(served)).connect()
    assert (await newer.join("ann"))["peers"] == []


async def test_a_hosted_room_keeps_its_host_its_names_and_its_mode(served: Served, again: Again) -> None:
    hugo, gina = await room_of(served, "hugo", "gina")
    await hugo.send("RENAME_ROOM", newRoomName="Series")
    await hugo.send("CONTROL_MODE_CHANGE", mode="FREE_FOR_ALL")
    await gina.send("RENAME_USER", newUserName="Gigi")
    await served.settled()
    next_one = await again(served)
    gina = await connected(next_one, "gina")
    state = (await gina.ask("JOIN_ROOM"))["roomState"]
    assert (state["name"], state["hostId"], state["controlMode"]) == ("Series", "hugo", "FREE_FOR_ALL")
    assert users_of({"roomState": state}) == {"hugo": False, "gina": True}
    assert state["users"][1]["name"] == "Gigi"
    hugo = await connected(next_one, "hugo")
    assert (await hugo.ask("CREATE_ROOM", userName="Hugo"))["type"] == "ROOM_CREATED"
    assert (await gina.hears("USER_JOINED"))["joinedUser"]["id"] == "hugo"
    stranger = await connected(next_one, "stranger")
    assert error_of(await stranger.ask("CREATE_ROOM", userName="S")) == "Room already exists"


async def test_a_pair_can_register_again(served: Served, again: Again) -> None:
    await pair(served, "ABC234")
    next_one = await again(served)
    first = await device(next_one, "ABC234")
    second = await device(next_one, "ABC234", first)
    await second.send({"type": "offer", "payload": 1})
    assert (await first.receive())["payload"] == 1
    assert len(next_one.records("peer.joined")) == 2  # both joined in the first run, and none joined again


async def test_a_session_that_is_not_continued_ends(
    served: Served, again: Again, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The grace period is so long that one of the two devices can return in time, even on a busy machine.
    endings = Endings(grace_s={**dict.fromkeys(Ending, 0.0), Ending.STOPPED: 2.0})
    rules = replace(DIALECTS["pairing"].rules(Settings()), endings=endings)
    monkeypatch.setitem(DIALECTS, "pairing", dataclasses.replace(DIALECTS["pairing"], rules=lambda settings: rules))
    await pair(served, "ABC234")
    next_one = await again(served)
    first = await next_one.connect(PAIRING)
    assert await first.ask(register("ABC234")) == registered("ABC234")
    assert await first.receive() == peer_left("ABC234")
    await device(next_one, "ABC234")
    assert await first.receive() == peer_joined("ABC234")


async def test_a_group_of_the_largest_size_is_found_again(served: Served, again: Again) -> None:
    names = [f"u{number}" for number in range(16)]
    await group(served, *names)
    next_one = await again(served)
    for name in names:
        peer = await user(next_one, name)
        assert (await peer.ask(asks(16)))["peers"] == names


async def test_a_matched_room_and_the_order_of_a_queue_are_restored(served: Served, again: Again) -> None:
    async def ask_for(served: Served, name: str, size: int) -> Any:
        peer = await served.connect(f"/ws/signaling/match?userId={name}")
        await peer.send({"type": "matchmaking", "matchSize": size})
        await served.settled()
        return peer

    await ask_for(served, "u1", 2)
    found = await (await ask_for(served, "u2", 2)).receive()
    for name in ("q1", "q2"):
        await ask_for(served, name, 3)
    next_one = await again(served)
    u2 = await ask_for(next_one, "u2", 2)
    u1 = await ask_for(next_one, "u1", 2)
    assert await u1.receive() == found
    assert await u2.receive() == found
    q3, q2, q1 = [await ask_for(next_one, name, 3) for name in ("q3", "q2", "q1")]
    assert (await q1.receive())["peers"] == ["q1", "q2", "q3"]
    del q2, q3


async def test_a_mesh_is_restored_without_announcements(served: Served, again: Again) -> None:
    for name in ("A", "B"):
        await (await served.connect("/ws/signaling/mesh")).ask({"type": "join", "peerId": name})
    next_one = await again(served)
    a, b = [await next_one.connect("/ws/signaling/mesh") for _ in range(2)]
    assert await a.ask({"type": "join", "peerId": "A"}) == {"type": "peer-list", "peers": ["B"]}
    assert await b.ask({"type": "join", "peerId": "B"}) == {"type": "peer-list", "peers": ["A"]}
    for peer in (a, b):
        await peer.hears_nothing()


async def test_only_rooms_of_enabled_dialects_are_restored(served: Served, again: Again) -> None:
    await (await served.connect("/ws/signaling/mesh")).ask({"type": "join", "peerId": "A"})
    await (await served.connect()).join("ann")
    next_one = await again(served, dialects=("rooms",))
    assert [record["data"]["rooms"] for record in next_one.records("server.restored")] == [1]


# --- a log that is not whole -----------------------------------------------------------------------------------------


def last_segment(served: Served) -> Path:
    return find_segments(served.sidecar.state_dir).segments[-1]


async def test_an_incomplete_last_line_is_removed_and_recorded(aiohttp_client: AiohttpClient, tmp_path: Path) -> None:
    served = await serve(aiohttp_client, tmp_path)
    await (await served.connect()).join("ann")
    await served.stop()
    path = last_segment(served)
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"v":1,"seq":99,"type":"peer.left","ro')
    next_one = await serve(aiohttp_client, tmp_path)
    assert path.read_bytes() == whole
    assert [record["data"] for record in next_one.records("log.torn")] == [{"bytes": 38}]
    assert [peer["peerId"] for peer in (await (await next_one.connect()).join("ben"))["peers"]] == ["ann"]


async def test_an_incomplete_new_segment_does_not_hide_the_previous_one(
    aiohttp_client: AiohttpClient, tmp_path: Path
) -> None:
    served = await serve(aiohttp_client, tmp_path)
    await (await served.connect()).join("ann")
    await served.stop()
    path = last_segment(served)
    following = path.with_name(path.name.replace("-0001.", "-0002."))
    following.write_bytes(path.read_bytes().splitlines(keepends=True)[0][:40])
    next_one = await serve(aiohttp_client, tmp_path)
    assert len((await (await next_one.connect()).join("ben"))["peers"]) == 1


@pytest.mark.parametrize("damage", ["line", "data", "numbers"])
async def test_a_damaged_record_does_not_affect_other_sessions(
    aiohttp_client: AiohttpClient, tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    served = await serve(aiohttp_client, tmp_path)
    for name in ("ann", "ben"):
        await (await served.connect()).join(name)
    await served.stop()
    path = last_segment(served)
    lines = path.read_text().splitlines()
    at = next(at for at, line in enumerate(lines) if '"peer.joined"' in line and '"ann"' in line)
    wrong = {"data": "{"} if damage == "data" else {"numbers": '{"x":-1}'}
    lines[at] = "no record" if damage == "line" else json.dumps({**json.loads(lines[at]), **wrong})
    path.write_text("\n".join(lines) + "\n")
    caplog.clear()
    next_one = await serve(aiohttp_client, tmp_path)
    assert [peer["peerId"] for peer in (await (await next_one.connect()).join("cleo"))["peers"]] == ["ben"]
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.startswith("the state of the last run is not restored completely: 1 line was skipped: ")
    assert f"{path}, line {at + 1}" in said
    assert path.exists()  # the old log was not deleted


async def test_a_grace_of_null_restores_the_grace_of_the_room(
    aiohttp_client: AiohttpClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """In earlier releases, `room_rules` could return an infinite grace period, which is null in the JSON of the log."""
    served = await serve(aiohttp_client, tmp_path)
    await (await served.connect()).join("ann", capacity=5)
    await (await served.connect()).join("ben", resume=True, instance="page")
    await served.stop()
    path = last_segment(served)
    records = [json.loads(line) for line in path.read_text().splitlines()]
    for record in records:
        data = json.loads(record.get("data", "{}"))
        if record["type"] == "room.created":
            data["rules"] = {"grace_s": None, "capacity": 0}
        elif record["type"] == "peer.away":
            data["grace_s"] = None
        else:
            continue
        record["data"] = json.dumps(data)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    caplog.clear()
    next_one = await serve(aiohttp_client, tmp_path)
    cleo = await next_one.connect()
    assert [peer["peerId"] for peer in (await cleo.join("cleo"))["peers"]] == ["ann", "ben"]
    assert "rules.capacity" in caplog.text
    (room,) = (await cleo.ask({"type": "list_rooms"}))["rooms"]
    assert room["capacity"] == 5


async def test_the_valid_parts_of_a_checkpoint_are_restored(
    aiohttp_client: AiohttpClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    served = await serve(aiohttp_client, tmp_path)
    await (await served.connect()).join("ann", room="bar")
    for name in ("ben", "cleo"):
        await (await served.connect()).join(name, room="den", resume=True, instance="page")
    await served.stop()
    await (await serve(aiohttp_client, tmp_path)).stop()  # the state is in this run's checkpoint
    path = find_segments(tmp_path).segments[-1]
    header, line, *others = path.read_text().splitlines()
    checkpoint = json.loads(line)
    state = json.loads(checkpoint["data"])
    state["barred"] = "nobody"
    bar, den = state["rooms"]
    bar["idle_s"], bar["capacity"], bar["rules"] = None, "many", {"grace_s": None}
    bar["sessions"][0]["away"]["left_s"] = None
    bar["sessions"][0]["metadata"] = 5
    den["sessions"][0]["resumption"]["issued"] = None  # no token can resume Ben's session
    checkpoint["data"] = json.dumps(state)
    path.write_text("\n".join([header, json.dumps(checkpoint), *others, ""]))
    caplog.clear()
    next_one = await serve(aiohttp_client, tmp_path)
    for room, there in (("bar", ["ann"]), ("den", ["cleo"])):
        peers = (await (await next_one.connect()).join("dora", room=room))["peers"]
        assert [peer["peerId"] for peer in peers] == there
    assert "not restored completely" in caplog.text


async def test_a_log_of_another_version_is_ignored_and_reported_in_one_sentence(
    aiohttp_client: AiohttpClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    served = await serve(aiohttp_client, tmp_path)
    await (await served.connect()).join("ann")
    await served.stop()
    path = last_segment(served)
    text = "".join(line.replace('"v":1', '"v":2', 1) for line in path.read_text().splitlines(keepends=True))
    path.write_text(text)
    caplog.clear()
    next_one = await serve(aiohttp_client, tmp_path)
    assert (await (await next_one.connect()).join("ben"))["peers"] == []
    (said,) = [record.getMessage() for record in caplog.records]
    assert "has schema version 2, but this release reads version 1" in said
    assert next_one.records("server.restored") == []
    assert path.read_text() == text


async def test_a_run_without_a_checkpoint_does_not_hide_the_previous_run(
    aiohttp_client: AiohttpClient, tmp_path: Path
) -> None:
    served = await serve(aiohttp_client, tmp_path)
    await (await served.connect()).join("ann")
    await served.stop()
    header = last_segment(served).read_bytes().splitlines(keepends=True)[0]
    for number, beginning in enumerate((b"", header[:40], header), 2):
        (tmp_path / f"events-r{number:07}-dead-0001.jsonl").write_bytes(beginning)
    next_one = await serve(aiohttp_client, tmp_path)
    assert len((await (await next_one.connect()).join("ben"))["peers"]) == 1


# --- a clock that was wrong ------------------------------------------------------------------------------------------


async def test_runs_are_in_order_even_if_the_clock_was_wrong(
    aiohttp_client: AiohttpClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real_time = time.time
    for offset_s, name in ((365 * 86_400, "ann"), (0, "ben"), (-86_400, "cleo")):
        monkeypatch.setattr(time, "time", lambda offset_s=offset_s: real_time() + offset_s)
        served = await serve(aiohttp_client, tmp_path)
        await (await served.connect()).join(name)
        await served.stop()
    monkeypatch.undo()
    next_one = await serve(aiohttp_client, tmp_path)
    peers = (await (await next_one.connect()).join("dora"))["peers"]
    assert [peer["peerId"] for peer in peers] == ["ann", "ben", "cleo"]
    assert list(open_log(tmp_path).events["boot"].drop_duplicates())[-1] == next_one.sidecar.boot
    assert main(["tail", "--no-follow", "-n", "3", "--state-dir", str(tmp_path)]) == 0
    assert "dora" in capsys.readouterr().out
    assert main(["why", "--state-dir", str(tmp_path), "bar"]) == 1
    assert "dora" in capsys.readouterr().out


async def test_the_last_run_with_an_old_boot_id_is_the_one_that_no_run_continued(
    aiohttp_client: AiohttpClient, tmp_path: Path
) -> None:
    """Older releases used times as ids. In the first run, the clock was ahead, so its id is the greatest."""
    older = []
    for name in ("ann", "ben", "cleo"):
        served = await serve(aiohttp_client, tmp_path)
        await (await served.connect()).join(name)
        older.append((served.sidecar.boot, last_segment(served)))
        await served.stop()
    names = ("6f000000000001", "6b000000000001", "6b000000000002")
    for (_, path), name in zip(older, names, strict=True):
        text = whole_lines(path).decode()
        for (boot, _), other in zip(older, names, strict=True):
            text = text.replace(boot, other)
        for file in (path, path.with_name(f"{path.name}.gz")):  # the next run may have compressed the segment
            file.unlink(missing_ok=True)
        (tmp_path / f"events-{name}-0001.jsonl").write_text(text)
    next_one = await serve(aiohttp_client, tmp_path)
    peers = (await (await next_one.connect()).join("dora"))["peers"]
    assert [peer["peerId"] for peer in peers] == ["ann", "ben", "cleo"]


async def test_a_clock_that_was_set_back_gives_nobody_a_longer_grace(
    aiohttp_client: AiohttpClient, tmp_path: Path
) -> None:
    served = await serve(aiohttp_client, tmp_path, grace_s=0.3)
    await (await served.connect()).join("ann")
    await served.stop()
    path = last_segment(served)
    records = [json.loads(line) for line in path.read_text().splitlines()]
    *_, joined = (record for record in records if record["type"] == "peer.joined")
    away = {**joined, "type": "peer.away", "data": '{"ending":"lost","grace_s":0.3}'}
    a_year_ahead = [
        {**record, "seq": seq, "ts": record["ts"] + 365 * 86_400} for seq, record in enumerate([*records, away])
    ]
    after = {"v": 1, "seq": len(records) + 1, "ts": joined["ts"], "type": "server.reloaded"}
    path.write_text("".join(json.dumps(record) + "\n" for record in (*a_year_ahead, after)))
    next_one = await serve(aiohttp_client, tmp_path, grace_s=0.3)
    ben = await next_one.connect()
    assert [peer["peerId"] for peer in (await ben.join("ben"))["peers"]] == ["ann"]
    assert (await ben.receive())["type"] == "peer_left"
