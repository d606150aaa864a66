"""If a client has sent escape sequences, which are then in the log, the commands do not print them to the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from signaling_sidecar.cli import main
from tests.kit.inspection_log import record, write_segment

ACTS = ("\x1b", "\u009b", "\u202e", "\x07")
"""An escape sequence in its two forms, a character that reverses the writing direction, and a bell."""
TEXT = f"x{''.join(ACTS)}"
ROOM = {"dialect": TEXT, "room": TEXT}
ANN = {**ROOM, "peer": f"ann{TEXT}", "session": f"s{TEXT}"}
BEN = {**ROOM, "peer": f"ben{TEXT}", "session": f"t{TEXT}"}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    def refused(seq: int, **who: Any) -> str:
        return record(seq, 3, "signal.refused", **who, kind=TEXT, data={"code": TEXT, "message": TEXT, "count": 1})

    report = {"event": "state", "pc": TEXT, "connection": "failed", "name": TEXT, "operation": TEXT}
    lines = [
        record(1, 0, "log.header", data={"boot": TEXT, "segment": 1, "version": TEXT}),
        record(2, 1, "connection.opened", dialect=TEXT, connection=1, data={"origin": TEXT, "user_agent": TEXT}),
        record(3, 1, "peer.joined", **ANN, connection=1, data={"name": TEXT, "instance": TEXT}),
        record(4, 1, "peer.joined", **BEN, connection=2, data={}),
        record(
            5, 2, "signal.relayed", **BEN, to=ANN["peer"], kind=TEXT, data={"sdp": f"v=0\r\na=ice-ufrag:{TEXT}\r\n"}
        ),
        refused(6, **BEN),
        refused(7, **ROOM, peer=TEXT),
        record(8, 3, TEXT, **BEN, data={TEXT: TEXT}),
        record(9, 70, "trace.state", **BEN, kind="trace", data=report),
    ]
    return write_segment(tmp_path / "events-b00t-0001.jsonl", lines)


@pytest.mark.parametrize(
    "command",
    [["why"], ["why", "nobody"], ["ladder", TEXT], ["ladder", "nobody"], ["ladder", TEXT, "--dialect", "none"]],
)
def test_a_command_that_reads_a_log_shows_what_a_terminal_would_execute(
    log: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    main([*command, "--log", str(log)])
    printed = "".join(capsys.readouterr())
    assert printed
    assert not any(act in printed for act in ACTS)


@pytest.mark.parametrize("command", [["tail", "--no-follow"], ["log"]])
def test_a_command_that_reads_the_state_folder_does_so_too(
    log: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    main([*command, "--state-dir", str(log.parent)])
    printed = "".join(capsys.readouterr())
    assert printed
    assert not any(act in printed for act in ACTS)


def test_rooms_of_another_sidecar_are_shown_in_the_same_way(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    room = {**ROOM, "listed": True, "peers": [], "capacity": 1}
    monkeypatch.setattr("signaling_sidecar.cli.rooms._fetch", lambda arguments: [room])
    assert main(["rooms"]) == 0
    assert not any(act in capsys.readouterr().out for act in ACTS)
