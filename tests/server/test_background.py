"""If a background task of the sidecar fails, this is reported at once, and affects nothing else."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.server import app
from signaling_sidecar.server.background import running
from signaling_sidecar.server.held_state_dir import HeldStateDir
from tests.kit.programs import until
from tests.kit.serving import serve


def failures(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if getattr(record, "code", None) == "part-failed"]


async def test_a_failure_is_reported_while_the_block_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        raise OSError("stale file handle")

    async with running(fail()):
        await until(lambda: bool(failures(caplog)), "the failure is reported")
    (failure,) = failures(caplog)
    assert "stale file handle" in caplog.text
    assert failure.levelname == "ERROR"


async def test_work_that_is_only_cancelled_is_not_reported(caplog: pytest.LogCaptureFixture) -> None:
    async with running(asyncio.sleep(60)):
        pass
    assert not failures(caplog)


async def test_the_log_ends_as_always_although_a_part_has_failed(
    aiohttp_client: AiohttpClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(folder: HeldStateDir) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(app, "LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(HeldStateDir, "look_after", fail)
    served = await serve(aiohttp_client, tmp_path)
    await until(lambda: bool(failures(caplog)), "the failure is reported")
    await served.stop()
    assert served.records()[-1]["type"] == "server.stopped"


async def test_the_log_ends_as_always_although_another_part_cannot_stop(
    aiohttp_client: AiohttpClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = await serve(aiohttp_client, tmp_path, auth="token", auth_token="x" * 32)
    assert served.sidecar._gate is not None

    def fail() -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(served.sidecar._gate, "record_rest", fail)
    with pytest.raises(RuntimeError, match="a bug"):
        await served.stop()
    assert served.records()[-1]["type"] == "server.stopped"
