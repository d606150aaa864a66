"""The dumps of both ends of a connection, from the browsers of two machines."""

from __future__ import annotations

from pathlib import Path

from signaling_sidecar.inspection import open_dump, open_log
from tests.kit.browser_dumps import answer, offer, write_internals
from tests.kit.inspection_log import write_segment


def test_two_browsers_that_use_the_same_name_for_their_connections_are_two_pages(tmp_path: Path) -> None:
    local, remote = "setLocalDescription", "setRemoteDescription"
    log = open_log(write_segment(tmp_path / "events-b00t-0001.jsonl", []))
    for name, offered, answered in (("ann", local, remote), ("ben", remote, local)):
        path = write_internals(
            tmp_path / f"{name}.txt",
            (0.0, offered, offer("ANNu")),
            (0.1, answered, answer("BENu")),
            (0.2, "onconnectionstatechange", "connected"),
        )
        log = log.with_dump(open_dump(path))
    [pair] = log.pairs.to_dict("records")
    assert pair["sentence"] == f"page 7-1 and page {tmp_path / 'ben.txt'} 7-1: connected"
    assert pair["peer"] != pair["other"]
