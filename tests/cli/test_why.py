"""`sidecar why` prints its explanations in a terminal."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from signaling_sidecar.cli import main
from signaling_sidecar.eventlog import segments
from tests.kit.diagnosis_log import Story
from tests.kit.inspection_log import header, record, write_segment


@pytest.fixture
def story(tmp_path: Path) -> Story:
    return Story(tmp_path)


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert main(["why", *arguments]) == 0
    return capsys.readouterr().out.splitlines()


def test_it_prints_the_reason_and_the_records_that_show_it(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    story.joins("ben", "Ben").describes("ben", "offer").waits(60).leaves("ben")
    assert said(capsys, "--log", str(story.write())) == [
        "bar (rooms)",
        "  ✗ Ann and Ben: Ann has not answered the offer of Ben",
        "      → look at the console of the page that should answer: it must handle the `offer` and send an answer",
        "      offer-unanswered; records: 4 offer",
    ]


def test_a_connected_pair_is_one_line(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    story.negotiates("a.local", "b.local").reports("ann", peerId="ben", connection="connected")
    assert said(capsys, "--log", str(story.write())) == ["bar (rooms)", "  ✓ Ann and Ben: connected"]


def test_only_the_requested_room_is_explained(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "--log", str(story.joins("ben").write()), "club") == ["no two peers have met in a room"]


def test_the_dialect_selects_one_of_two_rooms_with_the_same_id(
    story: Story, capsys: pytest.CaptureFixture[str]
) -> None:
    for peer in ("cat", "dan"):
        joined = {"dialect": "mesh", "room": "bar", "peer": peer, "session": f"s-{peer}"}
        story.add(record(90 + len(peer), 1, "peer.joined", **joined, data={}))
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
    assert "\x1b" not in "".join(said(capsys, "--log", str(story.write())))


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
