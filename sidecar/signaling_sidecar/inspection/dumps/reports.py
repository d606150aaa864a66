"""Converts the events of a dump to reports like those of traced pages (`signaling_sidecar.diagnosis.reports`).

So the same code can evaluate dumps and traced pages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from signaling_sidecar.diagnosis.reports import CandidatePair, Report
from signaling_sidecar.eventlog.payload import find_candidates, find_media
from signaling_sidecar.inspection.dumps.events import DumpEvent, converted

# The statistics that are read from getStats. rtcstats-js writes these numbers instead of their names.
_NUMBERS_OF_STATS = {
    "116": "protocol",
    "123": "dtlsState",
    "125": "selectedCandidatePairId",
    "136": "candidateType",
    "145": "networkType",
    "148": "localCandidateId",
    "149": "remoteCandidateId",
}
READ_STATS = frozenset(_NUMBERS_OF_STATS.values())
LOCAL = frozenset({"setLocalDescription", "setLocalDescriptionOnSuccess"})
REMOTE = frozenset({"setRemoteDescription"})
FOUND = frozenset({"onicecandidate", "icecandidate"})
_STATES = {
    "connectionstatechange": "connection",
    "iceconnectionstatechange": "ice",
    "signalingstatechange": "signaling",
}
_FAILURE = re.compile(r"(?P<operation>\w+?)(?:OnFailure|Failed)")
_ERROR_NAME = re.compile(r"(\w+Error)\b")
_TOO_EARLY = "The remote description was null"  # Chromium's message of an InvalidStateError from addIceCandidate


class _Configuration(msgspec.Struct, rename="camel"):
    ice_transport_policy: str = "all"


class _Description(msgspec.Struct):
    sdp: str = ""


def reports_of(path: str, events: Sequence[DumpEvent]) -> Iterator[tuple[DumpEvent, Report]]:
    """Yield the events that show the state of a connection, each with its report.

    `Report.pc` is the dump's name for the connection. Raises `DamagedDump` for a value of a wrong type.
    """
    stats: dict[str, _Stats] = {}
    last = {event.connection: event for event in events}
    begun: set[str] = set()  # without the `…-0` of the page
    described: set[str] = set()
    for event in events:
        if event.connection is None:
            continue
        if event.name == "getStats":
            report = stats.setdefault(event.connection, _Stats()).report(path, event)
        else:
            report = _report(path, event, has_description=event.connection in described)
        if event.name in REMOTE:
            described.add(event.connection)
        if report is None and event is last[event.connection] and event.connection in begun:
            report = Report("state")  # shows until when the state of the connection has not changed
        if report is not None:
            begun.add(event.connection)
            yield event, msgspec.structs.replace(report, pc=event.connection, page=event.connection)


def _report(path: str, event: DumpEvent, *, has_description: bool) -> Report | None:
    name = event.name
    state = _STATES.get(name.removeprefix("on"))
    if state is not None:
        return Report("state", **{state: _typed(path, event, str)})
    if name == "create":
        configuration = _typed(path, event, _Configuration | None) or _Configuration()
        return Report("opened", policy=configuration.ice_transport_policy)
    if name in LOCAL | REMOTE:
        return _described(path, event)
    if name in FOUND:
        return Report("state", has_local=True) if _has_candidate(event) else None
    if name == "addIceCandidate":
        return Report("state", has_remote=True) if _has_candidate(event) else None
    if name in ("close", "remove"):
        return Report("closed", connection="closed")
    return _failed(path, event, has_description=has_description)


def _described(path: str, event: DumpEvent) -> Report | None:
    ufrag = find_media(event.json).ufrag if _typed(path, event, _Description | None) is not None else None
    if ufrag is None:
        return None
    if event.name in LOCAL:
        return Report("state", local_ufrag=ufrag, has_local=_has_candidate(event))
    return Report("state", remote_ufrag=ufrag, has_remote=_has_candidate(event))


def _has_candidate(event: DumpEvent) -> bool:
    return any(each.type != "end" for each in find_candidates(event.json))


def _failed(path: str, event: DumpEvent, *, has_description: bool) -> Report | None:
    failure = _FAILURE.fullmatch(event.name)
    if failure is None:
        return None
    if event.name == "addIceCandidateFailed" and isinstance(event.value, dict):
        # Older versions of Chromium write the candidate instead of the message.
        message = "" if has_description else _TOO_EARLY
    else:
        message = _typed(path, event, str | None) or ""
    named = _ERROR_NAME.match(message)
    name = "InvalidStateError" if message == _TOO_EARLY else named[1] if named is not None else None
    return Report("error", operation=failure["operation"], name=name)


def _typed(path: str, event: DumpEvent, type_: Any) -> Any:
    return converted(path, _place(event), event.value, type_)


def _place(event: DumpEvent) -> str:
    return f"event {event.number}, {event.name} of {event.connection}"


class _Stats:
    """The current statistics of one connection. A report of rtcstats-js contains only the values that have changed."""

    def __init__(self) -> None:
        self._objects: dict[str, dict[str, str | None]] = {}
        self._said = Report("selected")

    def report(self, path: str, event: DumpEvent) -> Report | None:
        """Return the selected pair and the DTLS state, or None if neither has changed."""
        for id_, values in (_typed(path, event, dict[str, Any] | None) or {}).items():
            if isinstance(values, dict):  # other values are the time of the report, or say that the object was removed
                named = {_NUMBERS_OF_STATS.get(name, name): value for name, value in values.items()}
                read = {name: value for name, value in named.items() if name in READ_STATS}
                self._objects.setdefault(id_, {}).update(converted(path, _place(event), read, dict[str, str | None]))
        said = Report("selected", dtls=self._dtls(), pair=self._pair())
        if said == self._said:
            return None
        self._said = said
        return said

    def _dtls(self) -> str | None:
        states = [state for each in self._objects.values() if (state := each.get("dtlsState")) is not None]
        return "failed" if "failed" in states else next(iter(states), None)

    def _pair(self) -> CandidatePair | None:
        chosen = (each.get("selectedCandidatePairId") for each in self._objects.values())
        pair = next((found for id_ in chosen if id_ is not None and (found := self._objects.get(id_))), None)
        if pair is None:
            return None
        local, remote = (self._candidate(pair.get(name)) for name in ("localCandidateId", "remoteCandidateId"))
        return CandidatePair(local, remote)

    def _candidate(self, id_: str | None) -> dict[str, Any]:
        values = self._objects.get(id_ or "", {})
        named = {"type": "candidateType", "protocol": "protocol", "networkType": "networkType"}
        return {name: value for name, of in named.items() if (value := values.get(of)) is not None}
