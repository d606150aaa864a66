"""A ladder shows equal consecutive signals in one row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from signaling_sidecar.drawing.ladder.fold_steps import LEAST_RUN, MAX_PAUSE_S
from signaling_sidecar.inspection import Ladder, open_log
from tests.kit.inspection_log import ANN, BEN, TWO_PEERS, record, write_segment

FIRST = 100
"""The `seq` of the first repeated signal."""
HOST = "candidate:1 1 udp 99 192.168.1.7 5000 typ host ufrag ANNu"


def said(n: int, at: float, who: dict[str, str] = ANN, **fields: Any) -> str:
    fields = {"kind": "heartbeat", "bytes": 21 + n % 2, "data": {"n": n}, **fields}
    return record(FIRST + n, at, "signal.relayed", **who, **fields)


def ladder_of(tmp_path: Path, *lines: str, fold: bool = True) -> Ladder:
    """Return the ladder of a room in which Ann and Ben send these signals."""
    file = write_segment(tmp_path / "events-b00t-0001.jsonl", [*TWO_PEERS[:5], *lines])
    return open_log(file).ladder("bar", fold=fold)


def labels(ladder: Ladder) -> list[str]:
    return [step.label for step in ladder.steps[3:]]


def test_heartbeats_are_one_row_with_their_number_and_interval(tmp_path: Path) -> None:
    beats = [said(n, 10 + 5 * n) for n in range(37)]
    ladder = ladder_of(tmp_path, *beats)
    assert labels(ladder) == ["heartbeat ×37, every 5.0 s"]
    assert ladder.steps[3].detail == f"seq {FIRST} to {FIRST + 36}"
    for drawing in (str(ladder), ladder.to_html(), ladder.to_mermaid().replace("#215;", "×").replace("#44;", ",")):
        assert "heartbeat ×37, every 5.0 s" in drawing
    assert labels(ladder_of(tmp_path, *beats, fold=False)) == ["heartbeat · 21 B", "heartbeat · 22 B"] * 18 + [
        "heartbeat · 21 B"
    ]


def test_the_payload_of_a_folded_row_is_that_of_its_first_record(tmp_path: Path) -> None:
    payload = ladder_of(tmp_path, *(said(n, n) for n in range(5))).payload(FIRST)
    assert payload is not None
    assert payload.about.startswith(f"the first of 5, seq {FIRST} to {FIRST + 4} · ")
    assert payload.text == '{\n  "n": 0\n}'


def test_a_few_equal_signals_are_not_folded(tmp_path: Path) -> None:
    assert len(labels(ladder_of(tmp_path, *(said(n, n) for n in range(LEAST_RUN - 1))))) == LEAST_RUN - 1
    assert len(labels(ladder_of(tmp_path, *(said(n, n) for n in range(LEAST_RUN))))) == 1


def test_signals_after_a_pause_begin_another_row(tmp_path: Path) -> None:
    ends = 10 + LEAST_RUN - 1
    beats = [said(n, 10 + n) for n in range(LEAST_RUN)]
    later = [said(50 + n, ends + MAX_PAUSE_S + 0.1 + n) for n in range(LEAST_RUN)]
    assert labels(ladder_of(tmp_path, *beats, *later)) == [f"heartbeat ×{LEAST_RUN}, every 1.0 s"] * 2
    in_time = [said(50 + n, ends + MAX_PAUSE_S - 0.1 + n) for n in range(LEAST_RUN)]
    assert len(labels(ladder_of(tmp_path, *beats, *in_time))) == 1


def test_alternating_signals_of_two_peers_are_one_row_for_each_peer(tmp_path: Path) -> None:
    turns = [
        line
        for n in range(0, 20, 2)
        for line in (said(n, 10 + n / 40, ANN, kind="ping"), said(n + 1, 10 + n / 40, BEN, kind="pong"))
    ]
    ladder = ladder_of(tmp_path, *turns)
    assert [(step.seq, step.column, step.label) for step in ladder.steps[3:]] == [
        (FIRST, 0, "ping ×10, every 50 ms"),
        (FIRST + 1, 1, "pong ×10, every 50 ms"),
    ]


def test_candidates_of_each_kind_are_one_row(tmp_path: Path) -> None:
    hosts = [said(n, 10, kind="candidate", to="ben", data={"candidate": HOST}) for n in range(4)]
    srflx = said(4, 10, kind="candidate", to="ben", data={"candidate": HOST.replace("typ host", "typ srflx")})
    ladder = ladder_of(tmp_path, *hosts, srflx)
    assert labels(ladder) == ["candidate host udp private ×4", "candidate srflx udp private"]
    assert ladder.steps[3].detail == (f"seq {FIRST} to {FIRST + 3}; the first: 192.168.1.7 port 5000, ufrag ANNu")


def test_descriptions_joins_and_leaves_end_a_folded_row(tmp_path: Path) -> None:
    sdp = {"kind": "offer", "to": "ben", "data": {"type": "offer", "sdp": "v=0\r\n"}}
    between = [said(20, 12.5, **sdp), record(FIRST + 21, 12.6, "peer.away", **BEN, data={"ending": "lost"})]
    beats = [said(n, 10 + n / 10) for n in range(4)], [said(30 + n, 13 + n / 10) for n in range(4)]
    beat = "heartbeat ×4, every 100 ms"
    assert labels(ladder_of(tmp_path, *beats[0], *between, *beats[1])) == [beat, "offer · 5 B", "away (lost)", beat]


def test_descriptions_and_refusals_are_never_folded(tmp_path: Path) -> None:
    sdp = {"kind": "offer", "to": "ben", "data": {"type": "offer", "sdp": "v=0\r\n"}}
    offers = [said(n, 10, **sdp) for n in range(6)]
    refusals = [
        record(FIRST + 10 + n, 11, "signal.refused", **ANN, to="eve", kind="x", data={"code": "no-such-peer"})
        for n in range(6)
    ]
    assert len(labels(ladder_of(tmp_path, *offers, *refusals))) == 12
