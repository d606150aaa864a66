"""`sidecar serve --reload`: new code of the sidecar itself takes over without a refused connect.

The supervisor owns the listening socket, so that connects wait in its backlog while nobody accepts them, and two
workers: one that serves, and one that has imported everything but our code and waits. At a change the second imports
our code; when it could, the first is stopped as by SIGTERM, and the second goes on from its log. When it could not, the
first goes on.
"""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

PACKAGE = Path(__file__).parent.parent
WORKER = Path(__file__).with_name("worker.py")
DEBOUNCE_MS = 50  # after the last of the changes that one save makes; a formatter's follows within a few ms
STEP_MS = 10  # between two looks for more changes
LOOK_MS = 200  # how long a look for changes takes when there is none; the first one delays the ready line
STOPS_WITHIN_S = 10.0  # seconds for the old worker to close its connections; then it is killed

logger = logging.getLogger("signaling_sidecar")


class Worker:
    """A process that is told by lines on its stdin what to do next, and ends with that."""

    def __init__(self, listening: socket.socket, arguments: str) -> None:
        # As a script, and -P: nothing of ours is imported before it is told to.
        command = [sys.executable, "-P", str(WORKER), str(listening.fileno()), arguments]
        self.process = subprocess.Popen(  # noqa: S603 - ourselves
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[listening.fileno()],
            text=True,
            # A cached bytecode is told by second and size: two saves of one second would be one.
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        )

    def tell(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()

    def says(self) -> str:
        """Its next line; empty when it has ended."""
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def loads(self) -> bool:
        """Whether it could import our code as it is now."""
        try:
            self.tell("load")
        except BrokenPipeError:  # it has ended, while it waited
            return False
        return self.says() == "loaded\n"

    def serve(self, how: str = "serve") -> str:
        """Let it serve, and return what it says when it does; empty when it could not."""
        self.tell(how)
        return self.says()

    def stop(self) -> None:
        """End it cleanly."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        try:
            self.process.wait(STOPS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


class Supervisor:
    """`arguments` is the JSON text that each worker is started with."""

    def __init__(self, listening: socket.socket, arguments: str) -> None:
        self._listening = listening
        self._arguments = arguments
        self._stop = threading.Event()
        self._serving = self._new_worker()
        self._standby: Worker | None = None

    def stop(self) -> None:
        """Let `run` return."""
        self._stop.set()

    def run(self) -> int:
        """Serve until `stop` is called, or the worker that serves has ended by itself. Returns an exit code."""
        from watchfiles import PythonFilter, watch

        try:
            ready = self._serving.serve() if self._serving.loads() else ""
            if not ready:
                return self._serving.process.wait()
            self._stop_with(self._serving)
            self._standby = self._new_worker()  # not before: it would slow the start of the first
            for changes in watch(
                PACKAGE,
                watch_filter=PythonFilter(),
                debounce=DEBOUNCE_MS,
                step=STEP_MS,
                rust_timeout=LOOK_MS,
                yield_on_timeout=True,
                stop_event=self._stop,
                raise_interrupt=False,
            ):
                # Said when changes are seen: who saves after it has been said will be served.
                print(ready, end="", flush=True)
                ready = ""
                if changes:
                    self._swap(self._standby)
                    self._standby = self._new_worker()
            return self._serving.process.poll() or 0
        finally:
            self._serving.stop()
            if self._standby is not None:
                self._standby.stop()

    def _swap(self, standby: Worker) -> None:
        began_s = time.monotonic()
        if not standby.loads():
            logger.error("the sidecar's new code does not load: the old goes on")
            standby.stop()
        else:
            old, self._serving = self._serving, standby
            old.stop()
            if self._serving.serve("reload"):
                logger.info("the sidecar's new code serves, after %.0f ms", 1000 * (time.monotonic() - began_s))
            self._stop_with(self._serving)

    def _stop_with(self, worker: Worker) -> None:
        """A worker that ends without having been told to ends all."""

        def wait() -> None:
            worker.process.wait()
            if worker is self._serving:
                self._stop.set()

        threading.Thread(target=wait, name="worker-end", daemon=True).start()

    def _new_worker(self) -> Worker:
        return Worker(self._listening, self._arguments)
