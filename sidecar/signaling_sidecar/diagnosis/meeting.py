"""What a meeting is: two sessions in one room at one time, and what passed between the two."""

from __future__ import annotations

from dataclasses import dataclass, field

from signaling_sidecar.diagnosis.entries import Entry
from signaling_sidecar.diagnosis.record_data import read_about
from signaling_sidecar.diagnosis.reports import Connection
from signaling_sidecar.eventlog.payload import Candidate


@dataclass(eq=False)
class Stay:
    """One session: one peer's stay in one room."""

    session: str
    peer: str
    name: str | None
    came: Entry
    """The first entry of it."""
    room: tuple[str, str] = ("", "")
    """Dialect and room id; empty: it is a page whose signaling went another way."""
    identity: str = ""
    """What stays the same when its page is loaded again, also under another id."""
    label: str = ""
    """What to call the peer: see `peer_labels.py`."""
    gone: Entry | None = None
    """The entry that says it left."""
    away: list[Entry] = field(default_factory=list)
    absent: Entry | None = None
    """The last of these, when it has not come back since."""
    insecure: Entry | None = None
    """The entry that shows that its page is no secure context, when one does."""

    @property
    def ends(self) -> tuple[Entry, ...]:
        """The entries with which it ended, once it has: who lost his connection for good was gone from then on."""
        return tuple(entry for entry in (self.absent, self.gone) if entry is not None) if self.gone else ()

    @property
    def departure(self) -> str:
        """What it did, once it has ended: a page that is closed has left, a network that is gone has not."""
        ending = read_about(self.absent.data).ending if self.absent is not None else None
        return "lost its connection to the sidecar" if ending in ("lost", "stopped") else "left"


@dataclass(eq=False)
class Signal:
    """A frame that one of a pair sent to the other, or to all."""

    entry: Entry
    sender: int
    """0 or 1: which of the pair."""
    what: str
    """`offer`, `answer`, `candidate`, `end` or `other`."""
    ufrag: str | None
    candidates: list[Candidate]


@dataclass(eq=False)
class Refusal:
    """A frame of one of a pair, meant for the other, that was refused."""

    entry: Entry
    sender: int
    code: str
    message: str


@dataclass(eq=False)
class Meeting:
    """Two sessions in one room at one time; `stays[0]` was there first.

    Or, without a room, two pages whose signaling went another way: all that is known of them is what they reported.
    """

    dialect: str | None
    room: str | None
    stays: tuple[Stay, Stay]
    met: Entry
    signals: list[Signal] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    connections: tuple[list[Connection], list[Connection]] = field(default_factory=lambda: ([], []))
    """What each side's browser reported of its connections to the other, in order."""

    @property
    def pair(self) -> tuple[object, ...]:
        """What stays the same when the same two meet again."""
        return self.dialect, self.room, frozenset(stay.identity for stay in self.stays)

    def is_over_by(self, ts: float) -> bool:
        """Whether one of the two could not go on with it at that moment (seconds since the epoch)."""
        return any(self._is_over(side, ts) for side in (0, 1))

    def _is_over(self, side: int, ts: float) -> bool:
        stay, own = self.stays[side], self.connections[side]
        if stay.gone is not None and stay.gone.ts <= ts:
            return True
        return bool(own) and all(any(entry.ts <= ts for entry in each.when("event", "closed")) for each in own)

    def parted(self) -> Stay | None:
        """The first of the two that left, if one has."""
        return min((stay for stay in self.stays if stay.ends), key=lambda stay: stay.ends[0].ts, default=None)


@dataclass(eq=False)
class Rejection:
    """Somebody who asked to come into a room, or made an offer to nobody that he had met, and was refused."""

    entry: Entry
    stay: Stay | None
    """Who it was; None: he was in no room."""
    code: str
    message: str

    @property
    def who(self) -> str:
        return self.stay.label if self.stay is not None else self.entry.peer or "somebody"
