"""Writes event logs of peers in a room, as the sidecar would."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

from signaling_sidecar.diagnosis import Verdict, evaluate, find_meetings, read_entries
from tests.kit.inspection_log import T0_S, header, record, write_segment

CONNECTED = {"connection": "connected", "ice": "connected", "dtls": "connected"}
FAILED = {"connection": "failed", "ice": "failed"}
UFRAGS = {"ann": "ANNu", "ben": "BENu"}


def sdp(ufrag: str, *candidates: str) -> str:
    lines = ["v=0", f"a=ice-ufrag:{ufrag}", *(f"a={line}" for line in candidates)]
    return "".join(f"{line}\r\n" for line in lines)


def candidate(address: str, kind: str = "host", port: int = 50000) -> str:
    return f"candidate:1 1 udp 2113937151 {address} {port} typ {kind}"


class Story:
    """A log that begins when Ann joins the room "bar". Each record is half a second later than the one before."""

    def __init__(self, folder: Path, dialect: str = "rooms", boot: str = "b00t", at_s: float = 0.0) -> None:
        self._path, self._dialect = folder / f"events-{boot}-0001.jsonl", dialect
        self._lines = [header(boot, at=at_s)]
        self._stays: dict[str, int] = {}
        self.at_s = at_s
        self.joins("ann", "Ann")

    def record(self, type_: str, peer: str | None = None, **fields: Any) -> Self:
        self.at_s += 0.5
        if peer is not None:
            fields = {"peer": peer, "session": f"s-{peer}-{self._stays[peer]}", **fields}
        where = {"dialect": self._dialect, "room": "bar"}
        self._lines.append(record(len(self._lines) + 1, self.at_s, type_, **{**where, **fields}))
        return self

    def waits(self, seconds: float) -> Self:
        self.at_s += seconds
        return self

    def joins(self, peer: str, name: str | None = None, origin: str | None = None, instance: str | None = None) -> Self:
        """Add the join of a peer. If its page has an `origin`, the record of its connection comes first. `instance` is
        the id of the page load."""
        self._stays[peer] = self._stays.get(peer, 0) + 1
        connection = None if origin is None else len(self._lines)
        if origin is not None:
            self.record("connection.opened", room=None, connection=connection, data={"origin": origin})
        about = {key: value for key, value in (("name", name), ("instance", instance)) if value is not None}
        return self.record("peer.joined", peer, connection=connection, data=about)

    def goes_away(self, peer: str, ending: str = "unloaded") -> Self:
        return self.record("peer.away", peer, data={"ending": ending, "grace_s": 30.0})

    def restarts(self, *peers: str) -> Self:
        """Add the checkpoint of a restart after a kill. These peers are in the room, but not connected."""
        sessions = [{"session": f"s-{peer}-{self._stays[peer]}", "peer": peer} for peer in peers]
        room = {"dialect": self._dialect, "room": "bar", "sessions": sessions}
        return self.record("log.checkpoint", dialect=None, room=None, data={"rooms": [room]})

    def leaves(self, peer: str) -> Self:
        return self.record("peer.left", peer, data={"reason": "left"})

    def sends(self, peer: str, kind: str, **frame: Any) -> Self:
        to = "ben" if peer == "ann" else "ann"
        return self.record("signal.relayed", peer, to=to, kind=kind, data={"type": kind, "to": to, **frame})

    def describes(self, peer: str, kind: str, *candidates: str, ufrag: str | None = None) -> Self:
        return self.sends(peer, kind, sdp=sdp(ufrag or UFRAGS[peer], *candidates))

    def names(self, peer: str, address: str, kind: str = "host", ufrag: str | None = None) -> Self:
        """Add a candidate of this peer in a separate frame."""
        text = f"{candidate(address, kind)} ufrag {ufrag or UFRAGS[peer]}"
        return self.sends(peer, "candidate", candidate={"candidate": text})

    def is_refused(self, peer: str, kind: str | None, code: str, to: str | None = None) -> Self:
        data = {"code": code, "message": f"because of {code}", "count": 1}
        return self.record("signal.refused", peer, kind=kind, to=to, data=data)

    def reports(self, peer: str, event: str = "state", **report: Any) -> Self:
        frame = {"type": "trace", "event": event, "page": f"page-{peer}", "pc": f"pc-{peer}", **report}
        return self.record("trace.state", peer, kind="trace", data=frame)

    def negotiates(self, address_of_ann: str = "10.0.0.1", address_of_ben: str = "10.0.0.2") -> Self:
        """Let Ben join and send an offer, Ann send an answer, and each send a candidate."""
        self.joins("ben", "Ben").describes("ben", "offer").describes("ann", "answer")
        return self.names("ben", address_of_ben).names("ann", address_of_ann)

    def add(self, line: str) -> Self:
        self._lines.append(line)
        return self

    def write(self) -> Path:
        return write_segment(self._path, self._lines)

    @property
    def now_ts(self) -> float:
        return T0_S + self.at_s

    def verdicts(self) -> list[Verdict]:
        met = find_meetings(read_entries([self.write()]))
        return [evaluate(meeting, self.now_ts) for meeting in met.meetings]

    def verdict(self) -> Verdict:
        (verdict,) = self.verdicts()
        return verdict

    def evidence(self) -> list[str]:
        """The kinds of the records that are the evidence of the only verdict."""
        return [entry.kind or entry.type for entry in self.verdict().finding.evidence]


def elsewhere(story: Story, page: str, connection_: int = 1, **report: object) -> None:
    """Add the report of a page whose signaling does not use the WebSocket that sends the report."""
    frame = {"type": "trace", "event": "state", "page": page, "pc": f"pc-{page}", **report}
    story.record("trace.state", kind="trace", data=frame, room=None, connection=connection_)


def pages(story: Story, *said: tuple[str, str, str]) -> None:
    """Add a report for each page about its title and its path."""
    for page, title, path in said:
        data = {"type": "trace", "event": "page", "page": page, "secure": True, "title": title, "path": path}
        story.record("trace.state", kind="trace", data=data, room=None)


def by_socket(story: Story, page: str, connection: int, ending: str | None = None) -> None:
    """Add a failure that a page reports on a separate WebSocket. With `ending`, add only the end of that WebSocket."""
    if ending is None:
        frame = {"type": "trace", "event": "state", "page": page, "pc": f"pc-{page}", **FAILED}
        story.record("trace.state", kind="trace", data=frame, room=None, connection=connection)
    else:
        story.record("connection.closed", room=None, connection=connection, data={"ending": ending, "by": "peer"})
