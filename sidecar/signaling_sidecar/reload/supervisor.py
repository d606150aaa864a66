"""`sidecar serve --reload`: new code of the sidecar itself takes over without a refused connect.

The supervisor owns the listening socket, so that connects wait in its backlog while nobody accepts them, and two
workers: one that serves, and one that has imported everything but our code and waits. At a change the second imports
our code; when it could, the first is stopped as by SIGTERM, and the second goes on from its log. When it could not, the
first goes on.
"""

from __future__ import annotations

import logging
import os
import queue
import select
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
LOOK_MS = 200  # how long a look for changes takes when there is none
STOPS_WITHIN_S = 10.0  # seconds for the old worker to close its connections; then it is killed

logger = logging.getLogger("signaling_sidecar")


class Worker:
    """A process that is told by lines on its stdin what to do next, answers in a pipe of its own, and ends with stdin.

    Its stdout is ours: the ready line goes straight to whoever waits for it.
    """

    def __init__(self, listening: socket.socket, arguments: str) -> None:
        # As a script, and -P: nothing of ours is imported before it is told to.
        reading, answering = os.pipe()
        command = [sys.executable, "-P", str(WORKER), str(listening.fileno()), str(answering), arguments]
        self.process = subprocess.Popen(  # noqa: S603 - ourselves
            command,
            stdin=subprocess.PIPE,
            pass_fds=[listening.fileno(), answering],
            text=True,
            # A cached bytecode is told by second and size: two saves of one second would be one.
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        )
        os.close(answering)
        self._answers = os.fdopen(reading)

    def tell(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()

    def loads(self) -> bool:
        """Whether it could import our code as it is now."""
        try:
            self.tell("load")
        except BrokenPipeError:  # it has ended, while it waited
            return False
        return self._answers.readline() == "loaded\n"

    def serves(self, stop: threading.Event, how: str = "serve") -> bool:
        """Let it serve, and return when it does, or could not, or is to stop: a hooks file may take long to import."""
        self.tell(how)
        while not stop.is_set():
            if select.select([self._answers], [], [], LOOK_MS / 1000)[0]:
                return self._answers.readline() == "serving\n"
        return False

    def stop(self) -> None:
        """End it cleanly."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(STOPS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._answers.close()


class Supervisor:
    """`arguments` is the JSON text that each worker is started with."""

    def __init__(self, listening: socket.socket, arguments: str) -> None:
        self._listening = listening
        self._arguments = arguments
        self._stop = threading.Event()
        self._looks: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._serving = self._new_worker()
        self._standby: Worker | None = None

    def stop(self) -> None:
        """Let `run` return."""
        self._stop.set()

    def run(self) -> int:
        """Serve until `stop` is called, or the worker that serves has ended by itself. Returns an exit code."""
        threading.Thread(target=self._watch, name="code-watch", daemon=True).start()
        try:
            loaded = self._serving.loads()
            self._has_changed()  # the first look: who saves after the ready line will be served
            if not (loaded and self._serving.serves(self._stop)):
                return 0 if self._stop.is_set() else self._serving.process.wait()
            self._stop_with(self._serving)
            self._standby = self._new_worker()  # not before: it would slow the start of the first
            while not self._stop.is_set():
                if self._has_changed():
                    self._swap(self._standby)
                    self._standby = self._new_worker()
            return self._serving.process.poll() or 0
        finally:
            self._serving.stop()
            if self._standby is not None:
                self._standby.stop()

    def _watch(self) -> None:
        """Look for changes until `stop`, and say of each look whether there were any."""
        from watchfiles import PythonFilter, watch

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
            self._looks.put(bool(changes))
        self._looks.put(False)

    def _has_changed(self) -> bool:
        """Wait for the next look; all that came meanwhile are one."""
        changed = self._looks.get()
        while not self._looks.empty():
            changed |= self._looks.get()
        return changed

    def _swap(self, standby: Worker) -> None:
        began_s = time.monotonic()
        if not standby.loads():
            logger.error("the sidecar's new code does not load: the old goes on")
            standby.stop()
        else:
            old, self._serving = self._serving, standby
            old.stop()
            if self._serving.serves(self._stop, "reload"):
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
