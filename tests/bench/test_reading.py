"""The benchmark of reading can run, and the log that it generates has the expected content.

No speed is asserted, because it depends on the machine.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from signaling_sidecar.inspection import open_log
from tests.bench import reading
from tests.bench.log_generator import write_log

EVENTS = 10_000


def test_all_of_the_generated_log_is_read_and_a_tenth_of_the_records_contain_a_description(tmp_path: Path) -> None:
    segments = write_log(tmp_path, EVENTS)
    assert {path.suffix for path in segments} == {".jsonl", ".gz"}
    log = open_log(tmp_path)
    assert log.events["seq"].tolist() == list(range(1, EVENTS + 1))
    assert 0.08 < log.signals["description_bytes"].notna().sum() / EVENTS < 0.12
    assert log.pairs["reason"].value_counts()["connected"] > 100


def test_the_benchmark_measures_every_case(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    in_a_process = reading.measure_in_a_process
    monkeypatch.setattr(reading, "measure_in_a_process", reading.measure)  # in this process: starting Python takes long
    reading.main(["--events", str(EVENTS), "--json"])
    *report, as_json = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in report if line.endswith("rows")] == list(reading.CASES)
    figures = [reading.Figure(**each) for each in json.loads(as_json)["reading"]["figures"]]
    assert [str(each) for each in figures] == report[-len(figures) :]
    assert {each.target for each in figures} == {None}
    write_log(tmp_path, EVENTS)
    assert in_a_process("events", tmp_path).rows == EVENTS


def test_only_a_log_of_a_million_events_is_compared_with_the_targets() -> None:
    def signs(events: int) -> list[str]:
        measured = dict.fromkeys(reading.CASES, reading.Measured(seconds=8.0, peak_mb=1000.0, rows=events))
        return [
            str(figure)[0]
            for figure in reading.figures(measured)
            if figure.name in ("time of .signals", "time of .pairs")
        ]

    assert signs(reading.A_MILLION) == ["✗", "✓"]
    assert signs(EVENTS) == [" ", " "]


def test_memory_is_not_compared_if_the_process_has_needed_more_before() -> None:
    measured = dict.fromkeys(reading.CASES, reading.Measured(seconds=0.1, peak_mb=0.0, rows=EVENTS))
    names = [figure.name for figure in reading.figures(measured)]
    assert "time of .events, of read_json's" in names
    assert "memory of .events, of read_json's" not in names
