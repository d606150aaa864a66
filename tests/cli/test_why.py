"""`sidecar why` prints its explanations in a terminal."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest

from signaling_sidecar.cli import log_entries, main
from signaling_sidecar.eventlog import segments
from tests.kit.diagnosis_log import CONNECTED, FAILED, Story
from tests.kit.inspection_log import header, record, write_segment
from tests.kit.sidecar_command import PATIENCE_S, PYTHON_PATH, SIDECAR, run_here, serving


@pytest.fixture
def story(tmp_path: Path) -> Story:
    return Story(tmp_path)


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert main(["why", *arguments]) in (0, 1)
    return capsys.readouterr().out.splitlines()


def test_it_prints_the_reason_and_the_records_that_show_it(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    story.joins("ben", "Ben").describes("ben", "offer").waits(60).leaves("ben")
    assert said(capsys, "--log", str(story.write())) == [
        "bar (rooms)",
        "  ✗ Ann and Ben: Ann has not answered the offer of Ben; Ben left later",
        "      → look at the console of the page that should answer: it must handle the `offer` and send an answer",
        "      offer-unanswered; records: 4 offer",
    ]


def test_a_connected_pair_is_one_line(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    story.negotiates("a.local", "b.local").reports("ann", peerId="ben", connection="connected")
    assert said(capsys, "--log", str(story.write())) == ["bar (rooms)", "  ✓ Ann and Ben: connected"]


def test_only_the_requested_room_is_explained(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "--log", str(story.joins("ben").write()), "club") == ["no two peers have met in the room club"]


def test_it_says_why_tabs_of_one_browser_need_no_signals_with_y_webrtc(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    of = {"dialect": "y-webrtc", "room": "notes"}
    lines = [header("b00t"), record(2, 0, "room.created", **of, data={"announced": False})]
    for seq, peer in enumerate(("p1", "p2"), 3):
        lines.append(record(seq, 1, "peer.joined", **of, peer=peer, session=f"s-{peer}", data={}))
    none = "no two peers have met in the room notes"
    assert said(capsys, "--log", str(write_segment(tmp_path / "one.jsonl", lines[:3])), "notes") == [none]
    log = str(write_segment(tmp_path / "two.jsonl", lines))
    hint = "  - Tabs of one browser share their changes without WebRTC, unless filterBcConns is false."
    assert said(capsys, "--log", log, "notes") == [none, "notes (y-webrtc)", hint]
    assert said(capsys, "--log", log, "other") == ["no two peers have met in the room other"]


def test_the_dialect_selects_one_of_two_rooms_with_the_same_id(
    story: Story, capsys: pytest.CaptureFixture[str]
) -> None:
    for seq, peer in enumerate(("cat", "dan"), 93):
        joined = {"dialect": "mesh", "room": "bar", "peer": peer, "session": f"s-{peer}"}
        story.add(record(seq, 1, "peer.joined", **joined, data={}))
    log = str(story.joins("ben", "Ben").waits(60).write())
    assert said(capsys, "--log", log, "bar", "--dialect", "mesh")[:1] == ["bar (mesh)"]
    assert {line for line in said(capsys, "--log", log, "bar") if not line.startswith(" ")} == {
        "bar (mesh)",
        "bar (rooms)",
    }


def test_with_json_it_prints_one_line_for_each_pair(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = said(capsys, "--log", str(story.negotiates().waits(60).write()), "--json")
    found = json.loads(line)
    assert (found["reason"], found["signaling"]) == ("transport-unknown", "transport-unknown")
    assert found["peers"] == ["ann", "ben"]
    assert "client.observe(pc, peerId)" in found["next_step"]
    assert found["evidence"] == [{"boot": "b00t", "seq": 4}, {"boot": "b00t", "seq": 5}]


def test_control_characters_from_a_peer_do_not_reach_the_terminal(
    story: Story, capsys: pytest.CaptureFixture[str]
) -> None:
    story.joins("ben", "B\x1b[31men").describes("ben", "offer").waits(60).leaves("ben")
    shown = "".join(said(capsys, "--log", str(story.write())))
    assert "B\\x1b[31men" in shown
    assert "\x1b" not in shown


def test_a_file_with_the_records_in_any_order_gets_the_same_verdicts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = Story(tmp_path, boot="r0000001-a"), Story(tmp_path, boot="r0000002-b", at_s=60)
    one = first.negotiates().reports("ann", peerId="ben", connection="connected").write().read_text().splitlines()
    other = second.restarts().write().read_text().splitlines()
    in_order = said(capsys, "--log", str(write_segment(tmp_path / "joined.jsonl", [*one, *other])))
    assert in_order[1] == "  ✓ Ann and Ben: they were connected when Ann left"
    for mixed in [*other, *one], [one[0], *reversed(one[1:]), *other], [*one, *one, *other]:
        assert said(capsys, "--log", str(write_segment(tmp_path / "joined.jsonl", mixed))) == in_order


def test_what_a_finished_log_leaves_open_is_no_advice_to_wait(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    story.joins("ben", "Ben")
    assert said(capsys, "--log", str(story.write()))[1:] == [
        "  … Ann and Ben: they have only just met; the log ends before the result",
        "      in-progress; records: 3 peer.joined",
    ]
    story.describes("ben", "offer").goes_away("ben", "lost").record("server.stopped", dialect=None, room=None)
    assert said(capsys, "--log", str(story.write()))[1:] == [
        "  … Ann and Ben: Ben has lost its connection to the sidecar, and may return; the log ends before the result",
        "      in-progress; records: 4 offer, 5 peer.away",
    ]


def test_a_large_log_is_read_from_its_newest_part(
    tmp_path: Path, story: Story, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each segment begins with a checkpoint, so the peers in the rooms are known even if earlier segments are not
    read."""
    older = story.joins("ben", "Ben").write()
    there = [{"session": f"s-{name}-1", "peer": name, "name": name.title()} for name in ("ann", "ben")]
    begins = {"rooms": [{"dialect": "rooms", "room": "bar", "sessions": there}]}
    lines = [header("b00t", at=100, seq=89), record(90, 100, "log.checkpoint", data=begins)]
    write_segment(tmp_path / "events-b00t-0002.jsonl", lines)
    monkeypatch.setattr(segments, "NEWEST_BYTES", 10)
    assert "Ann and Ben" in said(capsys, "--log", str(tmp_path))[1]
    older.with_name(older.name + ".gz").write_bytes(gzip.compress(older.read_bytes()))
    older.unlink()
    assert "Ann and Ben" in said(capsys, "--log", str(tmp_path), "--all")[1]


# --- the exit code -------------------------------------------------------------------------------------------------


def exit_code(log: Path) -> int:
    return main(["why", "--log", str(log)])


def test_the_exit_code_of_a_finished_log_is_0_if_every_pair_was_connected_at_last(story: Story) -> None:
    assert exit_code(story.write()) == 1  # nobody has met Ann
    assert exit_code(story.negotiates().write()) == 1
    assert exit_code(story.reports("ann", peerId="ben", **CONNECTED).write()) == 0
    assert exit_code(story.leaves("ben").leaves("ann").record("server.stopped", room=None).write()) == 0


@pytest.mark.parametrize("fault", [FAILED, {}])
def test_the_exit_code_is_1_if_one_pair_is_not_connected(story: Story, fault: dict[str, str]) -> None:
    story.negotiates().reports("ann", peerId="ben", **fault).waits(60)
    assert exit_code(story.write()) == 1


def test_pairs_of_which_one_has_left_do_not_count_while_others_are_there(story: Story) -> None:
    story.joins("cleo", "Cleo").waits(60).leaves("cleo")
    story.negotiates().reports("ann", peerId="ben", **CONNECTED)
    assert exit_code(story.write()) == 0


def test_two_guests_of_a_host_need_not_be_connected(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    story.record("room.updated", data={"host": "ann"}).joins("cleo", "Cleo")
    story.negotiates().reports("ann", peerId="ben", **CONNECTED)
    assert exit_code(story.write()) == 1  # Cleo is not connected to the host
    story.leaves("cleo").joins("dan", "Dan").reports("ann", pc="to-dan", peerId="dan", **CONNECTED).waits(60)
    story.record("peer.updated", "ann", data={"name": "Ann"})
    capsys.readouterr()
    assert exit_code(story.write()) == 0
    said = capsys.readouterr().out
    assert "- Dan and Ben: neither has sent an offer, and neither is the host of the room\n" in said.replace(
        "Ben and Dan", "Dan and Ben"
    )
    assert "decide which page sends the offer" not in said


def test_a_shell_loop_can_wait_until_peers_are_connected(tmp_path: Path) -> None:
    """The exit code is 0 only while two peers are connected: not before they join, and not after one has left."""
    why = ("why", "bar", "--state-dir", str(tmp_path))
    assert run_here(*why).returncode == 2  # exit code 2: no sidecar was ever started in this folder
    with serving(tmp_path) as sidecar:
        assert run_here(*why).returncode == 1

        async def meet() -> list[int]:
            codes = []
            async with (
                aiohttp.ClientSession() as session,
                session.ws_connect(sidecar.ready["url"] + "/ws/signaling") as ann,
            ):
                await ann.send_json({"type": "join", "roomId": "bar", "peerId": "ann"})
                await ann.receive_json()
                async with session.ws_connect(sidecar.ready["url"] + "/ws/signaling") as ben:
                    await ben.send_json({"type": "join", "roomId": "bar", "peerId": "ben"})
                    await ben.receive_json()
                    codes.append((await asyncio.to_thread(run_here, *why)).returncode)
                    report = {"type": "trace", "event": "state", "pc": "1", "peerId": "ann", **CONNECTED}
                    await ben.send_json(report)
                    # When this frame is answered, the sidecar has read both frames.
                    await ben.send_json({"type": "leave", "roomId": "nowhere"})
                    await ben.receive_json()
                    codes.append((await asyncio.to_thread(run_here, *why)).returncode)
                    await ben.send_json({"type": "leave"})
                    assert (await ann.receive_json())["type"] == "peer_joined"
                    assert (await ann.receive_json())["type"] == "peer_left"
                    codes.append((await asyncio.to_thread(run_here, *why)).returncode)
            return codes

        assert asyncio.run(meet()) == [1, 0, 1]


LAST_RUN = "sidecar: no sidecar is running; this is the last run, whose log ends at 2026-11-18 11:06:43Z"


def test_of_a_sidecar_that_is_not_running_it_says_that_the_answers_are_of_its_last_run(
    story: Story, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    story.negotiates().reports("ann", peerId="ben", **CONNECTED).write()
    for options in ([], ["--json"]):
        assert main(["why", "--state-dir", str(tmp_path), *options]) == 0  # in the last run, all were connected
        printed = capsys.readouterr()
        assert len(printed.out.splitlines()) == (1 if options else 2)
        assert printed.err == f"{LAST_RUN}\n"
    assert main(["why", "--log", str(tmp_path)]) == 0  # a user who names a log knows that it may be old
    assert capsys.readouterr().err == ""


# --- watching ------------------------------------------------------------------------------------------------------


@contextmanager
def watching(*arguments: str) -> Iterator[Iterator[str]]:
    """The lines that `sidecar why --watch` prints. The command is killed if a test waits too long for a line."""
    command = [*SIDECAR, "why", "--watch", *arguments]
    environment = os.environ | PYTHON_PATH | {"PYTHONIOENCODING": "utf-8"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(command, **pipes, text=True, encoding="utf-8", env=environment) as process:
        assert process.stdout is not None
        watchdog = threading.Timer(PATIENCE_S, process.kill)
        watchdog.start()
        try:
            yield (line.rstrip() for line in process.stdout)
        finally:
            watchdog.cancel()
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE_S) == 130


def test_watching_prints_each_verdict_when_it_changes(story: Story, tmp_path: Path) -> None:
    with watching("--log", str(tmp_path)) as lines:  # the log does not exist yet
        story.joins("ben", "Ben").describes("ben", "offer").waits(1).reports("ben", peerId="ann").write()
        assert next(lines)[8:] == "Z bar (rooms) … Ann and Ben: Ben has sent an offer, and Ann may still answer"
        assert next(lines) == "      → check again in a few seconds"
        assert next(lines).startswith("      in-progress; records: ")
        story.describes("ann", "answer").reports("ben", peerId="ann", **CONNECTED).write()
        assert next(lines)[10:] == "bar (rooms) ✓ Ann and Ben: connected"
        story.is_refused("ben", "offer", "too-fast", to="ann").write()
        story.reports("ben", peerId="ann", **FAILED).write()
        assert next(lines)[10:].startswith("bar (rooms) ✗ Ann and Ben: ")
        assert next(lines).startswith("      →")


def test_watching_shows_the_last_run_with_the_time_of_that_run(story: Story, tmp_path: Path) -> None:
    story.negotiates().reports("ann", peerId="ben", **CONNECTED).write()
    with watching("--state-dir", str(tmp_path)) as lines:
        assert next(lines) == LAST_RUN
        assert next(lines) == "11:06:43Z bar (rooms) ✓ Ann and Ben: connected"


async def test_watching_prints_verdicts_that_change_by_time_alone(tmp_path: Path) -> None:
    with serving(tmp_path) as sidecar, watching("--json", "bar", "--state-dir", str(tmp_path)) as lines:
        url = f"{sidecar.ready['url']}/ws/signaling"
        async with aiohttp.ClientSession() as session, session.ws_connect(url) as ann, session.ws_connect(url) as ben:
            for peer, socket in (("ann", ann), ("ben", ben)):
                await socket.send_json({"type": "join", "roomId": "bar", "peerId": peer})
                await socket.receive_json()
            found = [json.loads(await asyncio.to_thread(next, lines)) for _ in range(2)]
        assert [each["reason"] for each in found] == ["in-progress", "nobody-offered"]
        await asyncio.to_thread(sidecar.stop)
        said = await asyncio.to_thread(lambda: next((line for line in lines if not line.startswith("{")), ""))
        assert said.startswith("sidecar: no sidecar is running; this is the last run")


# --- progress ------------------------------------------------------------------------------------------------------


def test_reading_a_large_log_shows_its_progress_in_a_terminal(
    story: Story, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log = story.joins("ben").write()
    assert main(["why", "--log", str(log)]) == 1
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(log_entries, "LONG_READ_BYTES", 0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert main(["why", "--log", str(log)]) == 1
    error = capsys.readouterr().err
    assert error.startswith("\rreading [")
    assert error.endswith("\r\x1b[K")  # nothing remains of it
