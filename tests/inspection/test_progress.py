"""A long computation on a log shows its progress in a terminal or a notebook, and removes it at the end."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from signaling_sidecar import progress
from signaling_sidecar.inspection import open_log
from tests.kit.inspection_log import TWO_PEERS, header, write_segment

TABLES = ("rooms", "sessions", "signals", "pairs", "candidates")
READ_ALL = f"log = open_log({{folder!r}}); rows = [len(getattr(log, name)) for name in ('events', *{TABLES})]"
EVERYTHING_IS_LONG = """
from signaling_sidecar.inspection import open_log
from signaling_sidecar import progress
progress.LONG_S = progress._SURE_AFTER_S = progress._EVERY_S = 0
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_segment(tmp_path / "events-b00t-0001.jsonl", TWO_PEERS)
    write_segment(tmp_path / "events-b00t-0002.jsonl", [header("b00t", at=11, seq=17)])
    return tmp_path


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def everything_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LONG_S", "_SURE_AFTER_S", "_EVERY_S"):
        monkeypatch.setattr(progress, name, 0)


def read_all(folder: Path) -> None:
    log = open_log(folder)
    assert len(log.events) == 17
    for table in TABLES:
        getattr(log, table)


def test_a_terminal_shows_one_line_that_is_removed_at_the_end(
    folder: Path, everything_is_long: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    read_all(folder)
    shown = terminal.getvalue()
    assert re.findall(r"\r(\w[\w ]*\w) \[", shown) == ["reading", "reading", "signals", "pairs of peers", "candidates"]
    assert re.findall(r"reading \[(#*) *\] +(\d+%)", shown) == [("#" * 15, "50%"), ("#" * 30, "100%")]
    assert "\n" not in shown
    assert shown.endswith("\r\x1b[K")


def test_a_computation_whose_first_step_is_long_is_shown_from_the_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    with progress.Progress("rooms", 5, is_long=True):
        assert re.fullmatch(r"\rrooms \[ {30}\]   0%", terminal.getvalue())
    assert terminal.getvalue().endswith("\r\x1b[K")


def test_an_error_removes_the_line_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    with pytest.raises(ZeroDivisionError), progress.Progress("rooms", 5, is_long=True):
        raise ZeroDivisionError
    assert terminal.getvalue().endswith("\r\x1b[K")


def test_a_short_computation_shows_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    read_all(folder)
    assert terminal.getvalue() == ""


def test_without_a_terminal_nothing_is_shown(
    folder: Path, everything_is_long: None, capsys: pytest.CaptureFixture[str]
) -> None:
    read_all(folder)
    assert capsys.readouterr() == ("", "")


@pytest.mark.filterwarnings("default")  # warnings of the kernel itself are no errors
def test_a_notebook_shows_a_bar_of_which_nothing_is_saved(folder: Path) -> None:
    import nbformat
    from nbclient import NotebookClient

    shown = []

    class WatchedNotebook(NotebookClient):
        def process_message(self, msg: dict[str, Any], cell: nbformat.NotebookNode, cell_index: int) -> Any:
            shown.append(msg["content"].get("data", {}).get("text/html", ""))
            return super().process_message(msg, cell, cell_index)

    cell = nbformat.v4.new_code_cell(EVERYTHING_IS_LONG + READ_ALL.format(folder=str(folder)))
    WatchedNotebook(nbformat.v4.new_notebook(cells=[cell]), timeout=60).execute()
    bars = [re.sub("<.*> ", "", html) for html in shown if "<progress" in html]
    assert bars == ["reading", "reading", "signals", "pairs of peers", "candidates"]
    assert [output.data for output in cell.outputs] == [{"text/html": ""}] * 4
