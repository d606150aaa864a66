"""Loading a large log shows its progress in a terminal or a notebook."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from signaling_sidecar.inspection import open_log
from signaling_sidecar.inspection.tables import load_progress
from tests.kit.inspection_log import TWO_PEERS, header, write_segment


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_segment(tmp_path / "events-b00t-0001.jsonl", TWO_PEERS)
    write_segment(tmp_path / "events-b00t-0002.jsonl", [header("b00t", at=11, seq=17)])
    return tmp_path


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_progress, "LONG_LOAD_BYTES", 1)


def test_a_terminal_shows_one_line_that_is_removed_at_the_end(
    folder: Path, long: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    assert len(open_log(folder).events) == 17
    shown = terminal.getvalue()
    assert "1 of 2" in shown
    assert "2 of 2" in shown
    assert "\n" not in shown
    assert shown.endswith("\r\x1b[K")


def test_a_short_load_shows_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    open_log(folder)
    assert terminal.getvalue() == ""


def test_without_a_terminal_nothing_is_shown(folder: Path, long: None, capsys: pytest.CaptureFixture[str]) -> None:
    open_log(folder)
    assert capsys.readouterr() == ("", "")


def test_a_notebook_shows_a_bar_that_is_closed_at_the_end(
    folder: Path, long: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ipywidgets

    closed = []
    monkeypatch.setattr(load_progress, "_is_notebook", lambda: True)
    monkeypatch.setattr("IPython.display.display", lambda bar: None)
    monkeypatch.setattr(ipywidgets.IntProgress, "close", lambda bar: closed.append((bar.value, bar.max)))
    assert len(open_log(folder).events) == 17
    assert closed == [(1, 2)]
