"""The ladder of one room, as text, as HTML, as Mermaid, and in the picker of a notebook."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from signaling_sidecar.drawing.errors import MAX_CHOICES_NAMED, AmbiguousRoom, UnknownRoom
from signaling_sidecar.inspection import EventLog, open_log
from tests.kit.inspection_log import ANN, BAR, BEN, IN_A_CLUSTER, TWO_PEERS, header, record, write_segment


def log_of(tmp_path: Path, *lines: str) -> EventLog:
    return open_log(write_segment(tmp_path / "events-b00t-0001.jsonl", lines))


TWO_PEERS_DRAWN = """\
Room bar · rooms · boot b00t · 2026-11-18, times in UTC

                                       Anna
                                        ann                           ben
11:06:41.000  +    0.000  ── room created ──
11:06:41.000  +    0.000                 ● joins
11:06:42.000  +    1.000                 │                             ● joins
11:06:42.500  +    1.500                 │◄─────── offer · 23 B ───────┤
11:06:42.600  +    1.600                 ├────── answer · 23 B ───────►│
11:06:42.700  +    1.700                 │◄─ candidate host udp mdns ──┤
11:06:43.000  +    2.000                 ├───── broadcast · 21 B ─────►│
11:06:44.000  +    3.000                 │                             ○ away (unloaded)
11:06:45.500  +    4.500                 │                             ● back, page reloaded
11:06:46.000  +    5.000                 • is now Anna                 │
11:06:47.000  +    6.000                 │                             ✕ leaves
11:06:47.100  +    6.100                 ├╌ candidate ✗ no-such-peer ╌✗
11:06:48.000  +    7.000                 ○ away (lost)"""


def test_a_ladder_in_characters_shows_every_signal_join_and_leave(tmp_path: Path) -> None:
    assert str(log_of(tmp_path, *TWO_PEERS).ladder("bar")) == TWO_PEERS_DRAWN


def test_a_notebook_receives_the_drawing_as_html_and_as_text(tmp_path: Path) -> None:
    ladder = log_of(tmp_path, *TWO_PEERS).ladder("bar")
    shown = ladder._repr_mimebundle_()
    assert shown.keys() == {"text/plain", "text/html"}
    assert shown["text/plain"] == str(ladder)
    assert ladder.to_html() in shown["text/html"]
    assert repr(ladder) == ("Ladder('Room bar · rooms · boot b00t · 2026-11-18, times in UTC': 2 peers, 13 steps)")


def test_the_html_is_well_formed_and_needs_neither_script_nor_network(tmp_path: Path) -> None:
    page = ElementTree.fromstring(log_of(tmp_path, *TWO_PEERS).ladder("bar").to_html())
    tags = {element.tag.rpartition("}")[2] for element in page.iter()}
    assert tags <= {"div", "svg", "g", "title", "text", "rect", "path", "circle"}
    attributes = {name for element in page.iter() for name in element.attrib}
    assert not [name for name in attributes if name.startswith("on") or "href" in name or name == "src"]
    assert len(page.findall(".//{*}g[@transform]")) == 13


def test_a_broadcast_has_arrows_to_all_peers_in_the_room(tmp_path: Path) -> None:
    cat = {**BAR, "peer": "cat", "session": "s-cat"}
    ladder = log_of(
        tmp_path,
        header("b00t"),
        *(record(n, n, "peer.joined", **who, connection=n) for n, who in enumerate((ANN, BEN, cat), 2)),
        record(5, 5, "signal.relayed", **BEN, kind="broadcast", bytes=9, data={}),
        record(6, 6, "peer.left", **cat, data={"reason": "closed"}),
        record(7, 7, "signal.relayed", **BEN, kind="broadcast", bytes=9, data={}),
    ).ladder("bar")
    to_all, _, to_one = ladder.steps[3:]
    assert (to_all.to, to_one.to) == ((0, 2), (0,))
    assert re.search(r"│◄─+┼─+ broadcast · 9 B ─+►│$", str(ladder), re.MULTILINE)
    assert ladder.to_mermaid().count("broadcast · 9 B") == 3


def test_a_gap_in_the_log_is_drawn_across_the_room(tmp_path: Path) -> None:
    gap = record(7, 2.55, "log.gap", data={"lost": 7, "error": "disk full"})
    assert "── 7 records are missing here ──" in str(
        log_of(tmp_path, *TWO_PEERS[:6], gap, *TWO_PEERS[7:]).ladder("bar")
    )


def test_what_happens_to_the_sidecars_of_a_cluster_is_drawn_across_the_room(tmp_path: Path) -> None:
    log = log_of(tmp_path, *IN_A_CLUSTER)
    for ladder in (log.ladder("bar"), log.ladder(log.pairs.iloc[0])):
        assert [step.label for step in ladder.steps][-7:] == [
            "sidecar 3 joined the cluster",
            "sidecar 1 of the cluster was lost",
            "away (stopped)",
            "sidecar 2 has the rooms now",
            "back",
            "sidecar 3 of the cluster stopped",
            "leaves",
        ]
        assert "── sidecar 1 of the cluster was lost ──" in str(ladder)


def test_a_refused_join_is_a_line_across_all_columns(tmp_path: Path) -> None:
    refused = record(
        17, 9, "signal.refused", **BAR, peer="eve", connection=9, kind="join", data={"code": "room-full", "count": 3}
    )
    ladder = log_of(tmp_path, *TWO_PEERS, refused).ladder("bar")
    assert [column.peer for column in ladder.columns] == ["ann", "ben"]
    assert "── eve: join ✗ room-full (3 times) ──" in str(ladder)


@pytest.mark.parametrize(
    ("connection", "label"),
    [(9, "another connection, as ann: join ✗ id-taken"), (1, "join ✗ id-taken")],
    ids=["of another connection", "of the peer itself"],
)
def test_only_a_refused_join_of_its_own_connection_is_drawn_at_a_peer(
    tmp_path: Path, connection: int, label: str
) -> None:
    who = {**BAR, "peer": "ann"}
    joined = record(2, 1, "peer.joined", **who, session="s-ann", connection=1)
    refused = record(3, 9, "signal.refused", **who, connection=connection, kind="join", data={"code": "id-taken"})
    step = log_of(tmp_path, header("b00t"), joined, refused).ladder("bar").steps[-1]
    assert (step.label, step.column) == (label, None if connection == 9 else 0)


def test_without_payloads_a_signal_is_labelled_with_its_kind(tmp_path: Path) -> None:
    bare = [re.sub(r', "data": "(?!\{\\"(name|instance|ending|boot|code|reason)).*"', "", line) for line in TWO_PEERS]
    assert [step.look for step in log_of(tmp_path, *bare).ladder("bar").steps[3:6]] == ["offer", "answer", "candidate"]


HOSTILE = [
    "</title></svg><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "\x1b[31mred\x07",
    "two\nlines\r\nNote over p0: forged",
    "end; %% #35; p0->>p1: forged",
    "\u202egnp.exe",
    "漢字の名前",
    "x" * 128,
]


@pytest.fixture
def hostile(tmp_path: Path) -> EventLog:
    peers = [{"dialect": "rooms", "room": name, "peer": name, "session": f"s{n}"} for n, name in enumerate(HOSTILE)]
    room = HOSTILE[0]
    lines = [header("b00t")]
    for n, peer in enumerate(peers):
        lines.append(
            record(2 * n + 2, n, "peer.joined", **peer | {"room": room}, connection=n, data={"name": HOSTILE[n]})
        )
        lines.append(record(2 * n + 3, n, "signal.relayed", **peer | {"room": room}, kind=HOSTILE[n], bytes=1, data={}))
    code = {"code": HOSTILE[0], "message": HOSTILE[3], "count": 1}
    lines.append(record(99, 9, "signal.refused", dialect="rooms", room=room, peer=HOSTILE[1], to="?\n<i>", data=code))
    return log_of(tmp_path, *lines)


def test_html_in_names_is_escaped(hostile: EventLog) -> None:
    page = hostile.ladder(HOSTILE[0]).to_html()
    ElementTree.fromstring(page)
    assert "<script" not in page
    assert "<img" not in page
    assert "<i>" not in page


def test_control_characters_in_names_are_made_visible(hostile: EventLog) -> None:
    ladder = hostile.ladder(HOSTILE[0])
    for text in (str(ladder), ladder.to_html(), ladder.to_mermaid()):
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e]", text)
    assert len(str(ladder).split("\n")) == 4 + len(ladder.steps)
    assert r"\x1b[31mred\x07" in str(ladder)


def test_mermaid_syntax_in_names_is_escaped(hostile: EventLog) -> None:
    ladder = hostile.ladder(HOSTILE[0])
    first, *lines = ladder.to_mermaid().splitlines()
    assert first == "sequenceDiagram"
    entity = r"(?:[A-Za-z0-9 .,()·_/+-]|#\d+;)*"
    for line in lines:
        assert re.fullmatch(rf"    (participant p\d as|Note over p\d(,p\d)?:|p\d(->>|--x)p\d:) {entity}", line), line
        assert not re.search(r"\bend\b", line)


def test_the_error_for_an_unknown_room_names_the_existing_rooms(tmp_path: Path) -> None:
    log = log_of(tmp_path, *TWO_PEERS)
    with pytest.raises(
        UnknownRoom, match=r"this log has no room 'pub'; its rooms are: 'bar', dialect='rooms', boot='b00t'"
    ):
        log.ladder("pub")
    for view in ("ladder", "timeline", "mesh", "mesh_slider"):
        with pytest.raises(UnknownRoom, match="no room 'pub'"):
            getattr(log, view)("pub")
    with pytest.raises(UnknownRoom, match="this log has no room 'bar', dialect='mesh'"):
        log.ladder("bar", dialect="mesh")
    with pytest.raises(UnknownRoom, match="its rooms are: none"):
        log_of(tmp_path, header("b00t")).ladder("bar")


def test_of_several_runs_with_a_room_the_last_is_drawn_and_the_title_says_so(tmp_path: Path) -> None:
    second = [line.replace("b00t", "cafe").replace("s-", "t-") for line in TWO_PEERS]
    log = log_of(tmp_path, *TWO_PEERS, *second)
    said = "Room bar · rooms · boot cafe · the last of 2 runs with this room; the one before it: boot='b00t' · "
    for drawing in (log.ladder("bar"), log.timeline("bar"), log.mesh("bar", 1)):
        assert drawing.title.startswith(said)
        assert "the last of 2 runs" in str(drawing)
    for drawing in (log.ladder("bar", boot="b0"), log.timeline("bar", boot="b0"), log.mesh("bar", 1, boot="b0")):
        assert re.match("Room bar · rooms · boot b00t · (from |at )?[+2]", drawing.title)


def test_rooms_with_the_same_id_in_two_dialects_do_not_mix(tmp_path: Path) -> None:
    mesh = {**BEN, "dialect": "mesh"}
    log = log_of(tmp_path, *TWO_PEERS[:4], record(5, 2, "peer.joined", **mesh, connection=2, data={}))
    assert [column.peer for column in log.ladder("bar", dialect="mesh").columns] == ["ben"]
    choices = r"this log has 2 rooms 'bar', choose one: {0}\('bar', dialect='rooms'\), {0}\('bar', dialect='mesh'\)$"
    for view in ("ladder", "timeline", "mesh", "mesh_slider"):
        with pytest.raises(AmbiguousRoom, match=choices.format(view)):
            getattr(log, view)("bar")


def test_an_error_names_only_some_of_many_rooms(tmp_path: Path) -> None:
    many = [record(n + 2, n, "room.created", dialect="rooms", room=f"r{n}") for n in range(MAX_CHOICES_NAMED + 5)]
    with pytest.raises(UnknownRoom, match=r"and 5 more$"):
        log_of(tmp_path, header("b00t"), *many).ladder("bar")


def test_a_room_that_existed_several_times_in_one_boot_is_one_ladder(tmp_path: Path) -> None:
    stays = [
        *(record(17, 11, "room.ended", **BAR), record(18, 12, "room.created", **BAR, data={})),
        record(19, 12, "peer.joined", **ANN | {"session": "s-again"}, connection=8, data={"name": "Ann"}),
    ]
    ladder = log_of(tmp_path, *TWO_PEERS, *stays).ladder("bar")
    assert [step.label for step in ladder.steps][-3:] == ["room ended", "room created", "joins"]


def test_the_picker_draws_the_selected_room(hostile: EventLog, tmp_path: Path) -> None:
    lines = [*TWO_PEERS, record(17, 11, "room.created", dialect="rooms", room="<pub>")]
    picker = log_of(tmp_path, *lines).picker()
    choice, drawing = picker.children
    assert [label for label, _ in choice.options] == ["bar (rooms, boot b00t)", "<pub> (rooms, boot b00t)"]
    assert "Room bar" in drawing.html
    choice.index = 1
    assert "Room &lt;pub&gt;" in drawing.html


def test_the_picker_of_an_empty_log_is_empty(tmp_path: Path) -> None:
    choice, drawing = log_of(tmp_path, header("b00t")).picker().children
    assert (choice.options, drawing.html) == ((), "")


def test_a_frame_that_is_kept_and_one_that_expires_are_drawn(tmp_path: Path) -> None:
    kept = {"dialect": "rooms", "room": "bar", "peer": "ann", "session": "s-ann", "to": "ben", "kind": "offer"}
    ladder = log_of(
        tmp_path,
        header("b00t"),
        record(2, 0.0, "peer.joined", **{**kept, "to": None, "kind": None}, data={}),
        record(3, 1.0, "signal.kept", **kept, bytes=16, data={"type": "offer"}),
        record(4, 6.0, "signal.expired", **kept, bytes=16),
    ).ladder("bar")
    assert "• offer is kept for ben" in str(ladder)
    assert "offer ✗ expired, for ben" in str(ladder)


@pytest.mark.parametrize(
    ("data", "label"),
    [
        ({"reason": "left"}, "leaves"),
        ({"reason": "kicked"}, "leaves (kicked)"),
        ({"reason": "lost", "ending": "unloaded"}, "leaves (unloaded)"),
        ({"reason": "lost", "ending": "lost"}, "leaves (lost)"),
    ],
)
def test_who_leaves_because_its_connection_ended_leaves_as_that_ended(
    tmp_path: Path, data: dict[str, str], label: str
) -> None:
    ladder = log_of(tmp_path, *TWO_PEERS, record(18, 12, "peer.left", **ANN, data=data)).ladder("bar")
    assert ladder.steps[-1].label == label


JOINED_EARLIER = [
    header("b00t"),
    record(
        2, 0.5, "log.checkpoint",
        data={"rooms": [{**BAR, "sessions": [
            {"session": "s-ann", "peer": "ann", "name": "Ann", "instance": "p1", "connection": 1},
            {"session": "s-ben", "peer": "ben", "instance": "p2"},
            {"session": "s-cat", "peer": "cat", "connection": 3},
        ]}, {"dialect": "rooms", "room": "pub", "sessions": [{"session": "s-dan", "peer": "dan"}]}]},
    ),
    record(3, 1.0, "signal.relayed", **ANN, connection=1, kind="broadcast", bytes=21, data={}),
    record(4, 2.0, "peer.resumed", **BEN, connection=4, data={"instance": "p3"}),
    record(5, 3.0, "signal.relayed", **BEN, connection=4, to="ann", kind="text", bytes=9, data={}),
    record(6, 4.0, "peer.joined", **BAR, peer="cat", session="s-cat", connection=3, data={}),
]  # fmt: skip
"""A log whose oldest segments were deleted. Cat joined after the oldest remaining segment had begun."""


def test_peers_that_joined_before_the_log_begins_have_columns(tmp_path: Path) -> None:
    assert str(log_of(tmp_path, *JOINED_EARLIER).ladder("bar")).splitlines()[2:] == [
        "                                     Ann",
        "                                     ann                      ben                      cat",
        "11:06:41.000  +    0.000              ├── broadcast · 21 B ───►┊",
        "11:06:42.000  +    1.000              │                        ● back, page reloaded",
        "11:06:43.000  +    2.000              │◄───── text · 9 B ──────┤",
        "11:06:44.000  +    3.000              │                        │                        ● joins",
    ]


def test_two_peers_that_joined_before_the_log_begins_can_be_drawn_alone(tmp_path: Path) -> None:
    log = log_of(tmp_path, *JOINED_EARLIER)
    ladder = log.ladder(log.pairs.iloc[0])
    assert [column.peer for column in ladder.columns] == ["ann", "ben"]
    assert [step.what for step in ladder.steps] == ["broadcast", "back, page reloaded", "text"]
