"""The child process that analyses the event log: when it runs, and what is reported if it fails."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import psutil
import pytest

from signaling_sidecar.analysis.messages import AskWhy, Overview, Survey
from signaling_sidecar.server import analysis_process
from signaling_sidecar.server.analysis_process import AnalysisFailed, AnalysisProcess
from tests.kit.serving import PATIENCE_S, Served

API = "/inspector/api"


def running() -> list[psutil.Process]:
    """The child processes that analyse a log."""
    children = psutil.Process().children()
    return [each for each in children if "signaling_sidecar.analysis" in each.cmdline()]


async def gone(process: psutil.Process) -> None:
    await asyncio.to_thread(psutil.wait_procs, [process], timeout=PATIENCE_S)
    assert not process.is_running()


@pytest.fixture
async def analysis(served: Served) -> AsyncIterator[AnalysisProcess]:
    analysis = AnalysisProcess(served.sidecar.state_dir, served.sidecar.boot)
    yield analysis
    await analysis.stop()


async def test_one_process_serves_all_who_watch_and_is_started_by_the_first(served: Served) -> None:
    assert running() == []
    headers = {"Authorization": f"Bearer {served.sidecar.admin_token}"}
    for path in ("why", "inspector/changes", "why"):
        async with served.client.get(f"{API}/{path}", headers=headers) as answer:
            assert answer.status == 200
            await answer.content.readline()
    [process] = running()
    assert served.sidecar.admin_token not in " ".join(process.cmdline())
    await served.stop()
    assert not process.is_running()


async def test_it_ends_some_seconds_after_the_last_request(
    analysis: AnalysisProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analysis_process, "IDLE_S", 0.05)
    await analysis.ask(Survey())
    [process] = running()
    await gone(process)
    assert msgspec.msgpack.decode(await analysis.ask(Survey()), type=Overview).seq > 0


async def test_it_is_started_again_when_it_was_killed_and_the_request_is_told_why(analysis: AnalysisProcess) -> None:
    await analysis.ask(Survey())
    [process] = running()
    process.suspend()
    asked = asyncio.create_task(analysis.ask(Survey()))
    await asyncio.sleep(0)
    process.kill()
    with pytest.raises(AnalysisFailed, match=r"it has ended \(.*\), and is started again") as failed:
        await asked
    assert failed.value.code == "analysis-ended"
    assert msgspec.msgpack.decode(await analysis.ask(Survey()), type=Overview).seq > 0


async def test_a_reply_that_cannot_be_read_fails_the_request_and_ends_the_process(
    analysis: AnalysisProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\nprintf '\\000\\000\\000\\001x'\nexec sleep 3600\n")
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))
    with pytest.raises(AnalysisFailed, match="it has ended \\(its reply could not be read\\), and is started again"):
        async with asyncio.timeout(PATIENCE_S):
            await analysis.ask(Survey())
    assert running() == []


async def test_one_that_ends_again_and_again_is_not_started_each_time(
    analysis: AnalysisProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(AnalysisFailed, match="it cannot be started"):
        await analysis.ask(Survey())
    with pytest.raises(AnalysisFailed, match="it cannot be started"):
        await analysis.ask(Survey())
    with pytest.raises(AnalysisFailed, match="it has ended, and is started again in a moment"):
        await analysis.ask(Survey())


async def test_a_thousand_failures_are_as_one(analysis: AnalysisProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analysis_process, "LONGEST_PAUSE_S", 0.0)
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    for _ in range(1100):
        with pytest.raises(AnalysisFailed, match="it cannot be started"):
            await analysis.ask(Survey())


async def test_a_log_that_is_gone_has_a_code_and_a_sentence(tmp_path: Path) -> None:
    analysis = AnalysisProcess(tmp_path / "gone", "r0000001-00000000")
    for _ in range(2):
        with pytest.raises(AnalysisFailed, match="no event log") as failed:
            await analysis.ask(AskWhy(None, None))
        assert failed.value.code == "log-unreadable"
    await analysis.stop()


async def why(served: Served) -> tuple[int, str | None]:
    headers = {"Authorization": f"Bearer {served.sidecar.admin_token}"}
    async with served.client.get(f"{API}/why", headers=headers) as answer:
        return answer.status, (await answer.json()).get("code")


async def test_who_watches_goes_on_after_the_process_was_killed(served: Served) -> None:
    headers = {"Authorization": f"Bearer {served.sidecar.admin_token}"}
    async with served.client.get(f"{API}/inspector/changes", headers=headers) as stream, asyncio.timeout(PATIENCE_S):
        await stream.content.readline()
        [process] = running()
        process.suspend()
        asked = asyncio.ensure_future(why(served))
        await served.settled()
        process.kill()
        assert await asked == (503, "analysis-ended")
        await (await served.connect()).join("ann")
        while (line := msgspec.json.decode(await stream.content.readline()))["seq"] == 0 or not line["rooms"]:
            pass
        assert "problem" not in line


def test_it_ends_without_a_word_when_its_stdin_ends() -> None:
    command = [sys.executable, "-P", "-m", "signaling_sidecar.analysis"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE_S, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
