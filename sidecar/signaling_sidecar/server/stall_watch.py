"""Says where the event loop stands when somebody's synchronous code keeps everybody waiting."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import traceback

STALLED_S = 0.25  # seconds; people notice a quarter of one, and no hook needs it
LOOK_S = 0.1  # seconds between two looks

logger = logging.getLogger("signaling_sidecar")


class StallWatch:
    """One thread that asks the running loop for a sign of life now and then. `stop` ends it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._stopped = threading.Event()
        threading.Thread(target=self._look, name="stall-watch", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def _look(self) -> None:
        while not self._stopped.wait(LOOK_S):
            alive = threading.Event()
            try:
                self._loop.call_soon_threadsafe(alive.set)
            except RuntimeError:  # it was closed, by whoever did not stop this first
                return
            if not alive.wait(STALLED_S):
                self._report()
                while not alive.wait(LOOK_S) and not self._stopped.is_set():
                    pass  # it is said once

    def _report(self) -> None:
        frame = sys._current_frames().get(self._loop_thread)
        stack = "".join(traceback.format_stack(frame)) if frame is not None else ""
        logger.warning("everybody is kept waiting; a hook that waits should be async, and await:\n%s", stack)
