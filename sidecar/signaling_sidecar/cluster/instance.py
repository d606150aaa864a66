"""Defines the requests that an instance of a cluster sends to Redis. Each request runs one of the Lua scripts in
`scripts.py`."""

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
"""An id below the ids of all entries: reading after this id begins with the first entry of a stream."""
_Argument = str | bytes | int
INBOX, LOG = f"{scripts.PREFIX}in", f"{scripts.PREFIX}log"


class OutOfDate(Exception):
    """A script was refused, because Redis and this instance disagree about the cluster, its owner or its state.

    `word` is the first element of the script's result. `scripts.py` lists the words.
    """

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


class Step(msgspec.Struct, frozen=True, gc=False):
    """One commit by the owner. Its messages are sent to clients only after Redis has stored the commit."""

    number: int
    place: str
    """The id of the last entry that was handled in the owner's inbox."""
    lines: bytes
    """The lines that this step adds to the event log."""
    seq: int
    """The number of the last line of the event log."""
    ts: float
    own: list[ToFront]
    """Messages to the front of this instance."""
    others: dict[int, list[ToFront]]
    """Messages to the fronts of other instances, by the number of the instance."""
    checkpoint: bytes | None
    held: bytes
    """The encoded commands that wait until pings have shown whether other connections are alive (`Hub.held`)."""


class Renewed(NamedTuple):
    """The answer of Redis to an instance that renews its lease."""

    had_lease: bool
    """Whether the lease had not expired yet when it was renewed."""
    owner: int | None
    step: int
    """The last committed step."""
    left_s: float
    """How long the owner's lease still lasts."""
    highest: int
    """The highest number ever given to an instance."""
    checkpoint: str
    """The id of the last log entry that has a checkpoint."""
    posted: int
    """The number of the last post from this instance that Redis has stored."""
    silent: list[int]
    """The numbers of the instances whose lease has ended."""
    seq: int
    """The number of the last line of the log."""


class Claimed(NamedTuple):
    """The state that the last owner has left to the instance that has become the owner."""

    fence: int
    step: int
    place: str
    """The id of the last entry that was handled in the owner's inbox."""
    checkpoint: str
    """The id of the last log entry that has a checkpoint."""
    held: bytes
    """The encoded commands that wait until pings have shown whether other connections are alive (`Hub.held`)."""
    seq: int
    last: int | None
    """The number of the last owner, or None if that owner has released the hub."""
    members: set[int]
    """The numbers of the living instances."""


class State(NamedTuple):
    """The state that the owner gives Redis to found the cluster again, after Redis has lost its data."""

    fence: int
    step: int
    seq: int
    ts: float
    checkpoint: bytes
    held: bytes


class Instance:
    """Sends the requests of this instance to Redis. Every request can raise RedisAway, and most can raise OutOfDate."""

    def __init__(self, link: Link, boot: str, lease_s: float, key: bytes) -> None:
        self.number: int | None = None
        """The number of this instance in the cluster, or None while it is not a member."""
        self.epoch = ""
        self.key = key
        """The key for keyed hashes of secrets. `join` replaces it with the key that all instances of the cluster
        use."""
        self.lease_s = lease_s
        self._link = link
        self._boot = boot

    @property
    def outbox(self) -> str:
        """The name of the stream of messages from the owner to this instance."""
        return f"{scripts.PREFIX}out:{self.number}"

    async def join(self, *, may_found: bool) -> str:
        """Become a member of the cluster. Returns the id of the log's last checkpoint, or "" if the log has none.

        If Redis has no data of a cluster, this founds a new cluster. With `may_found` False, it raises RedisAway
        instead.
        """
        arguments: list[_Argument] = [self.next_epoch(), self.key, self._lease_ms(), int(may_found), self._boot]
        result = await self._link.run(scripts.JOIN, "0", *arguments)
        if result[0] == b"wait":
            raise RedisAway("the owner should restore it", "Redis has lost the state of the cluster")
        _, number, epoch, self.key, checkpoint = result
        self.number, self.epoch = int(number), epoch.decode()
        return _text(checkpoint)

    async def renew(self, read_until: str, more_s: float = 0.0) -> Renewed:
        """Renew the lease, for `more_s` longer than usual, and delete the outbox's entries before `read_until`."""
        _, had, owner, _, step, left_ms, highest, checkpoint, posted, silent, seq = await self._run(
            scripts.RENEW, self._lease_ms(more_s), read_until
        )
        owner = int(owner) if owner else None
        left_s = max(0, left_ms) / 1000
        silent = [int(each) for each in silent]
        return Renewed(bool(had), owner, int(step), left_s, int(highest), _text(checkpoint), posted, silent, seq)

    async def declare_gone(self, silent: int) -> bool:
        """Declare dead the instance `silent`, whose lease has ended. Returns False if that instance has renewed its
        lease in the meantime."""
        return bool((await self._run(scripts.DECLARE, silent, expected="alive"))[0] == b"ok")

    async def claim(self, *, from_silent: bool) -> Claimed | float:
        """Become the owner. If another instance is the owner, returns for how many seconds its lease still lasts.

        With `from_silent`, an owner whose lease has ended is declared dead, and this instance becomes the owner.
        """
        word, *rest = await self._run(scripts.CLAIM, int(from_silent), expected="taken")
        if word == b"taken":
            return float(rest[0]) / 1000
        fence, step, place, checkpoint, held, seq, last, members = rest
        last, members = int(last) if last else None, {int(each) for each in members}
        return Claimed(int(fence), int(step), _text(place), _text(checkpoint), held, int(seq), last, members)

    async def post(self, post: Post) -> None:
        """Put a post into the owner's inbox, unless an earlier attempt has already put it there."""
        await self._run(scripts.POST, *post)

    async def commit(self, fence: int, step: Step) -> str:
        """Commit a step as the owner, unless an earlier attempt has already committed it. Returns the id of the last
        entry of the log."""
        others: list[_Argument] = []
        for instance, its in step.others.items():
            others += (instance, wire.encode_to_front(its))
        about: list[_Argument] = [step.number, step.place, step.held, step.seq, repr(step.ts)]
        texts = [step.lines, step.checkpoint or b""]
        _, entry = await self._run(scripts.COMMIT, fence, *about, *texts, *others)
        return _text(entry)

    async def release(self, fence: int) -> None:
        """Give up being the owner, so that another instance can claim the hub. Does nothing if another instance is the
        owner already."""
        await self._run(scripts.RELEASE, fence, expected="fenced")

    async def leave(self) -> None:
        """Leave the cluster. Does nothing in Redis if this instance has been declared dead already."""
        await self._link.run(scripts.LEAVE, *self._me)
        self.number = None

    async def found_again(self, epoch: str, highest: int, state: State, *, was_heard_of: bool) -> str | None:
        """Give Redis the state of the cluster, under a new epoch. Returns the id of the checkpoint, or None if another
        instance has become the owner.

        `was_heard_of` says whether this instance has renewed its lease a short time ago.
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
        """Return a new epoch, which no instance has used."""
        if not self.epoch:
            return self._boot
        return boot_id(run_number(self.epoch) + 1, secrets.token_hex(4))

    @property
    def _me(self) -> list[str]:
        return [str(self.number), self.epoch]

    def _lease_ms(self, more_s: float = 0.0) -> int:
        return round(1000 * (self.lease_s + more_s))

    async def _run(self, script: str, *arguments: _Argument, expected: str = "ok") -> Sequence[Any]:
        """Run a script, and return its result. Raises OutOfDate if the first element of the result is neither `ok` nor
        `expected`."""
        result = await self._link.run(script, *self._me, *arguments)
        word = result[0].decode()
        if word not in ("ok", expected):
            raise OutOfDate(word)
        return result


def _text(value: bytes) -> str:
    return value.decode()
