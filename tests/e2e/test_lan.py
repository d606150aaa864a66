"""The simulated network leaves nothing behind on this machine."""

from __future__ import annotations

import os
import signal
import sys

from tests.kit.checkout import ROOT
from tests.kit.lan import PREFIX, Lan, namespaces, new_lan
from tests.kit.programs import Start, is_running, until

MAKE_ONE = """
import subprocess, time
from tests.kit.lan import new_lan
with new_lan() as lan:
    words = lan.phone.command(["sleep", "600"])
    print(subprocess.Popen(words, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).pid)
    time.sleep(600)
"""


async def test_the_remains_of_a_killed_run_are_removed_by_the_next_run(lan: Lan, start: Start) -> None:
    run = await start([sys.executable, "-c", MAKE_ONE], ROOT)
    sleeping = int((await run.line(r"^(\d+)$"))[1])
    os.kill(run.pid, signal.SIGKILL)
    await run.process.wait()
    assert is_running(sleeping)
    assert len(made_by(run.pid)) == 1 + len(lan)
    with new_lan():
        assert made_by(run.pid) == []
        await until(lambda: not is_running(sleeping), "the program on the phone has ended")
        assert len(made_by(os.getpid())) == 2 * (1 + len(lan))
    assert len(made_by(os.getpid())) == 1 + len(lan)


def made_by(pid: int) -> list[str]:
    return [name for name in namespaces() if name.startswith(f"{PREFIX}-{pid}-")]
