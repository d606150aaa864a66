"""A text ladder fits into the given width: it omits the time of day, narrows the columns, or becomes a list."""

from __future__ import annotations

from pathlib import Path

import pytest

from signaling_sidecar.diagnosis import read_entries
from signaling_sidecar.drawing import Ladder
from signaling_sidecar.untrusted_text import shown_width
from tests.kit.inspection_log import ANN, BAR, BEN, TWO_PEERS, header, record, write_segment


def ladder_of(tmp_path: Path, *lines: str) -> Ladder:
    entries = read_entries([write_segment(tmp_path / "events-b00t-0001.jsonl", lines)])
    return Ladder("Room bar", [entry for entry in entries if entry.room == "bar"])


def test_in_a_narrow_terminal_the_time_of_day_is_left_out_first(tmp_path: Path) -> None:
    ladder = ladder_of(tmp_path, *TWO_PEERS)
    assert ladder.to_text(86).splitlines()[7] == str(ladder).splitlines()[7]
    assert ladder.to_text(80).splitlines()[7] == "+    1.500                 │◄─────── offer · 23 B ───────┤"


def test_in_a_narrower_terminal_the_columns_become_narrower(tmp_path: Path) -> None:
    assert ladder_of(tmp_path, *TWO_PEERS).to_text(60).splitlines()[:10] == [
        "Room bar · 2026-11-18, times in UTC",
        "",
        "                      Anna",
        "                       ann                     ben",
        "+    0.000  ── room created ──",
        "+    0.000              ● joins",
        "+    1.000              │                       ● joins",
        "+    1.500              │◄──── offer · 23 B ────┤",
        "+    1.600              ├─── answer · 23 B ────►│",
        "+    1.700              │◄─ candidate host ud… ─┤",
    ]


def test_in_a_very_narrow_terminal_the_steps_are_a_list(tmp_path: Path) -> None:
    assert ladder_of(tmp_path, *TWO_PEERS).to_text(42).splitlines() == [
        "Room bar · 2026-11-18, times in UTC",
        "",
        "+    0.000  ── room created ──",
        "+    0.000  Anna ● joins",
        "+    1.000  ben ● joins",
        "+    1.500  ben → Anna: offer · 23 B",
        "+    1.600  Anna → ben: answer · 23 B",
        "+    1.700  ben → Anna: candidate host ud…",
        "+    2.000  Anna → all: broadcast · 21 B",
        "+    3.000  ben ○ away (unloaded)",
        "+    4.500  ben ● back, page reloaded",
        "+    5.000  Anna • is now Anna",
        "+    6.000  ben ✕ leaves",
        "+    6.100  Anna ✗ ben: candidate ✗ no-su…",
        "+    7.000  Anna ○ away (lost)",
    ]


@pytest.mark.parametrize("width", range(24, 140, 7))
def test_no_line_is_too_wide_and_wide_characters_count_twice(tmp_path: Path, width: int) -> None:
    wide = record(6, 3, "peer.updated", **BEN, data={"name": "漢字の名前はとても長い" * 3})
    combining = record(7, 4, "peer.updated", **ANN, data={"name": "e\u0301" * 30})
    many = [
        record(n, n, "peer.joined", **BAR, peer=f"p{n}", session=f"s-{n}", data={}) for n in range(8, 8 + width % 5)
    ]
    text = ladder_of(tmp_path, *TWO_PEERS[:5], wide, combining, *many).to_text(width)
    assert max(shown_width(line) for line in text.splitlines()) <= width


def test_combining_characters_in_a_name_do_not_move_the_lifelines(tmp_path: Path) -> None:
    lines = [header("b00t"), *TWO_PEERS[3:5], record(6, 3, "signal.relayed", **BEN, kind="e\u0301te\u0301", bytes=1)]
    *_, joined, sent = str(ladder_of(tmp_path, *lines)).splitlines()
    assert sent.index("│") == joined.index("│") or sent.index("◄") - 1 == joined.index("│")
    assert shown_width(sent[: sent.index("┤")]) == shown_width(joined[: joined.index("●")])
