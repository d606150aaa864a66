"""Run the command `sidecar` in a process of its own, as users do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SIDECAR = [sys.executable, "-X", "dev", "-W", "error", "-m", "signaling_sidecar"]
PATIENCE_S = 60  # seconds until a process that should start or end is given up, on a busy machine


class Serving:
    def __init__(self, process: subprocess.Popen[str], ready: dict[str, Any]) -> None:
        self.process, self.ready = process, ready

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Stop the sidecar, and return its exit code and its output on stderr."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> tuple[int, str]:
        _, errors = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, errors


@contextmanager
def serving(state_dir: Path, *flags: str) -> Iterator[Serving]:
    command = [*SIDECAR, "serve", "--port", "0", "--state-dir", str(state_dir), *flags]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        try:
            yield Serving(process, json.loads(process.stdout.readline()))
        finally:
            process.kill()


def run(*arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*SIDECAR, *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        cwd=cwd,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | environment,
    )
