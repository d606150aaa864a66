"""Define the objects that contain verdicts for programs: in the output of `sidecar why --json`, in the admin API, and
in the tests of apps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from signaling_sidecar.diagnosis.diagnosis import Diagnosis, History
from signaling_sidecar.diagnosis.meeting import Rejection
from signaling_sidecar.diagnosis.reasons import Reason
from signaling_sidecar.diagnosis.state import state_of
from signaling_sidecar.pair_state import State


class Evidence(msgspec.Struct, frozen=True):
    """A record of the event log. `boot` and `seq` together identify it."""

    boot: str
    seq: int


class VerdictObject(msgspec.Struct, frozen=True):
    """The verdict on two peers. The texts quote what peers have sent: escape them before you show them."""

    dialect: str | None
    room: str | None
    """The room id, or None for two pages that signaled through another server."""
    peers: tuple[str, str]
    labels: tuple[str, str]
    reason: Reason
    signaling: Reason
    """The reason as far as the signaling shows it, without the reports of the browsers."""
    sentence: str
    notes: Sequence[str]
    next_step: str | None
    earlier: Sequence[Reason]
    """The reasons from the two peers' earlier meetings. A reload of a page may begin a new meeting."""
    evidence: Sequence[Evidence]
    state: State
    sessions: tuple[str, str]
    together: bool
    """Whether both peers are still in the room."""
    must_connect: bool = True
    """Whether the two peers should connect in this room. This is false if the room has a host and neither peer is the
    host. It is also false if one peer has sent the other an offer in a room of another dialect."""


class RejectionObject(msgspec.Struct, frozen=True):
    """A refused request to join a room, or a refused offer to a peer that is not in the room."""

    dialect: str | None
    room: str | None
    code: str
    sentence: str
    next_step: str | None
    times: int


class Why(msgspec.Struct, frozen=True):
    """The verdicts on all peers that met, and what was refused."""

    verdicts: Sequence[VerdictObject]
    rejections: Sequence[RejectionObject]


def why(diagnosis: Diagnosis) -> Why:
    refused = Counter(map(_rejection, diagnosis.rejections))
    return Why(
        [verdict_object(history) for history in diagnosis.histories],
        [msgspec.structs.replace(rejection, times=times) for rejection, times in refused.items()],
    )


def verdict_object(history: History) -> VerdictObject:
    verdict = history.last
    meeting, finding = verdict.meeting, verdict.finding
    one, other = meeting.sessions
    return VerdictObject(
        dialect=meeting.dialect,
        room=meeting.room,
        peers=(one.peer, other.peer),
        labels=(one.label, other.label),
        reason=finding.reason,
        signaling=verdict.signaling.reason,
        sentence=verdict.sentence,
        notes=verdict.notes,
        next_step=verdict.next_step,
        earlier=[each.finding.reason for each in history.earlier],
        evidence=[Evidence(entry.boot, entry.seq) for entry in finding.evidence],
        state=state_of(finding.reason),
        sessions=(one.id, other.id),
        together=meeting.parted() is None,
        must_connect=verdict.must_connect,
    )


def _rejection(rejection: Rejection) -> RejectionObject:
    entry = rejection.entry
    return RejectionObject(entry.dialect, entry.room, rejection.code, rejection.sentence, rejection.next_step, 1)
