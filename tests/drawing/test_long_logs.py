"""How drawings show the times of a log that lasts for hours or days."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from signaling_sidecar.diagnosis import Entry
from signaling_sidecar.drawing import attend
from signaling_sidecar.drawing.elapsed import since_start
from signaling_sidecar.inspection import EventLog, open_log
from tests.kit.inspection_log import ANN, BAR, BEN, header, record, write_segment

DAY_S = 86_400


def log_of(tmp_path: Path, lasts_s: float) -> EventLog:
    lines = [
        header("b00t"),
        record(2, 1, "room.created", **BAR),
        record(3, 1, "peer.joined", **ANN, connection=1, data={"name": "Ann"}),
        record(4, 1 + lasts_s, "peer.joined", **BEN, connection=2, data={"name": "Ben"}),
    ]
    return open_log(write_segment(tmp_path / "events-b00t-0001.jsonl", lines))


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0, "+0.000 s"),
        (599.5, "+599.500 s"),
        (600, "+0:10:00"),
        (50_000, "+13:53:20"),
        (172_799.9999, "+2 d 0:00:00"),
        (172_801.228, "+2 d 0:00:01"),
        (-5, "-5.000 s"),
        (-3_605.5, "-1:00:05"),
    ],
)
def test_a_time_is_in_seconds_for_ten_minutes_and_then_on_a_clock(seconds: float, written: str) -> None:
    assert since_start(seconds) == written


def test_the_drawings_of_two_days_have_hours_and_days(tmp_path: Path) -> None:
    log = log_of(tmp_path, 2 * DAY_S + 1.228)
    timeline, ladder, mesh = log.timeline("bar"), log.ladder("bar"), log.mesh("bar")
    assert mesh.title.endswith(" · at +2 d 0:00:01, 2026-11-20 11:06:42.228 UTC")
    assert "here 2 d 0:00:01" in str(timeline)
    assert re.findall(r"\+0 s +(\S.*)\n", str(timeline)) == ["+2 d 0:00:01"]
    assert re.findall(r">(\+[^<]*)</text>", timeline.to_html()) == [
        *("+0:00:00", "+12:00:00", "+1 d 0:00:00", "+1 d 12:00:00", "+2 d 0:00:00")
    ]
    assert [line[14:32].strip() for line in str(ladder).splitlines()[-2:]] == ["+    0.000", "+2 d 0:00:01.228"]
    assert "h:m:s</text>" in ladder.to_html()
    assert ">+2 d 0:00:01</text>" in ladder.to_html()
    for drawing in (timeline, ladder, mesh):
        assert "172801" not in str(drawing) + drawing.to_html()
    assert max(map(len, ladder.to_text(60).splitlines())) <= 60


@pytest.mark.parametrize("lasts_s", [0.5, 60, 599, 600, 5_000, DAY_S, 5 * DAY_S, 7 * DAY_S, 400 * DAY_S])
def test_the_axis_has_a_few_ticks_whatever_the_log_lasts(tmp_path: Path, lasts_s: float) -> None:
    ticks = re.findall(r">(\+[^<]*)</text>", log_of(tmp_path, lasts_s).timeline("bar").to_html())
    assert 3 <= len(ticks) <= 7
    assert all(tick.endswith(" s") == (lasts_s < 600) for tick in ticks)


def test_the_time_to_find_out_who_was_in_a_room_grows_only_as_the_number_of_its_peers() -> None:
    def took_s(peers: int) -> float:
        joins = [
            Entry(v=1, seq=at, ts=at, type="peer.joined", room="bar", peer=f"{at}", session=f"s-{at}", boot="b00t")
            for at in range(1, peers + 1)
        ]
        began_s = time.process_time()
        assert len(attend(joins, peers).there_at(peers)) == peers
        return time.process_time() - began_s

    assert min(took_s(8_000) for _ in range(3)) < 16 * min(took_s(1_000) for _ in range(3))
