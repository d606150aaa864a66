"""What the hooks say of a connection or a command, before the hub sees it.

1. A hook's failure is its refusal: of this one request, recorded, and of nobody else's.
2. The deadline binds hooks that are `async`; one that is not keeps everybody waiting while it runs, and that is said.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections.abc import Callable
from typing import Any

import msgspec

from signaling_sidecar import errors, hooks
from signaling_sidecar.errors import Refusal
from signaling_sidecar.hub import Hub, RoomKey, commands
from signaling_sidecar.hub.commands import Command
from signaling_sidecar.hub.effects import Record
from signaling_sidecar.reload import HooksFile
from signaling_sidecar.server.stall_watch import StallWatch

HOOK_WITHIN_S = 2.0  # seconds; a client waits 5 to 10 s for an answer to its join
TRACEBACK_GAP_S = 1.0  # seconds between two tracebacks in the terminal: a failing hook may fail for every frame

logger = logging.getLogger("signaling_sidecar")


class Judge:
    """Asks the hooks. `record` takes what is to be in the event log of them."""

    def __init__(self, file: HooksFile, hub: Hub, record: Callable[[Record], None]) -> None:
        self._file = file
        self._hub = hub
        self._record = record
        self._traceback_s = -TRACEBACK_GAP_S
        self._stall_watch = StallWatch()
        self._leaving: set[asyncio.Task[Refusal | None]] = set()

    def stop(self) -> None:
        self._stall_watch.stop()

    async def of_connection(self, connection: hooks.Connection) -> Refusal | None:
        return await self._ask("admit", connection)

    async def of_command(self, command: Command) -> Command:
        """The command, or the refusal that it has become."""
        if isinstance(command, commands.Numbered):
            inner = await self.of_command(command.command)
            assert isinstance(inner, commands.Carried)
            return msgspec.structs.replace(command, command=inner)
        if isinstance(command, commands.Join):
            refusal = await self._ask("on_join", self._join(command))
        elif isinstance(command, commands.Enqueue):
            refusal = await self._ask("on_join", hooks.Join(command.dialect, None, command.peer, None, ()))
        elif isinstance(command, commands.Relay):
            refusal = await self._of_relay(command)
        else:
            return command
        if refusal is None:
            return command
        return commands.Refuse(connection=command.connection, refusal=refusal, kind=command.kind, ref=command.ref)

    def left(self, record: Record) -> None:
        """Tell of a peer that has left; nobody waits for it."""
        data = record.data if isinstance(record.data, dict) else {}
        leave = hooks.Leave(record.dialect or "", record.room or "", record.peer or "", str(data.get("reason")))
        if self._file.hook("on_leave") is not None:
            task = asyncio.ensure_future(self._ask("on_leave", leave))
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)

    def _join(self, join: commands.Join) -> hooks.Join:
        room = self._hub.membership.room(join.room)
        present = tuple(room.sessions) if room is not None else ()
        return hooks.Join(join.room.dialect, join.room.room, join.peer, join.name, present)

    async def _of_relay(self, relay: commands.Relay) -> Refusal | None:
        session = self._hub.membership.session(relay.connection)
        if session is None or self._file.hook("on_relay") is None:
            return None  # the hub refuses who is in no room
        key: RoomKey = session.room.key
        try:
            frame = msgspec.json.decode(relay.payload)
        except (msgspec.DecodeError, RecursionError) as error:  # a dialect reads no more of it than it must
            return errors.bad_json(str(error))
        return await self._ask(
            "on_relay", hooks.Relay(key.dialect, key.room, session.peer, relay.to, relay.kind, frame)
        )

    async def _ask(self, name: str, argument: Any) -> Refusal | None:
        hook = self._file.hook(name)
        if hook is None:
            return None
        try:
            with self._stall_watch.over(name):
                verdict = hook(argument)
            if inspect.isawaitable(verdict):
                async with asyncio.timeout(HOOK_WITHIN_S):
                    verdict = await verdict
        except Exception as error:  # whatever a user's hook raises
            self._report(name, error)
            return errors.hook_failed(name)
        if verdict is False:
            return errors.refused_by_hook(name)
        return errors.refused_by_hook(name, verdict) if isinstance(verdict, str) else None

    def _report(self, name: str, error: Exception) -> None:
        self._record(Record("hook.failed", data={"hook": name, "error": type(error).__name__}))
        now_s = time.monotonic()
        if now_s - self._traceback_s >= TRACEBACK_GAP_S:
            self._traceback_s = now_s
            logger.error("the hook %s failed, and what it was asked for is refused", name, exc_info=error)
