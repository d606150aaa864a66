"""The ladder in a notebook, and the payload of its selected row."""

from __future__ import annotations

import copy
import json
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from signaling_sidecar.drawing.ladder.payload_text import payload_text
from signaling_sidecar.inspection import EventLog, Ladder, open_log
from signaling_sidecar.inspection.live.drawing_widget import DrawingWidget
from tests.kit.inspection_log import ANN, BAR, BEN, TWO_PEERS, record, write_segment

OFFER = 6
"""The `seq` of the offer in `TWO_PEERS`."""


def log_of(tmp_path: Path, *lines: str) -> EventLog:
    return open_log(write_segment(tmp_path / "events-b00t-0001.jsonl", lines))


def ladder_with(tmp_path: Path, **signal: Any) -> Ladder:
    """Return the ladder of a log with `TWO_PEERS` and one more signal, whose `seq` is 20."""
    signal = {"kind": "offer", "bytes": 9, **signal}
    return log_of(tmp_path, *TWO_PEERS, record(20, 11, "signal.relayed", **ANN, **signal)).ladder("bar")


def test_a_description_is_shown_line_by_line_in_its_indented_frame(tmp_path: Path) -> None:
    assert log_of(tmp_path, *TWO_PEERS).ladder("bar").payload(OFFER) == (
        OFFER,
        "offer · 23 B",
        "seq 6 · 11:06:42.500000 UTC · signal.relayed · kind offer · 60 B",
        '{\n  "type": "offer",\n  "to": "ann",\n  "sdp": "v=0\n    a=ice-ufrag:BENu\n    "\n}',
    )


def test_the_data_of_a_join_record_is_shown_unchanged(tmp_path: Path) -> None:
    joined = log_of(tmp_path, *TWO_PEERS).ladder("bar").payload(4)
    assert joined is not None
    assert json.loads(joined.text) == {"name": "Ann", "instance": "p1", "joined_at_ms": 1}


def test_an_unknown_row_has_no_payload_and_a_row_without_data_reports_it(tmp_path: Path) -> None:
    ladder = ladder_with(tmp_path)
    bare = ladder.payload(20)
    assert bare is not None
    assert (ladder.payload(999), bare.text) == (None, "the log does not hold the payload of this record")


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        ('{"a":"\\\\r\\\\n","b":"x\\ny"}', '{\n  "a": "\\\\r\\\\n",\n  "b": "x\n    y"\n}'),
        ('{"n":1.50,"n":2}', '{\n  "n": 1.50,\n  "n": 2\n}'),
        ("not\tjson\r\nat all", "not\\tjson\\r\nat all"),
        ('["\u202egnp.exe","\x7f"]', '[\n  "\\u202egnp.exe",\n  "\\x7f"\n]'),
        ("[" * 500 + "]" * 500, "[" * 500 + "]" * 500),
        ('{"' + "[" * 500 + '\\"":["{"]}', '{\n  "' + "[" * 500 + '\\"": [\n    "{"\n  ]\n}'),
    ],
    ids=["escaped", "as-sent", "no-json", "acts-on-a-screen", "deep", "brackets-in-strings"],
)
def test_a_payload_is_shown_unchanged_without_control_characters(data: str, shown: str) -> None:
    assert payload_text(data) == shown


HOSTILE = "</script></title></svg><img src=x onerror=alert(1)>"


def test_a_hostile_payload_reaches_the_page_only_on_request_and_as_text(tmp_path: Path) -> None:
    ladder = ladder_with(tmp_path, kind=HOSTILE, data={"sdp": f"v=0\r\n{HOSTILE}", "secret": "marmalade"})
    widget = DrawingWidget()
    widget.show(ladder)
    shown = ladder._repr_mimebundle_()["text/html"]
    for html in (shown, widget.html):
        ElementTree.fromstring(html)
        assert not re.search("<img|<script|marmalade", html)
    widget.selected = 20
    assert HOSTILE in widget.payload["text"]


def test_the_page_receives_only_the_payload_of_the_selected_row(tmp_path: Path) -> None:
    ladder = log_of(tmp_path, *TWO_PEERS).ladder("bar")
    widget = DrawingWidget(ladder)
    assert widget.payload == {}
    widget.selected = OFFER
    assert widget.payload == ladder.payload(OFFER)._asdict()  # type: ignore[union-attr]
    for nothing in (999, None):
        widget.selected = nothing
        assert widget.payload == {}


def test_a_row_stays_selected_in_its_room_only(tmp_path: Path) -> None:
    pub = [
        record(18, 2, "room.created", dialect="rooms", room="pub"),
        record(OFFER + 100, 2, "peer.joined", dialect="rooms", room="pub", peer="cat", session="s-cat", connection=9),
    ]
    log = log_of(tmp_path, *TWO_PEERS, *pub)
    widget = DrawingWidget()
    widget.show(log_of(tmp_path, *TWO_PEERS[:7]).ladder("bar"))
    widget.selected = OFFER
    before = widget.html
    widget.show(log.ladder("bar"))
    assert (widget.selected, widget.payload["seq"]) == (OFFER, OFFER)
    assert widget.html != before
    widget.show(log.ladder("pub"))
    assert (widget.selected, widget.payload) == (None, {})
    widget.show(None)
    assert widget.html == ""


def test_a_selected_row_keeps_its_payload_when_it_is_folded(tmp_path: Path) -> None:
    beats = [record(20 + n, 8 + n, "signal.relayed", **BEN, kind="heartbeat", bytes=9, data={"n": n}) for n in range(5)]
    widget = DrawingWidget()
    widget.show(log_of(tmp_path, *TWO_PEERS[:7], *beats[:3]).ladder("bar"))
    widget.selected = 21
    widget.show(log_of(tmp_path, *TWO_PEERS[:7], *beats).ladder("bar"))
    assert json.loads(widget.payload["text"]) == {"n": 1}


def test_a_ladder_that_is_shown_twice_is_one_drawing_for_the_page(tmp_path: Path) -> None:
    ladder = log_of(tmp_path, *TWO_PEERS).ladder("bar")
    first, second = (ladder._repr_mimebundle_()["text/html"] for _ in range(2))
    assert first == second
    assert first != log_of(tmp_path, *TWO_PEERS).ladder("bar")._repr_mimebundle_()["text/html"]


def test_a_ladder_that_was_shown_can_be_copied_and_pickled(tmp_path: Path) -> None:
    ladder = log_of(tmp_path, *TWO_PEERS).ladder("bar")
    shown = ladder._repr_mimebundle_()["text/html"]
    for copied in (copy.deepcopy(ladder), pickle.loads(pickle.dumps(ladder))):
        assert copied.to_html() == ladder.to_html()
        assert copied._repr_mimebundle_()["text/html"] != shown, "a click would be answered by the widget of the other"


def test_every_drawing_is_html_for_a_page_that_knows_no_mime_bundles(tmp_path: Path) -> None:
    log = log_of(tmp_path, *TWO_PEERS)
    for drawing in (log.ladder("bar"), log.timeline("bar"), log.mesh("bar")):
        assert drawing._repr_html_() == drawing.to_html()


def test_a_ladder_is_drawn_without_the_widgets_package(tmp_path: Path) -> None:
    file = write_segment(tmp_path / "a.jsonl", TWO_PEERS)
    code = (
        "import sys; sys.modules['anywidget'] = None\n"
        f"from signaling_sidecar.inspection import open_log; ladder = open_log({str(file)!r}).ladder('bar')\n"
        "assert ladder._repr_mimebundle_() == {'text/plain': str(ladder), 'text/html': ladder.to_html()}"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")


def test_the_payload_of_a_refused_frame_is_its_refusal(tmp_path: Path) -> None:
    refused = log_of(tmp_path, *TWO_PEERS).ladder("bar").payload(14)
    assert refused is not None
    assert "no other peer 'ben' in this room" in refused.text
    assert BAR["room"] not in refused.about
