"""Calls the user's hooks for connections, commands and rooms before the hub handles these.

1. If a hook fails, only the request for which it was called is refused. The failure is recorded in the event log.
2. The return values of hooks are checked (`answers.py`), and hooks run in a thread of their own (`runner.py`).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from typing import Any, assert_never

import msgspec

from signaling_sidecar import errors, hooks
from signaling_sidecar.errors import NOT_JSON, HooksUnreadable, Refusal, WrongHookAnswer
from signaling_sidecar.hub import Hub, OwnRules, RoomKey, commands
from signaling_sidecar.hub.commands import Command
from signaling_sidecar.hub.effects import Record
from signaling_sidecar.hub.grant import Grant
from signaling_sidecar.hub.payloads import Binary
from signaling_sidecar.reload import HooksFile
from signaling_sidecar.server.refused_commands import refused, refused_relay
from signaling_sidecar.server.user_hooks import answers
from signaling_sidecar.server.user_hooks.outcome import HookRaised, HooksStopped
from signaling_sidecar.server.user_hooks.runner import HookRunner

HOOK_WITHIN_S = 2.0  # seconds for a hook to finish; a client waits 5 to 10 s for an answer to its join
LOAD_WITHIN_S = 10.0  # seconds to import the file and everything that it imports
TOLD_GAP_S = 1.0  # seconds between two log messages about the same error, because a hook may fail for every frame
REFUSED = "the request is refused"

logger = logging.getLogger("signaling_sidecar")


class HookChecks:
    """Must be created in a running event loop. `record` is called with the records for the event log."""

    def __init__(self, file: HooksFile, hub: Callable[[], Hub], record: Callable[[Record], None]) -> None:
        self.file = file
        self._hub_now = hub
        self._record = record
        self._told_s: dict[tuple[str, str], float] = {}
        """For each hook and kind of error, the time of the last log message about it."""
        self._runner = HookRunner()
        self._running: set[asyncio.Task[Any]] = set()

    @property
    def _hub(self) -> Hub:
        """The current hub. In a cluster, it is replaced when the owner changes."""
        return self._hub_now()

    async def load(self) -> None:
        """Load the hooks file in the hooks' thread. Raises HooksUnreadable and MissingExtra."""
        try:
            await self._runner.run(self.file.load, lambda _: None, LOAD_WITHIN_S)
        except TimeoutError as error:
            raise HooksUnreadable(str(self.file.path)) from error

    def stop(self) -> None:
        """Stop the hooks. Requests that wait for a hook are refused."""
        for task in self._running:
            task.cancel()
        self._runner.stop()

    async def check_connection(
        self,
        dialect: str | None,
        headers: Mapping[str, str],
        query: Mapping[str, str],
        token: str | None,
        claims: Mapping[str, Any] | None,
    ) -> Refusal | None:
        return await self._ask("admit", hooks.Connection(dialect, headers, query, token, claims))

    async def check_command(self, command: Command) -> Command:
        """Call the hooks for this type of command. Returns the command to carry out, which may be a refusal."""
        match command:
            case commands.Numbered():
                if not self._hub.is_next(command):
                    return command
                inner = await self.check_command(command.command)
                assert isinstance(inner, commands.Carried)
                return msgspec.structs.replace(command, command=inner)
            case commands.Several():
                return await self._of_several(command)
            case commands.Opened():
                return await self._of_opened(command)
            case commands.Alive() | commands.TellSecrets() | commands.End():
                return command  # these commands come from the sidecar itself
            case commands.SetRules() | commands.SetLogState() | commands.Tick():
                return command
            case _:
                return await self._of_single(command, ())

    async def _of_several(self, several: commands.Several) -> commands.Several:
        if several.refusal is not None:
            return several  # because of this refusal, the hub refuses the whole frame
        checked: list[commands.Single] = []
        for command in several.commands:
            checked.append(await self._of_single(command, checked))
        return msgspec.structs.replace(several, commands=tuple(checked))

    async def _of_single(self, command: commands.Single, earlier: Sequence[commands.Single]) -> commands.Single:
        """Check one command. `earlier` are the commands before this one in the same frame, which the hub has not
        carried out yet."""
        match command:
            case commands.Relay():
                return await self._of_relay(command, earlier)
            case commands.Join():
                return await self._of_join(command)
            case commands.Enqueue():
                claims = _claims(command.grant)
                asked = hooks.Join(command.dialect, None, command.peer, None, None, (), claims)
                refusal = await self._ask("on_join", asked)
                return command if refusal is None else refused(command, refusal)
            case (
                commands.Leave()
                | commands.Update()
                | commands.UpdateRoom()
                | commands.Trace()
                | commands.ListRooms()
                | commands.WatchRooms()
                | commands.UnwatchRooms()
                | commands.Acknowledge()
                | commands.Ping()
                | commands.Greet()
                | commands.Refuse()
            ):
                return command  # there is no hook for this command
            case _:
                assert_never(command)

    async def rules_of_rooms(self) -> AsyncIterator[commands.SetOwnRules]:
        """Call `room_rules` for all rooms, and yield the commands that set the rules. If the hook fails for a room,
        that room keeps its rules. If the hook was removed from the file, only the rules that the admin has set
        remain."""
        has_hook = self.file.hook("room_rules") is not None
        for room in self._hub.membership.rooms:
            if not has_hook and (room.own is None or room.ruled_by_admin):
                continue
            own = None if room.matched else await self._rules_of(room.key, "the room keeps its rules")
            if not isinstance(own, Refusal):
                yield commands.SetOwnRules(room.key, own)

    def tell_left(self, record: Record) -> None:
        """Call `on_leave` for a peer that has left, without waiting until the hook has finished."""
        if self.file.hook("on_leave") is not None:
            data = record.data if isinstance(record.data, dict) else {}
            leave = hooks.Leave(record.dialect or "", record.room or "", record.peer or "", str(data.get("reason")))
            answer = self._answer("on_leave", leave, lambda _: None, "the peer has left all the same")
            task = asyncio.create_task(answer)
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _of_opened(self, opened: commands.Opened) -> Command:
        """Call `on_join` if the peer has a session, because the new connection would continue this session."""
        session = self._hub.membership.session_of_peer(opened.dialect, opened.peer)
        if session is None:
            return opened
        present = tuple(session.room.sessions)
        asked = hooks.Join(
            opened.dialect, session.room.key.room, opened.peer, session.name, None, present, _claims(opened.grant)
        )
        refusal = await self._ask("on_join", asked)
        return opened if refusal is None else commands.Refuse(connection=opened.connection, refusal=refusal)

    async def _of_join(self, join: commands.Join) -> commands.Join | commands.Refuse:
        key = self._hub.in_group(join).room
        refusal = await self._ask_join(key, join.peer, join.grant, join.name, join.credential)
        own = await self._rules_of(key) if refusal is None else refusal
        return refused(join, own) if isinstance(own, Refusal) else msgspec.structs.replace(join, rules=own)

    async def _ask_join(
        self,
        key: RoomKey,
        peer: str | None,
        grant: Grant | None,
        name: str | None = None,
        credential: str | None = None,
    ) -> Refusal | None:
        room = self._hub.membership.room(key)
        present = tuple(room.sessions) if room is not None else ()
        return await self._ask("on_join", hooks.Join(*key, peer, name, credential, present, _claims(grant)))

    async def _of_relay(self, relay: commands.Relay, earlier: Sequence[commands.Single]) -> commands.Single:
        sender = self._sender(relay, earlier)
        if sender is None and self._hub.state.is_published(relay):
            assert relay.room is not None
            sender = relay.room, relay.claimed_from
            # The client sends a frame to a room without joining it. It needs the same permission as for a join.
            refusal = await self._ask_join(*sender, relay.grant)
            if refusal is not None:
                return refused_relay(relay, relay.room, refusal)
        if sender is None:
            return relay  # the hub refuses the frame, because its sender is in no room
        (sent_in, peer), key = sender, sender[0]
        if relay.call is not None and relay.call.room != key:
            call = await self._of_join(relay.call)
            if isinstance(call, commands.Refuse):
                return msgspec.structs.replace(call, kind=relay.kind, to=relay.to, ref=relay.ref)
            relay, key = msgspec.structs.replace(relay, call=call), call.room
        if self.file.hook("on_relay") is None:
            return relay
        try:
            is_binary = isinstance(relay.payload, Binary)
            frame = relay.payload if is_binary else msgspec.json.decode(relay.payload)
        except NOT_JSON as error:  # the dialect does not decode the payload, so it may be invalid
            return refused_relay(relay, sent_in, errors.bad_json(str(error)))
        refusal = await self._ask("on_relay", hooks.Relay(key.dialect, key.room, peer, relay.to, relay.kind, frame))
        return relay if refusal is None else refused_relay(relay, sent_in, refusal)

    def _sender(self, relay: commands.Relay, earlier: Sequence[commands.Single]) -> tuple[RoomKey, str | None] | None:
        """Return the room and the peer id of the sender. If the sender has not joined yet, return those in its join."""
        session = self._hub.membership.session(relay.connection, relay.room)
        if session is not None:
            return session.room.key, session.peer
        joins = [each for each in earlier if isinstance(each, commands.Join)]
        waiting = self._hub.waits_to_join(relay.connection)
        for join in (*reversed(joins), *([waiting] if waiting is not None else [])):
            if relay.room in (None, join.room):
                return join.room, join.peer
        return None

    async def _rules_of(self, key: RoomKey, after_failure: str = REFUSED) -> OwnRules | Refusal | None:
        while True:
            hook = self.file.hook("room_rules")
            own: OwnRules | Refusal | None
            own = await self._answer("room_rules", hooks.Room(*key), answers.own_rules, after_failure)
            # If the file was saved meanwhile, the new hook was called for the rooms that existed then, but not for a
            # room that is about to be created. In this case, the loop calls the new hook.
            if self.file.hook("room_rules") is hook:
                return own

    async def _ask(self, name: str, argument: Any) -> Refusal | None:
        verdict: bool | str | Refusal | None = await self._answer(name, argument, answers.verdict)
        if isinstance(verdict, str | bool):
            return None if verdict is True else errors.refused_by_hook(name, verdict or None)
        return verdict

    async def _answer(self, name: str, argument: Any, check: Callable[[Any], Any], after_failure: str = REFUSED) -> Any:
        """Call a hook, and return the result of `check` for its return value. Returns None if the file has no such
        hook, and a Refusal if the hook fails. `after_failure` is a sentence for the operator: the consequence of a
        failure."""
        hook = self.file.hook(name)
        if hook is None:
            return None
        try:
            return await self._runner.run(partial(hook, argument), check, HOOK_WITHIN_S)
        except (HookRaised, WrongHookAnswer, TimeoutError) as error:
            return self._failed(name, error, after_failure)
        except HooksStopped:
            return errors.hook_failed(name)

    def _failed(self, name: str, error: HookRaised | WrongHookAnswer | TimeoutError, after_failure: str) -> Refusal:
        kind = error.kind if isinstance(error, HookRaised) else type(error).__name__
        self._record(Record("hook.failed", data={"hook": name, "error": kind}))
        now_s = time.monotonic()
        if now_s - self._told_s.get((name, kind), -TOLD_GAP_S) >= TOLD_GAP_S:
            self._told_s[name, kind] = now_s
            told = f"\n{error.told}" if isinstance(error, HookRaised) else f" {error}"
            logger.error("the hook %s failed, and %s:%s", name, after_failure, told, extra={"code": "hook-failed"})
        return errors.hook_failed(name)


def _claims(grant: Grant | None) -> Mapping[str, Any] | None:
    return grant.claims if grant is not None else None
