"""What the hooks say of a connection, a command or a room, before the hub sees it.

1. A hook's failure is its refusal: of this one request, recorded, and of nobody else's.
2. The deadline binds hooks that are `async`; one that is not keeps everybody waiting while it runs, and that is said.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any

import msgspec

from signaling_sidecar import errors, hooks
from signaling_sidecar.errors import Refusal
from signaling_sidecar.foreign_text import visible
from signaling_sidecar.hub import Hub, OwnRules, RoomKey, commands
from signaling_sidecar.hub.commands import Command
from signaling_sidecar.hub.effects import Record
from signaling_sidecar.reload import HooksFile
from signaling_sidecar.server.stall_watch import StallWatch

HOOK_WITHIN_S = 2.0  # seconds; a client waits 5 to 10 s for an answer to its join
TRACEBACK_GAP_S = 1.0  # seconds between two tracebacks in the terminal: a failing hook may fail for every frame

logger = logging.getLogger("signaling_sidecar")


class Judge:
    """Asks the hooks. `record` takes what is to be in the event log of them. Made in a running loop."""

    def __init__(self, file: HooksFile, hub: Hub, record: Callable[[Record], None]) -> None:
        self._file = file
        self._hub = hub
        self._record = record
        self._traceback_s = -TRACEBACK_GAP_S
        self._stall_watch = StallWatch()
        self._running: set[asyncio.Task[Any]] = set()

    def stop(self) -> None:
        self._stall_watch.stop()
        for task in self._running:
            task.cancel()

    async def of_connection(self, connection: hooks.Connection) -> Refusal | None:
        return await self._ask("admit", connection)

    async def of_command(self, command: Command) -> Command:
        """The command, as the hooks would have it; or the refusal that it has become."""
        if isinstance(command, commands.Numbered):
            if not self._hub.is_next(command):
                return command
            inner = await self.of_command(command.command)
            assert isinstance(inner, commands.Carried)
            return msgspec.structs.replace(command, command=inner)
        if isinstance(command, commands.Join):
            return await self._of_join(command)
        if isinstance(command, commands.Enqueue):
            refusal = await self._ask("on_join", hooks.Join(command.dialect, None, command.peer, None, None, ()))
            return command if refusal is None else _refused(command, refusal)
        if isinstance(command, commands.Relay):
            return await self._of_relay(command)
        return command

    def rules_of_rooms(self) -> Iterator[commands.SetOwnRules]:
        """What `room_rules` says now of the rooms that there are. One of which it fails stays as it is."""
        if self._file.hook("room_rules") is None:
            return
        for room in self._hub.membership.rooms:
            own = None if room.matched else self._rules_of(room.key)
            if not isinstance(own, Refusal):
                yield commands.SetOwnRules(room.key, own)

    def left(self, record: Record) -> None:
        """Tell of a peer that has left; nobody waits for it."""
        data = record.data if isinstance(record.data, dict) else {}
        leave = hooks.Leave(record.dialect or "", record.room or "", record.peer or "", str(data.get("reason")))
        if self._file.hook("on_leave") is not None:
            self._run(self._ask("on_leave", leave))

    async def _of_join(self, join: commands.Join) -> Command:
        room = self._hub.membership.room(join.room)
        present = tuple(room.sessions) if room is not None else ()
        said = hooks.Join(join.room.dialect, join.room.room, join.peer, join.name, join.credential, present)
        refusal = await self._ask("on_join", said)
        own = self._rules_of(join.room) if refusal is None else refusal
        return _refused(join, own) if isinstance(own, Refusal) else msgspec.structs.replace(join, rules=own)

    async def _of_relay(self, relay: commands.Relay) -> Command:
        key, peer = self._place(relay.connection)
        if key is None or peer is None:
            return relay  # the hub refuses who is in no room
        if relay.call is not None and relay.call.room != key:
            call = await self._of_join(relay.call)
            if isinstance(call, commands.Refuse):
                return msgspec.structs.replace(call, kind=relay.kind, ref=relay.ref)
            assert isinstance(call, commands.Join)
            relay, key = msgspec.structs.replace(relay, call=call), call.room
        if self._file.hook("on_relay") is None:
            return relay
        try:
            frame = msgspec.json.decode(relay.payload)
        except (msgspec.DecodeError, RecursionError) as error:  # a dialect reads no more of it than it must
            return _refused(relay, errors.bad_json(str(error)))
        refusal = await self._ask("on_relay", hooks.Relay(key.dialect, key.room, peer, relay.to, relay.kind, frame))
        return relay if refusal is None else _refused(relay, refusal)

    def _place(self, connection: int) -> tuple[RoomKey | None, str | None]:
        """Where the connection is, or will be when those in its way turn out to be gone."""
        session = self._hub.membership.session(connection)
        if session is not None:
            return session.room.key, session.peer
        join = self._hub.waits_to_join(connection)
        return (join.room, join.peer) if join is not None else (None, None)

    def _rules_of(self, key: RoomKey) -> OwnRules | Refusal | None:
        hook = self._file.hook("room_rules")
        if hook is None:
            return None
        try:
            return msgspec.convert(hook(hooks.Room(*key)), OwnRules | None)
        except (Exception, SystemExit) as error:  # whatever a user's hook raises, or returns
            return self._failed("room_rules", error)

    async def _ask(self, name: str, argument: Any) -> Refusal | None:
        hook = self._file.hook(name)
        if hook is None:
            return None
        try:
            verdict = hook(argument)
            if inspect.isawaitable(verdict):
                verdict = await self._in_time(verdict)
        except (Exception, SystemExit) as error:  # whatever a user's hook raises
            return self._failed(name, error)
        if verdict is False:
            return errors.refused_by_hook(name)
        return errors.refused_by_hook(name, visible(verdict)) if isinstance(verdict, str) else None

    async def _in_time(self, answer: Awaitable[Any]) -> Any:
        """Raises TimeoutError, also when the hook will not be cancelled: then it goes on, and nobody waits for it."""
        task = self._run(_contained(answer))
        try:
            done, _ = await asyncio.wait({task}, timeout=HOOK_WITHIN_S)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if not done:
            task.cancel()
            raise TimeoutError(f"no answer within {HOOK_WITHIN_S:g} s")
        return task.result()

    def _run(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._ran)
        return task

    def _ran(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waited has it; of who came too late, nobody wants it

    def _failed(self, name: str, error: BaseException) -> Refusal:
        self._record(Record("hook.failed", data={"hook": name, "error": type(error).__name__}))
        now_s = time.monotonic()
        if now_s - self._traceback_s >= TRACEBACK_GAP_S:
            self._traceback_s = now_s
            logger.error("the hook %s failed, and what it was asked for is refused", name, exc_info=error)
        return errors.hook_failed(name)


async def _contained(answer: Awaitable[Any]) -> Any:
    """Neither an exit nor a cancellation of the hook's own making gets any further than an exception would."""
    task = asyncio.current_task()
    assert task is not None
    try:
        return await answer
    except SystemExit as error:
        raise RuntimeError("a hook cannot end the sidecar") from error
    except asyncio.CancelledError as error:
        if task.cancelling():
            raise
        raise RuntimeError("the hook was cancelled") from error


def _refused(command: commands.Join | commands.Enqueue | commands.Relay, refusal: Refusal) -> commands.Refuse:
    return commands.Refuse(
        connection=command.connection,
        refusal=refusal,
        kind=command.kind,
        room=command.room if isinstance(command, commands.Join) else None,
        peer=command.peer if isinstance(command, commands.Join) else None,
        ref=command.ref,
    )
