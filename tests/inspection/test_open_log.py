"""Which files, and which of their records, are read when a log is opened."""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
from pathlib import Path

import pytest

from signaling_sidecar.errors import DamagedLog, NoLog, NoStateDir, UnknownSchema
from signaling_sidecar.eventlog.state_dir import project_state_dir
from signaling_sidecar.inspection import open_log
from tests.kit.inspection_log import BAR, TWO_PEERS, header, record, write_segment


def test_a_file_a_folder_and_a_pattern_select_the_same_log(tmp_path: Path) -> None:
    file = write_segment(tmp_path / "events-b00t-0001.jsonl", TWO_PEERS)
    for path in (file, str(file), tmp_path, str(tmp_path / "events-*.jsonl")):
        log = open_log(path)
        assert list(log.events["seq"]) == list(range(1, 17))
        assert log.path == str(path)
        assert log.segments == [file]


def test_a_compressed_segment_is_read_like_an_uncompressed_one(tmp_path: Path) -> None:
    (tmp_path / "events-b00t-0001.jsonl.gz").write_bytes(gzip.compress("\n".join([*TWO_PEERS, ""]).encode()))
    assert len(open_log(tmp_path).events) == 16


def test_a_segment_that_is_being_compressed_counts_once(tmp_path: Path) -> None:
    file = write_segment(tmp_path / "events-b00t-0001.jsonl", TWO_PEERS)
    packed = gzip.compress(file.read_bytes())
    (tmp_path / "events-b00t-0001.jsonl.gz").write_bytes(packed[: len(packed) // 2])
    assert len(open_log(tmp_path).events) == 16


def test_a_truncated_compressed_segment_is_read_as_far_as_possible(tmp_path: Path) -> None:
    packed = gzip.compress("\n".join([*TWO_PEERS, ""]).encode())
    file = tmp_path / "events-b00t-0001.jsonl.gz"
    file.write_bytes(packed[:-100])
    assert 0 < len(open_log(file).events) < 16
    file.write_bytes(b"no gzip at all\n")
    with pytest.raises(DamagedLog):
        open_log(file)


@pytest.mark.parametrize("torn", ['{"v":1', "é\x00"])
def test_an_incomplete_last_line_is_skipped_and_reported(
    tmp_path: Path, torn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write_segment(tmp_path / "events-b00t-0001.jsonl", TWO_PEERS)
    with file.open("a") as segment:
        segment.write(torn)
    assert list(open_log(file).events["seq"]) == list(range(1, 17))
    assert f"the last line of {file} is incomplete" in capsys.readouterr().out


def test_an_opened_log_does_not_change_afterwards(tmp_path: Path) -> None:
    file = write_segment(tmp_path / "events-b00t-0001.jsonl", TWO_PEERS[:5])
    before = open_log(file)
    write_segment(file, TWO_PEERS)
    assert (len(before.events), len(open_log(file).events)) == (5, 16)


def test_segments_and_boots_are_in_the_order_in_which_they_were_written(tmp_path: Path) -> None:
    write_segment(tmp_path / "events-aaaa-0001.jsonl", [header("aaaa", at=100), record(2, 101, "room.created", **BAR)])
    write_segment(tmp_path / "events-ffff-0002.jsonl", [header("ffff", at=3, seq=3), record(4, 4, "room.ended", **BAR)])
    write_segment(tmp_path / "events-ffff-0001.jsonl", [header("ffff", at=1), record(2, 2, "room.created", **BAR)])
    events = open_log(tmp_path).events
    assert list(events["boot"]) == ["ffff"] * 4 + ["aaaa"] * 2
    assert list(events["seq"]) == [1, 2, 3, 4, 1, 2]


def test_the_header_decides_the_boot_and_not_the_file_name(tmp_path: Path) -> None:
    lines = [header("one"), record(2, 1, "room.created", **BAR), header("two", at=50)]
    assert list(open_log(write_segment(tmp_path / "all.jsonl", lines)).events["boot"]) == ["one", "one", "two"]
    headless = write_segment(tmp_path / "events-c0de-0003.jsonl", lines[1:2])
    assert list(open_log(headless).events["boot"]) == ["c0de"]


def test_a_record_that_occurs_several_times_counts_once(tmp_path: Path) -> None:
    sent = list(open_log(write_segment(tmp_path / "events-b00t-0001.jsonl", TWO_PEERS)).sessions["sent"])
    twice = write_segment(tmp_path / "events-b00t-0001.jsonl", [line for line in TWO_PEERS for _ in range(2)])
    assert len(open_log(twice).events) == 16
    assert list(open_log(twice).sessions["sent"]) == sent
    write_segment(tmp_path / "events-b00t-0002.jsonl", TWO_PEERS[8:])
    assert len(open_log(tmp_path).events) == 16


def test_fields_of_a_later_release_are_ignored(tmp_path: Path) -> None:
    lines = [header("b"), record(2, 1, "room.created", **BAR, colour={"r": 1}), record(3, 2, "moon.rose", phase=[1])]
    events = open_log(write_segment(tmp_path / "a.jsonl", lines)).events
    assert list(events["type"]) == ["log.header", "room.created", "moon.rose"]


def test_without_any_known_schema_version_the_error_names_the_line(tmp_path: Path) -> None:
    for line in ('{"v":2,"seq":2,"ts":1.0,"type":"x"}', '{"v":2,"seq":"two"}', '{"type":"x"}'):
        file = write_segment(tmp_path / "a.jsonl", [line])
        with pytest.raises(UnknownSchema, match=r"a\.jsonl, line 1 has schema version (2|None), but this release"):
            open_log(file)


def test_a_record_larger_than_the_blocks_that_are_parsed_is_read(tmp_path: Path) -> None:
    large = record(2, 1, "log.checkpoint", data={"rooms": ["x" * (6 << 20)]})
    events = open_log(write_segment(tmp_path / "a.jsonl", [header("b"), large, *TWO_PEERS[2:]])).events
    assert len(events) == 16


@pytest.mark.parametrize("lines", [[], [header("b00t")]])
def test_a_log_without_peers_has_empty_tables(tmp_path: Path, lines: list[str]) -> None:
    log = open_log(write_segment(tmp_path / "events-b00t-0001.jsonl", lines))
    assert len(log.events) == len(lines)
    assert (len(log.rooms), len(log.sessions), len(log.signals)) == (0, 0, 0)
    assert f"{len(lines)} record" in repr(log)


def test_a_missing_log_is_one_sentence(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing.jsonl", tmp_path / "*.jsonl", tmp_path / "a\0b"):
        with pytest.raises(NoLog, match="no event log was found at"):
            open_log(path)


def test_without_a_path_the_log_of_the_current_project_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr("signaling_sidecar.eventlog.state_dir.state_root", lambda: tmp_path / "state")
    project, deep = tmp_path / "shop", tmp_path / "shop" / "src" / "pages"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    with pytest.raises(NoStateDir, match="in Python: give its state folder to `open_log`"):
        open_log()
    state_dir = project_state_dir(project)
    state_dir.mkdir(parents=True)
    write_segment(state_dir / "events-b00t-0001.jsonl", TWO_PEERS)
    assert open_log().path == str(state_dir)
    assert capsys.readouterr().out.startswith(f"reading {state_dir} (")


def test_a_log_is_opened_if_stdout_cannot_encode_the_name_of_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIDECAR_STATE_DIR", str(tmp_path / "vidéo"))
    file = tmp_path / "vidéo" / "events-b00t-0001.jsonl"
    file.parent.mkdir()
    write_segment(file, TWO_PEERS)
    with file.open("ab") as more:
        more.write(b'{"v":1')
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stdout)
    assert len(open_log().events) == 16
    stdout.seek(0)
    reading, left_out = stdout.readlines()
    assert reading.startswith("reading ")
    assert "vid\\xe9o" in reading
    assert "vid\\xe9o" in left_out


def test_the_text_of_a_log_names_its_path_and_content(tmp_path: Path) -> None:
    folder = tmp_path / "<b>\x1b[31m"
    folder.mkdir()
    write_segment(folder / "events-b00t-0001.jsonl", TWO_PEERS)
    log = open_log(folder)
    assert "16 records, 1 boot, 1 room, 2026-11-18 11:06:40 to 2026-11-18 11:06:50 UTC" in repr(log)
    assert "&lt;b&gt;\\x1b[31m" in log._repr_html_()


@pytest.mark.parametrize("package", ["pandas", "pyarrow"])
def test_without_the_notebook_packages_one_sentence_names_the_extra(package: str) -> None:
    code = f"import sys; sys.modules[{package!r}] = None; import signaling_sidecar.inspection"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert f"inspecting a log needs {package}: pip install 'signaling-sidecar[notebook]'" in run.stderr


def test_the_picker_names_the_extra_too(tmp_path: Path) -> None:
    file = write_segment(tmp_path / "a.jsonl", TWO_PEERS)
    code = (
        "import sys; sys.modules['ipywidgets'] = None\n"
        f"from signaling_sidecar.inspection import open_log; log = open_log({str(file)!r}); print(log.ladder('bar'))\n"
        "log.picker()"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "Anna" in run.stdout
    assert "needs ipywidgets: pip install 'signaling-sidecar[notebook]'" in run.stderr
