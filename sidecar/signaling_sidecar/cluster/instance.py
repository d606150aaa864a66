"""What an instance of a cluster asks Redis for. `scripts.py` has what happens there."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from signaling_sidecar.cluster import scripts, wire
from signaling_sidecar.cluster.link import Link, RedisAway
from signaling_sidecar.cluster.messages import ToFront
from signaling_sidecar.cluster.posts import Post
from signaling_sidecar.eventlog.boot_ids import boot_id, run_number

BEGINNING = "0-0"
"""The place before all entries of a stream."""
_Argument = str | bytes | int
INBOX, LOG = f"{scripts.PREFIX}in", f"{scripts.PREFIX}log"


class OutOfDate(Exception):
    """Redis knows better what this instance is: `word` is the result of a script."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


class Step(msgspec.Struct, frozen=True, gc=False):
    """One commit. Nothing of it is sent to anybody before Redis has it."""

    number: int
    place: str
    """The id of the last entry of the inbox that was handled."""
    lines: bytes
    seq: int
    """The number of the last line."""
    ts: float
    own: list[ToFront]
    """For the front of this instance."""
    others: dict[int, list[ToFront]]
    """For the fronts of other instances."""
    checkpoint: bytes | None
    held: bytes


class Renewed(NamedTuple):
    """What an instance learns whenever it renews its lease."""

    had_lease: bool
    """Whether its lease had not ended."""
    owner: int | None
    step: int
    """The last committed step."""
    left_s: float
    """How long the owner's lease still lasts."""
    highest: int
    """The highest number ever given to an instance."""
    checkpoint: str
    """The id of the last checkpoint in the log."""
    posted: int
    """The number of this instance's last post."""
    silent: list[int]
    """The instances whose lease has ended."""
    seq: int
    """The number of the last line of the log."""


class Claimed(NamedTuple):
    """The hub, as the last owner has left it."""

    fence: int
    step: int
    place: str
    """The id of the last entry of the inbox that was handled."""
    checkpoint: str
    held: bytes
    """The commands that wait for the result of a challenge."""
    seq: int
    last: int | None
    """The last owner, if it has not released the hub."""
    members: set[int]
    """The living instances."""


class State(NamedTuple):
    """The state of a cluster, with which its owner founds it again."""

    fence: int
    step: int
    seq: int
    ts: float
    checkpoint: bytes
    held: bytes


class Instance:
    """This process, as Redis knows it. Every method raises RedisAway, and most raise OutOfDate."""

    def __init__(self, link: Link, boot: str, lease_s: float, key: bytes) -> None:
        self.number: int | None = None
        """None while this process is no member of the cluster."""
        self.epoch = ""
        self.key = key
        """The key for keyed hashes. After `join` it is that of the cluster."""
        self.lease_s = lease_s
        self._link = link
        self._boot = boot

    @property
    def outbox(self) -> str:
        """The stream of messages from the owner to this instance."""
        return f"{scripts.PREFIX}out:{self.number}"

    async def join(self, *, may_found: bool) -> str:
        """Become a member of the cluster. Returns the id of the last checkpoint in its log, or an empty text.

        Raises RedisAway if there is no cluster, unless this instance may found it.
        """
        arguments: list[_Argument] = [self.next_epoch(), self.key, self._lease_ms(), int(may_found), self._boot]
        result = await self._link.run(scripts.JOIN, "0", *arguments)
        if result[0] == b"wait":
            raise RedisAway("the owner should restore it", "Redis has lost the state of the cluster")
        _, number, epoch, self.key, checkpoint = result
        self.number, self.epoch = int(number), epoch.decode()
        return _text(checkpoint)

    async def renew(self, read_until: str, more_s: float = 0.0) -> Renewed:
        """Renew the lease, for `more_s` longer than usual, and delete the outbox up to the entry `read_until`."""
        _, had, owner, _, step, left_ms, highest, checkpoint, posted, silent, seq = await self._run(
            scripts.RENEW, self._lease_ms(more_s), read_until
        )
        owner = int(owner) if owner else None
        left_s = max(0, left_ms) / 1000
        silent = [int(each) for each in silent]
        return Renewed(bool(had), owner, int(step), left_s, int(highest), _text(checkpoint), posted, silent, seq)

    async def declare_gone(self, silent: int) -> bool:
        """Declare an instance dead whose lease has ended. Returns False if it has renewed its lease meanwhile."""
        return bool((await self._run(scripts.DECLARE, silent, expected="alive"))[0] == b"ok")

    async def claim(self, *, from_silent: bool) -> Claimed | float:
        """Become the owner, if there is none. Otherwise returns how many seconds the owner's lease still lasts.

        With `from_silent`, an owner whose lease has ended is declared dead and replaced.
        """
        word, *rest = await self._run(scripts.CLAIM, int(from_silent), expected="taken")
        if word == b"taken":
            return float(rest[0]) / 1000
        fence, step, place, checkpoint, held, seq, last, members = rest
        last, members = int(last) if last else None, {int(each) for each in members}
        return Claimed(int(fence), int(step), _text(place), _text(checkpoint), held, int(seq), last, members)

    async def post(self, post: Post) -> None:
        """Put a post into the inbox of the owner, unless it is there."""
        await self._run(scripts.POST, *post)

    async def commit(self, fence: int, step: Step) -> str:
        """Commit a step of the owner, unless that was done. Returns the id of its last entry in the log."""
        others: list[_Argument] = []
        for instance, its in step.others.items():
            others += (instance, wire.encode_to_front(its))
        about: list[_Argument] = [step.number, step.place, step.held, step.seq, repr(step.ts)]
        texts = [step.lines, step.checkpoint or b""]
        _, entry = await self._run(scripts.COMMIT, fence, *about, *texts, *others)
        return _text(entry)

    async def release(self, fence: int) -> None:
        """Let another instance become the owner. Does nothing if one has become the owner already."""
        await self._run(scripts.RELEASE, fence, expected="fenced")

    async def leave(self) -> None:
        """Leave the cluster. This instance may have been declared dead already."""
        await self._link.run(scripts.LEAVE, *self._me)
        self.number = None

    async def found_again(self, epoch: str, highest: int, state: State, *, was_heard_of: bool) -> str | None:
        """Give Redis the state of the cluster, under a new epoch. Returns the id of the checkpoint, or None if another
        instance has become the owner.

        `was_heard_of` tells whether this instance has renewed its lease a short time ago.
        """
        arguments: list[_Argument] = [
            epoch,
            self.key,
            self._lease_ms(),
            highest,
            state.fence,
            state.step,
            state.seq,
            repr(state.ts),
        ]
        texts: list[_Argument] = [state.checkpoint, state.held, self._boot, int(was_heard_of)]
        result = await self._link.run(scripts.FOUND_AGAIN, *self._me, *arguments, *texts)
        if result[0] != b"ok":
            return None
        self.epoch = epoch
        return _text(result[1])

    def next_epoch(self) -> str:
        """Return an epoch that no instance has known."""
        if not self.epoch:
            return self._boot
        return boot_id(run_number(self.epoch) + 1, secrets.token_hex(4))

    @property
    def _me(self) -> list[str]:
        return [str(self.number), self.epoch]

    def _lease_ms(self, more_s: float = 0.0) -> int:
        return round(1000 * (self.lease_s + more_s))

    async def _run(self, script: str, *arguments: _Argument, expected: str = "ok") -> Sequence[Any]:
        """Run a script. Raises OutOfDate for any result but `ok` and the expected one."""
        result = await self._link.run(script, *self._me, *arguments)
        word = result[0].decode()
        if word not in ("ok", expected):
            raise OutOfDate(word)
        return result


def _text(value: bytes) -> str:
    return value.decode()
