"""Each instance of a cluster has a copy of the log.

Tables, commands and drawings show the same from one or several copies.
"""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from signaling_sidecar.analysis.seen import Looker
from signaling_sidecar.cli import main
from signaling_sidecar.diagnosis import why
from signaling_sidecar.errors import NoLog
from signaling_sidecar.eventlog.boot_ids import boot_of
from signaling_sidecar.eventlog.segments import find_segments
from signaling_sidecar.inspection import open_log
from signaling_sidecar.server.admin.record_stream import After, Follower, send_records
from tests.kit.cluster_log import CLUSTER, COMMITTED, append_until, begin_at, copied, copy_in
from tests.kit.inspection_log import header, record, write_segment
from tests.kit.sidecar_command import PATIENCE_S, PYTHON_PATH, SIDECAR

Capture = pytest.CaptureFixture[str]
Folders = list[Path]


def of_an_instance_that_was_always_there(folder: Path) -> Folders:
    return [copied(folder / "a", "r0000001-a", [0])]


def of_several_segments(folder: Path) -> Folders:
    return [copied(folder / "a", "r0000001-a", [0, 3, 6, 12])]


def of_an_instance_that_was_killed_and_began_again_at_an_earlier_checkpoint(folder: Path) -> Folders:
    copied(folder / "a", "r0000001-a", [0, 3], end=9)
    return [copied(folder / "a", "r0000002-a", [6, 11])]


def of_two_instances(folder: Path) -> Folders:
    return [copied(folder / "b", "r0000004-b", [4, 8]), copied(folder / "a", "r0000001-a", [0, 6, 11])]


def of_two_instances_that_were_there_one_after_the_other(folder: Path) -> Folders:
    return [copied(folder / "b", "r0000004-b", [8, 12]), copied(folder / "a", "r0000001-a", [0, 4], end=9)]


def of_two_instances_one_of_which_has_a_gap(folder: Path) -> Folders:
    log = copy_in(folder / "b", "r0000001-b")
    begin_at(log, 0)
    append_until(log, 4)
    log.path.unlink()
    append_until(log, 9)
    begin_at(log, 9)
    append_until(log, len(COMMITTED))
    log.close()
    return [folder / "b", copied(folder / "a", "r0000001-a", [0])]


def of_two_copies_of_one_folder(folder: Path) -> Folders:
    return [copied(folder / name, "r0000001-a", [0, 6]) for name in ("a", "b")]


STORIES = [
    of_an_instance_that_was_always_there,
    of_several_segments,
    of_an_instance_that_was_killed_and_began_again_at_an_earlier_checkpoint,
    of_two_instances,
    of_two_instances_that_were_there_one_after_the_other,
    of_two_instances_one_of_which_has_a_gap,
    of_two_copies_of_one_folder,
]


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """The same records in the log of a sidecar without a cluster."""
    (tmp_path / "whole").mkdir()
    lines = [header(CLUSTER, seq=0), *map(json.dumps, COMMITTED)]
    write_segment(tmp_path / "whole" / f"events-{CLUSTER}-0001.jsonl", lines)
    return tmp_path / "whole"


def without_beginnings(events: pd.DataFrame) -> pd.DataFrame:
    return events[~events["type"].isin(["log.header", "log.checkpoint"])].reset_index(drop=True)


@pytest.mark.parametrize("story", STORIES)
def test_the_tables_have_each_record_once_and_in_order(
    tmp_path: Path, whole: Path, story: Callable[[Path], Folders]
) -> None:
    log, expected = open_log(story(tmp_path)), open_log(whole)
    pd.testing.assert_frame_equal(
        without_beginnings(log.events), without_beginnings(expected.events), check_categorical=False
    )
    for table in ("rooms", "sessions", "signals", "pairs", "candidates"):
        pd.testing.assert_frame_equal(getattr(log, table), getattr(expected, table), check_categorical=False)
    assert str(log.ladder("bar")) == str(expected.ladder("bar"))
    assert str(log.timeline("bar")) == str(expected.timeline("bar"))
    assert log.left_out == ""


@pytest.mark.parametrize("story", STORIES[:3])
def test_the_commands_tell_the_whole_story_from_the_folder_of_one_instance(
    tmp_path: Path, whole: Path, story: Callable[[Path], Folders], capsys: Capture
) -> None:
    (folder,) = story(tmp_path)

    def printed(command: str, place: Path) -> Any:
        assert main([*command.split(), str(place)]) in (0, 1)
        return capsys.readouterr().out

    for command in ("why --log", "why --json --log", "ladder bar --log"):
        assert printed(command, folder) == printed(command, whole)
    lines = [json.loads(line) for line in printed("log export - --state-dir", folder).splitlines()]
    assert [line for line in lines if not line["type"].startswith("log.")] == COMMITTED
    shared = tmp_path / "shared.jsonl"
    shared.write_text(printed("log export - --redact --state-dir", folder))
    assert [line.strip()[0] for line in printed("why --log", shared).splitlines()[1:]] == ["?", "→", "l"]
    assert printed("log --state-dir", folder).splitlines()[1].startswith(f"{len(list(folder.iterdir()))} segment")
    newest = [json.loads(line) for line in printed("tail --json --no-follow -n 3 --state-dir", folder).splitlines()]
    assert newest == COMMITTED[-3:]


@pytest.mark.parametrize("story", STORIES[:3])
def test_the_inspector_of_an_instance_shows_each_record_once(tmp_path: Path, story: Callable[[Path], Folders]) -> None:
    (folder,) = story(tmp_path)
    last = find_segments(folder).segments[-1]
    looker = Looker(folder, boot_of(last) or "")
    end = last.read_bytes()
    last.write_bytes(b"".join(end.splitlines(keepends=True)[:3]))
    looker.look()
    last.write_bytes(end)  # the looker must read the added lines
    seen = looker.look()
    assert [each.seq for each in seen.entries if not each.type.startswith("log.")] == list(range(1, 16))
    assert {each.boot for each in seen.entries} == {seen.boot} == {CLUSTER}
    assert [each.seq for each in seen.of_room["rooms", "bar"]] == list(range(2, 15))
    assert why(seen.diagnosis).verdicts[0].evidence[0].boot == CLUSTER


@pytest.mark.parametrize("places", [[0], [0, 3, 6, 12], [4, 15]])
async def test_a_client_of_the_admin_api_reads_the_records_after_the_last_one_that_it_has(
    tmp_path: Path, places: list[int]
) -> None:
    folder = copied(tmp_path / "a", "r0000001-a", places)

    async def numbers_after(after: int, boot: str | None) -> list[int]:
        text = bytearray()

        async def write(data: bytes) -> None:
            text.extend(data)

        follower = Follower()
        follower.end()
        response: Any = SimpleNamespace(write=write)
        await send_records(response, folder, "r0000001-a", After(after, boot), follower)
        lines = [json.loads(line) for line in text.splitlines()]
        assert 0 < after < 100 or [line["type"] for line in lines[:2]] == ["log.header", "log.checkpoint"]
        return [line["seq"] for line in lines if line["type"] not in ("log.header", "log.checkpoint")]

    for after in (0, 5, 6, 11, len(COMMITTED)):
        for boot in (None, CLUSTER):
            assert await numbers_after(after, boot) == list(range(max(after, places[0]) + 1, len(COMMITTED) + 1))
    assert await numbers_after(100, "an earlier cluster") == list(range(places[0] + 1, len(COMMITTED) + 1))


def test_tail_prints_a_record_once_although_it_was_copied_again_after_a_restart(tmp_path: Path) -> None:
    folder = copied(tmp_path / "a", "r0000001-a", [0, 3], end=9)
    command = [*SIDECAR, "tail", "--json", "-n", "9", "--state-dir", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | PYTHON_PATH) as tail:
        assert tail.stdout is not None
        watchdog = threading.Timer(PATIENCE_S, tail.kill)
        watchdog.start()
        shown = [json.loads(tail.stdout.readline())]
        copied(folder, "r0000002-a", [6, 11])
        for line in tail.stdout:
            shown.append(json.loads(line))
            if shown[-1]["type"] == "server.stopped":
                break
        tail.terminate()
        watchdog.cancel()
    assert [each["seq"] for each in shown if not each["type"].startswith("log.")] == list(range(3, 16))


def test_an_instance_that_joined_later_tells_the_story_from_its_first_checkpoint_on(
    tmp_path: Path, capsys: Capture
) -> None:
    folder = copied(tmp_path / "b", "r0000001-b", [4, 8])
    log = open_log(folder)
    assert list(without_beginnings(log.events)["seq"]) == list(range(5, len(COMMITTED) + 1))
    assert list(log.sessions["peer"]) == ["ann", "ben"]
    main(["why", "--log", str(folder)])
    assert "Anna and ben: ben left" in capsys.readouterr().out


def test_nobody_has_left_because_of_a_checkpoint_in_the_middle_of_the_story(tmp_path: Path) -> None:
    folders = [copied(tmp_path / "b", "r0000004-b", [0, 5], end=8), copied(tmp_path / "a", "r0000001-a", [3, 6], end=9)]
    assert list(open_log(folders).sessions["left"].isna()) == [True, True]


def test_a_gap_that_no_other_instance_fills_is_shown(tmp_path: Path) -> None:
    b, _ = of_two_instances_one_of_which_has_a_gap(tmp_path)
    events = open_log(b).events
    assert list(events[events["type"] == "log.gap"]["data"]) == ['{"lost":5}']


def test_runs_before_and_after_the_cluster_are_in_the_order_of_the_state_folder(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    # If the runs were sorted by boot id or by time, the run of the cluster would be the first.
    for boot, at in (("r0000005-x", 900.0), ("r0000007-y", 950.0)):
        lines = [header(boot, at=at), record(2, at, "room.created", dialect="rooms", room="old")]
        write_segment(folder / f"events-{boot}-0001.jsonl", lines)
    copied(folder, "r0000006-a", [0, 6])
    assert list(open_log(folder).events["boot"].unique()) == ["r0000005-x", CLUSTER, "r0000007-y"]


def test_every_path_of_a_list_must_have_a_log(tmp_path: Path) -> None:
    folder = copied(tmp_path / "a", "r0000001-a", [0])
    with pytest.raises(NoLog, match="missing"):
        open_log([folder, tmp_path / "missing"])
    with pytest.raises(NoLog):
        open_log([])
    assert open_log([folder, folder]).path == f"{folder}, {folder}"
    assert len(without_beginnings(open_log([folder, folder]).events)) == len(COMMITTED)
