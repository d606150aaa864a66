"""`sidecar ladder` draws a room as a sequence diagram, in a terminal or as a web page."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from signaling_sidecar.cli import main
from signaling_sidecar.inspection import open_log
from tests.kit.checkout import ROOT
from tests.kit.inspection_log import ANN, BAR, BEN, TWO_PEERS, header, record, write_segment
from tests.kit.programs import ANSI
from tests.kit.terminal import needs_terminal, shown_in_a_terminal


def write_log(tmp_path: Path, *lines: str) -> Path:
    return write_segment(tmp_path / "events-b00t-0001.jsonl", lines)


def drawn(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main(["ladder", *map(str, arguments)]) == 0
    return capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Run a command that fails, and return what it prints on stderr."""
    assert main(["ladder", *map(str, arguments)]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    return shown.err


def test_it_draws_the_ladder_that_a_notebook_shows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = write_log(tmp_path, *TWO_PEERS)
    assert drawn(capsys, "bar", "--log", log) == f"{open_log(log).ladder('bar')}\n"
    assert drawn(capsys, "bar", "--log", log, "--mermaid") == open_log(log).ladder("bar").to_mermaid()


def test_it_gives_each_peer_the_label_that_why_gives_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The labels also depend on earlier runs, on the checkpoint, and on a reload that gives a page a new peer id."""

    def of(peer: str) -> dict[str, str]:
        return {**BAR, "peer": peer, "session": f"s-{peer}"}

    first, second, third, fourth = (digit * 32 for digit in "abcd")
    sessions = [{"session": f"s-{peer}", "peer": peer} for peer in (first, second, third)]
    there = [{"dialect": "rooms", "room": "bar", "sessions": sessions}]
    write_segment(
        tmp_path / "events-b00t-0001.jsonl",
        [header("b00t"), record(2, 1, "peer.joined", **of(first), data={}), record(3, 2, "peer.joined", **of(second))],
    )
    write_segment(
        tmp_path / "events-c00t-0002.jsonl",
        [
            header("c00t"),
            record(2, 100, "log.checkpoint", data={"rooms": there}),
            record(3, 101, "peer.resumed", **of(second), data={}),
            record(4, 102, "peer.left", **of(second), data={"reason": "left"}),
            record(5, 103, "peer.joined", **of(fourth), data={}),
            record(6, 104, "peer.left", **of(third), data={"reason": "lost"}),
        ],
    )
    columns = drawn(capsys, "bar", "--log", tmp_path, "--all", "--mermaid")
    assert re.findall("tab [^<\n]*", columns)[:4] == ["tab 1", "tab 2", "tab 3", "tab 2 (reloaded)"]
    assert columns == open_log(tmp_path).ladder("bar", boot="c00t").to_mermaid()
    assert main(["why", "bar", "--all", "--log", str(tmp_path)]) in (0, 1)
    assert "tab 3 and tab 2: " in capsys.readouterr().out


def test_the_error_for_an_unknown_room_lists_the_existing_rooms(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = write_log(tmp_path, *TWO_PEERS, record(17, 11, "room.created", dialect="mesh", room="pub"))
    rooms = "its rooms are: 'bar' (rooms), 'pub' (mesh)"
    assert refused(capsys, "club", "--log", log) == f"sidecar: this log has no room 'club'; {rooms}\n"
    assert refused(capsys, "bar", "--dialect", "mesh", "--log", log) == (
        f"sidecar: this log has no room 'bar' with --dialect mesh; {rooms}\n"
    )


def test_a_refused_join_does_not_create_a_room(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = write_log(tmp_path, header("b00t"), record(2, 1, "signal.refused", **BAR, kind="join", data={"code": "x"}))
    assert refused(capsys, "bar", "--log", log) == "sidecar: this log has no room 'bar'; its rooms are: none\n"


def test_a_room_whose_records_were_deleted_is_drawn_with_the_peers_of_the_checkpoint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = [{"dialect": "rooms", "room": "bar", "sessions": [{"session": "s-ann", "peer": "ann", "name": "Ann"}]}]
    log = write_log(tmp_path, header("b00t"), record(7, 1, "log.checkpoint", data={"rooms": there}))
    drawing = drawn(capsys, "bar", "--log", log)
    assert drawing == f"{open_log(log).ladder('bar')}\n"
    assert "Ann" in drawing
    assert "its rooms are: 'bar' (rooms)" in refused(capsys, "pub", "--log", log)


def test_rooms_with_the_same_id_are_distinguished_by_their_dialect(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = write_log(tmp_path, *TWO_PEERS, record(17, 11, "peer.joined", **{**BEN, "dialect": "mesh"}, data={}))
    assert refused(capsys, "bar", "--log", log) == (
        "sidecar: this log has 2 rooms 'bar', choose one: --dialect rooms, --dialect mesh\n"
    )
    assert drawn(capsys, "bar", "--dialect", "mesh", "--log", log).startswith("Room bar · mesh · boot b00t")


def test_it_draws_the_last_of_several_runs_and_names_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    second = [line.replace("b00t", "cafe").replace("s-", "t-") for line in TWO_PEERS]
    log = write_log(tmp_path, *TWO_PEERS, *second)
    assert main(["ladder", "bar", "--log", str(log)]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("Room bar · rooms · boot cafe")
    assert shown.err == "this is the last run of the sidecar that had this room; to see earlier runs: --boot b00t\n"
    assert drawn(capsys, "bar", "--boot", "b0", "--log", log).startswith("Room bar · rooms · boot b00t")


CAT = {**BAR, "peer": "cat", "session": "s-cat"}
WITH_CAT = [
    *TWO_PEERS[:5],
    record(6, 2.1, "peer.joined", **CAT, data={"name": "Cat"}),
    record(7, 2.2, "signal.relayed", **CAT, to="ann", kind="offer", bytes=9, data={}),
    record(8, 2.3, "signal.relayed", **BEN, to="ann", kind="hello", bytes=9, data={}),
]


def test_it_draws_only_two_peers_given_by_their_names_or_ids(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = write_log(tmp_path, *WITH_CAT)
    assert "hello" in drawn(capsys, "bar", "--log", log)
    for peers in (("Ann", "Cat"), ("cat", "ann")):
        shown = drawn(capsys, "bar", "--peers", *peers, "--log", log)
        assert "offer" in shown
        assert "hello" not in shown
    assert refused(capsys, "bar", "--peers", "Ann", "Zoe", "--log", log) == (
        "sidecar: 'Ann' and 'Zoe' were never in this room together; peers that met others are: 'Ann', 'ben', 'Cat'\n"
    )


def test_a_gap_in_the_log_is_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gap = record(6, 2.05, "log.gap", data={"lost": 7, "error": "disk full"})
    log = write_log(tmp_path, *TWO_PEERS[:5], gap, *TWO_PEERS[6:])
    assert "── 7 records are missing here ──" in drawn(capsys, "bar", "--log", log)


def test_the_page_is_one_private_file_that_can_neither_run_nor_load_anything(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = "</title><script>alert(1)</script>"
    joined = record(17, 9, "peer.joined", **{**CAT, "room": hostile}, data={"name": hostile})
    log, page = write_log(tmp_path, *TWO_PEERS, joined), tmp_path / "page.html"
    assert drawn(capsys, hostile, "--log", log, "--html", page) == f"wrote {page}\n"
    text = page.read_text(encoding="utf-8")
    assert sys.platform == "win32" or stat.S_IMODE(page.stat().st_mode) == 0o600
    assert "default-src 'none'" in text
    assert "color-scheme: light dark" in text
    assert not re.search(r"<script|<img|<link|\bsrc=|\bhref=|https?://(?!www\.w3\.org/2000/svg)", text)


def test_an_existing_file_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log, page = write_log(tmp_path, *TWO_PEERS), tmp_path / "index.html"
    page.write_text("mine")
    assert refused(capsys, "bar", "--log", log, "--html", page) == (
        f"sidecar: {str(page)!r} cannot be written: File exists\n"
    )
    assert page.read_text() == "mine"


def in_a_terminal(columns: int, *arguments: object, **environment: str) -> str:
    words = [sys.executable, "-m", "signaling_sidecar", "ladder", *map(str, arguments)]
    path = {"PYTHONPATH": str(ROOT / "sidecar"), "TERM": "xterm"}
    kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR")}
    return shown_in_a_terminal(columns, words, kept | path | environment)


@needs_terminal
def test_a_terminal_gets_colours_and_lines_that_fit(tmp_path: Path) -> None:
    log = write_log(tmp_path, *TWO_PEERS)
    for columns in (120, 80, 60, 40):
        shown = in_a_terminal(columns, "bar", "--log", log)
        assert "\x1b[34m" in shown
        lines = ANSI.sub("", shown).splitlines()
        assert max(map(len, lines)) <= columns
        assert any("offer · 23 B" in line for line in lines), lines


@needs_terminal
def test_a_terminal_that_shows_no_colours_gets_none(tmp_path: Path) -> None:
    log = write_log(tmp_path, *TWO_PEERS)
    for environment in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        shown = in_a_terminal(80, "bar", "--log", log, **environment)
        assert "offer · 23 B" in shown
        assert "\x1b" not in shown


@needs_terminal
def test_control_characters_in_a_name_do_not_reach_the_terminal(tmp_path: Path) -> None:
    log = write_log(tmp_path, *TWO_PEERS[:3], record(4, 1, "peer.joined", **ANN, data={"name": "\x1b[2JAnn\u202e"}))
    shown = in_a_terminal(80, "bar", "--log", log)
    assert "\\x1b[2JAnn\\u202e" in shown
    assert "\x1b[2J" not in shown


def test_it_starts_without_pandas_or_the_server(tmp_path: Path) -> None:
    log = write_log(tmp_path, *TWO_PEERS)
    code = (
        "import sys; from signaling_sidecar.cli import main\n"
        f"assert main(['ladder', 'bar', '--log', {str(log)!r}]) == 0\n"
        "assert not {'pandas', 'numpy', 'pyarrow', 'ipywidgets', 'aiohttp'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
