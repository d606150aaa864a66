"""The mesh: a drawing that shows which peers of a room are connected at one moment."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from signaling_sidecar.drawing.mesh.links import Link, Links, Node, State
from signaling_sidecar.inspection import EventLog, Mesh, open_log
from tests.kit.checkout import RECORDED
from tests.kit.diagnosis_log import Story
from tests.kit.inspection_log import ANN, T0_S, TWO_PEERS, header, record, write_segment

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.fixture
def story(tmp_path: Path) -> Story:
    """Ann joins at 0 s. Ben joins at 0.5 s, and sends an offer at 1 s. Both are connected at 3 s."""
    story = Story(tmp_path).negotiates().reports("ann", peerId="ben", connection="connected", localUfrag="ANNu")
    return story.leaves("ben")


def states(log: EventLog, at: float | datetime | None) -> list[str]:
    return [str(link.state) for link in log.mesh("bar", at).links.links]


CONNECTED_DRAWN = """\
Room bar · rooms · boot b00t · at +3.200 s, 2026-11-18 11:06:43.700 UTC

       1  2
1 Ann  ·  ✓
2 Ben  ✓  ·

✓ connected 1  … trying 0  ✗ failed 0  ? unknown 0
✓ Ann and Ben: connected"""


def test_the_time_of_a_mesh_is_a_number_of_seconds_or_a_time_of_python(story: Story) -> None:
    log = open_log(story.write())
    first = log.sessions["joined"].min()
    meshes = [str(log.mesh("bar", at=at)) for at in (1.5, timedelta(seconds=1.5), first + timedelta(seconds=1.5))]
    meshes.append(str(log.mesh("bar", at=np.float64(1.5))))
    assert len(set(meshes)) == 1
    with pytest.raises(TypeError, match="`at` must be a number of seconds, a timedelta or a datetime, not str"):
        log.mesh("bar", at="1.5")  # type: ignore[arg-type]


def test_a_mesh_in_characters_is_a_matrix_and_a_sentence_for_each_pair(story: Story) -> None:
    mesh = open_log(story.write()).mesh("bar", 3.2)
    assert str(mesh) == CONNECTED_DRAWN
    assert repr(mesh) == str(mesh)


def test_the_state_of_a_pair_depends_only_on_records_before_the_moment(story: Story) -> None:
    log = open_log(story.write())
    assert [states(log, at) for at in (0.2, 0.5, 1.2, 3.0, 3.5)] == [[], ["trying"], ["trying"], ["connected"], []]


def test_a_moment_is_given_in_seconds_since_the_first_record_or_as_a_time(story: Story) -> None:
    log = open_log(story.write())
    time = EPOCH + timedelta(seconds=T0_S + 0.5 + 3.2)
    for at in (time, time.replace(tzinfo=None), time.astimezone()):
        assert str(log.mesh("bar", at)) == CONNECTED_DRAWN


def test_failed_and_unknown_pairs_are_distinguished(story: Story, tmp_path: Path) -> None:
    unanswered = Story(tmp_path).joins("ben").describes("ben", "offer").waits(60).names("ben", "10.0.0.2")
    assert states(open_log(unanswered.write()), None) == ["failed"]
    complete = Story(tmp_path).negotiates()
    assert states(open_log(complete.write()), None) == ["unknown"]
    silent = Story(tmp_path).joins("ben").waits(60).record("peer.updated", "ben", data={"name": "Ben"})
    assert states(open_log(silent.write()), None) == ["unknown"]


def test_the_drawing_of_an_empty_room_names_the_time_with_the_most_peers(story: Story) -> None:
    story.leaves("ann").record("room.ended")
    log = open_log(story.write())
    assert str(log.mesh("bar")).endswith("\n\nno peer is in the room at this time; most peers were in it at +3.499 s")
    assert "no peer is in the room at this time" in log.mesh("bar")._repr_html_()
    assert states(log, 3.499) == ["connected"]


def test_a_peer_that_is_away_is_drawn_and_marked(tmp_path: Path) -> None:
    mesh = open_log(write_segment(tmp_path / "a.jsonl", TWO_PEERS)).mesh("bar", 3.5)
    assert [(node.label, node.is_away) for node in mesh.links.nodes] == [("Anna", False), ("ben", True)]
    assert "2 ben (away)" in str(mesh)
    assert "ben (away)" in mesh._repr_html_()


def test_every_drawing_calls_a_peer_as_the_verdicts_do(tmp_path: Path) -> None:
    """Two guests meet. In the next run of the sidecar, two others meet, and one of these takes the name Ann."""
    for boot, at_s, peers in (("a111", 0, ("a", "b")), ("b222", 9_000, ("c", "d"))):
        lines = [header(boot, at=at_s), record(2, at_s, "log.checkpoint", data={"rooms": []})]
        for seq, peer in enumerate(peers, 3):
            who = {"dialect": "rooms", "room": "bar", "peer": peer, "session": f"s-{peer}"}
            lines.append(record(seq, at_s + 60 + seq, "peer.joined", **who, data={"name": "Guest"}))
        lines.append(record(5, at_s + 70, "peer.updated", **who, data={"name": "Ann" if peer == "d" else "Guest"}))
        write_segment(tmp_path / f"events-{boot}-0001.jsonl", lines)
    log = open_log(tmp_path)
    [*_, verdict] = log.diagnose().verdicts
    assert verdict.sentence.startswith("Guest (3) and Ann: ")
    assert [column.name for column in log.ladder("bar").columns] == ["Guest (3)", "Ann"]
    assert [row.label for row in log.timeline("bar").attendance.rows] == ["Guest (3)", "Ann"]
    mesh = log.mesh("bar", 2).links  # before Ann has her name
    assert [node.label for node in mesh.nodes] == ["Guest (3)", "Ann"]
    assert mesh.links[0].sentence.startswith("Guest (3) and Ann: ")


def test_a_pair_is_the_same_before_and_after_a_restart(story: Story, tmp_path: Path) -> None:
    lines = story.write().read_text().splitlines()[:-1]  # without the record that Ben leaves
    sessions = [{"session": f"s-{peer}-1", "peer": peer} for peer in ("ann", "ben")]
    rooms = [{"dialect": "rooms", "room": "bar", "sessions": sessions}]
    lines += [
        header("cafe", at=20),
        record(2, 20, "log.checkpoint", data={"rooms": rooms, "waiting": []}),
        record(3, 20, "server.restored", data={"boot": "b00t"}),
        record(4, 21, "peer.resumed", dialect="rooms", room="bar", peer="ann", session="s-ann-1", connection=1),
    ]
    mesh = open_log(write_segment(tmp_path / "both.jsonl", lines)).mesh("bar")
    assert [(node.peer, node.is_away) for node in mesh.links.nodes] == [("ann", False), ("ben", True)]
    assert [link.state for link in mesh.links.links] == [State.CONNECTED]


@pytest.mark.parametrize(
    "at",
    [
        *(np.timedelta64(1500, "ms"), np.timedelta64(1_500_000_000, "ns"), pd.Timedelta("1.5s"), np.float32(1.5)),
        *(np.datetime64("2026-11-18T11:06:42.500"), pd.Timestamp("2026-11-18 11:06:42.5")),
    ],
    ids=repr,
)
def test_the_moment_may_be_of_a_type_of_pandas_or_numpy(tmp_path: Path, at: Any) -> None:
    log = open_log(write_segment(tmp_path / "events-b00t-0001.jsonl", TWO_PEERS))
    assert str(log.mesh("bar", at)) == str(log.mesh("bar", 1.5))


@pytest.mark.parametrize(
    "at",
    [pd.NaT, np.timedelta64("NaT", "ns"), np.datetime64("NaT", "ns"), float("nan"), float("inf"), 1e15, timedelta.max],
    ids=repr,
)
def test_a_time_that_no_calendar_has_is_refused_in_words(story: Story, at: Any) -> None:
    with pytest.raises(ValueError, match="`at` must be a moment of the years 1 to 9999, not"):
        open_log(story.write()).mesh("bar", at)


def mesh_of(peers: int) -> Mesh:
    nodes = [Node(f"p{at}", f"<b>\n{at}", at == 1) for at in range(peers)]
    states = list(State)
    pairs = [(one, other) for one in range(peers) for other in range(one)]
    links = [Link(one, other, states[(one + other) % 4], f"<i>{one}\x1b") for one, other in pairs]
    return Mesh("Room <bar>", Links(nodes, links, 1.0, T0_S, 1.0))


@pytest.mark.parametrize("peers", [0, 1, 2, 3, 14])
def test_the_html_is_well_formed_text_and_needs_neither_script_nor_network(peers: int) -> None:
    html = mesh_of(peers)._repr_html_()
    page = ElementTree.fromstring(html)
    tags = {element.tag.rpartition("}")[2] for element in page.iter()}
    assert tags <= {"div", "svg", "g", "title", "text", "rect", "path", "circle"}
    attributes = {name for element in page.iter() for name in element.attrib}
    assert not [name for name in attributes if name.startswith("on") or "href" in name or name == "src"]
    assert not re.search(r"[\x00-\x1f]", html)


def test_each_state_has_a_colour_and_a_dash_pattern_of_its_own() -> None:
    page = ElementTree.fromstring(mesh_of(4)._repr_html_())
    strokes = {(path.get("stroke"), path.get("stroke-dasharray")) for path in page.iterfind(".//{*}g/{*}path")}
    assert len({colour for colour, _ in strokes}) == len({dashes for _, dashes in strokes}) == 4


def room_of(names: Sequence[str], *, failed: int = 0) -> ElementTree.Element:
    """Return the mesh of a room whose peers are all away. The first pairs have failed, and the others are unknown."""
    nodes = [Node(f"p{at}", name, is_away=True) for at, name in enumerate(names)]
    pairs = [(one, other) for other in range(len(names)) for one in range(other)]
    states = [State.FAILED] * failed + [State.UNKNOWN] * (len(pairs) - failed)
    links = [Link(*pair, state, "") for pair, state in zip(pairs, states, strict=True)]
    return ElementTree.fromstring(Mesh("", Links(nodes, links, 1.0, T0_S, 1.0)).drawing().partition("<div")[0])


@pytest.mark.parametrize("peers", [1, 2, 3, 4, 7, 16, 30, 31, 32, 100])
def test_names_beside_the_circle_neither_overlap_nor_leave_the_drawing(peers: int) -> None:
    drawing = room_of([f"P{at:02}" for at in range(peers)])
    (all_,) = drawing.iterfind("{*}g")
    middle = [float(part) for part in all_.get("transform", "")[len("translate(") : -1].split(",")]
    boxes = []
    for name in drawing.iterfind(".//{*}text[@font-weight='600']"):
        width = len(name.text or "") * 7.6  # pixels: the width of a bold character in a usual font
        x, y = float(name.get("x", "")) + middle[0], float(name.get("y", "")) + middle[1]
        left = x - width * {"start": 0, "middle": 0.5, "end": 1}[name.get("text-anchor", "")]
        boxes.append((left, y - 10, left + width, y + 3))
    assert len(boxes) == peers
    assert min(min(box[:2]) for box in boxes) >= 0
    assert max(box[2] for box in boxes) <= float(drawing.get("width", ""))
    assert max(box[3] for box in boxes) <= float(drawing.get("height", ""))
    for one, other in itertools.combinations(boxes, 2):
        assert one[0] >= other[2] or other[0] >= one[2] or one[1] >= other[3] or other[1] >= one[3]


def test_a_few_failed_links_of_a_large_room_are_above_the_faint_others_and_have_their_sign() -> None:
    links = list(room_of([f"P{at:02}" for at in range(30)], failed=10).iterfind(".//{*}g[{*}path]"))
    assert [link.get("opacity") for link in links] == [".3"] * 425 + [None] * 10
    assert ["".join(link.itertext()) for link in links] == [""] * 425 + ["✗"] * 10


def test_a_long_name_is_shortened_and_keeps_its_state() -> None:
    names = ["L" * 60, "<img src=x onerror=alert(1)>"]
    shown = [name.text for name in room_of(names).iterfind(".//{*}text[@font-weight='600']")]
    assert shown == ["LLLLLLLLLLLLLLLL… (away)", "<img src=x onerr… (away)"]
    mesh = Mesh("", Links([Node("p", name, is_away=True) for name in names], [], 1.0, T0_S, 1.0))
    assert all(name in str(mesh) for name in shown if name)


def test_the_matrix_of_a_large_room_is_aligned() -> None:
    lines = str(mesh_of(14)).split("\n")[2:17]
    assert len({len(line) for line in lines}) == 1


def test_the_slider_begins_at_the_time_with_the_most_peers_and_shows_each_selected_moment(tmp_path: Path) -> None:
    slider, drawing = open_log(RECORDED / "three-peers").mesh_slider("bar").children
    assert all(name in drawing.html for name in ("Ann", "Ben", "Cleo"))
    slider.value = 0.1
    assert "Ann" in drawing.html
    assert "Cleo" not in drawing.html
    alone = [header("b00t"), record(2, 1, "peer.joined", **ANN, connection=1, data={})]
    slider, drawing = open_log(write_segment(tmp_path / "a.jsonl", alone)).mesh_slider("bar").children
    assert (slider.value, slider.max) == (0.0, 0.0)


def test_recorded_meshes_agree_with_the_pairs_table() -> None:
    log = open_log(RECORDED / "seven-faults")
    for row in log.pairs.itertuples():
        (link,) = log.mesh(str(row.room)).links.links
        assert link.sentence == row.sentence
        assert (link.state is State.CONNECTED) == (row.room == "connected")
    three = open_log(RECORDED / "three-peers")
    assert [link.state for link in three.mesh("bar", 2.5).links.links] == [State.CONNECTED] * 3
