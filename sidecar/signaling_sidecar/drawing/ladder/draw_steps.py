"""Turns the records of one room into the columns and steps of a ladder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from signaling_sidecar.diagnosis import Entry
from signaling_sidecar.diagnosis.peer_labels import PeerLabels
from signaling_sidecar.diagnosis.record_data import About, media_of, read_about, word_of
from signaling_sidecar.diagnosis.sockets import end_of_token
from signaling_sidecar.drawing.cluster_events import cluster_event
from signaling_sidecar.drawing.ladder.connection_marks import Mark, connection_marks
from signaling_sidecar.drawing.ladder.steps import Column, Look, Step
from signaling_sidecar.drawing.presence import PRESENCE_AFTER, Presence
from signaling_sidecar.eventlog.payload import Media

_NOTES = {"room.ended": "room ended", "match.found": "group found"}


def draw_steps(records: Iterable[Entry], labels: PeerLabels) -> tuple[Sequence[Column], Sequence[Step]]:
    """Turn the records of one room into columns, in order of joining, and a step for each record that a ladder shows.

    `labels` has the labels of all peers of the room.
    """
    room = _Room(records := list(records), labels)
    steps = [step for record in records if (step := room.step(record)) is not None]
    return list(_columns(room.columns, labels)), steps


def _columns(peers: Iterable[str], labels: PeerLabels) -> Iterator[Column]:
    """Yield the column of each peer. If a page has another peer id after a reload, both columns have the same label, so
    `(reloaded)` is added to the later one."""
    columns_of: Counter[str] = Counter()
    for peer in peers:
        label = labels.beside_id(peer)
        if label is not None:
            columns_of[label] += 1
            reloads = columns_of[label] - 1
            label += "" if reloads == 0 else " (reloaded)" if reloads == 1 else f" (reloaded {reloads} times)"
        yield Column(peer, label)


class _Room:
    """The state of the room after the records that were processed so far."""

    def __init__(self, records: Sequence[Entry], labels: PeerLabels) -> None:
        members = (record.peer for record in records if record.type in PRESENCE_AFTER and record.peer is not None)
        self.columns = {peer: column for column, peer in enumerate(dict.fromkeys(members))}
        self.labels = labels
        self._instances: dict[str, str] = {}
        self._connections: dict[str, int | None] = {}
        self._presence = dict.fromkeys(self.columns.values(), Presence.ABSENT)
        self._marks = connection_marks(records)
        self._ended_tokens: dict[int | None, str] = {}
        """By connection number, what had happened to the client's token, if the sidecar closed the connection for that
        reason."""

    def step(self, record: Entry) -> Step | None:
        """Process the next record, and return its step, or None if a ladder does not show the record."""
        if record.type == "room.ended":  # the log may not have the leaves of the last peers
            self._presence = dict.fromkeys(self._presence, Presence.ABSENT)
        if record.type in _NOTES:
            return self._step(record, Look.NOTE, _NOTES[record.type])
        if (event := cluster_event(record)) is not None:
            return self._step(record, Look.NOTE, event)
        match record.type:
            case "signal.relayed":
                return self._relayed(record)
            case "signal.refused":
                return self._refused(record, read_about(record.data))
            case "signal.kept":
                what, _ = _what(record, media_of(record.kind, record.data))
                return self._step(record, Look.NOTE, f"{what} is kept for {record.to}")
            case "signal.expired":
                return self._refused(record, About(code="expired", message=f"{record.to} did not join in time"))
            case "trace.state":
                return self._connection_change(record, self._marks.get(record.seq))
            case "connection.closed" if (end := end_of_token(record)) is not None:
                self._ended_tokens[record.connection] = f"its token {end}"
            case "room.created":
                about = read_about(record.data)
                return self._step(record, Look.NOTE, " · ".join(filter(None, ("room created", about.name, about.mode))))
            case "room.updated":
                return self._room_updated(record, read_about(record.data))
            case "log.gap":
                lost = read_about(record.data).lost
                what = "some records are" if lost is None else "1 record is" if lost == 1 else f"{lost} records are"
                return self._step(record, Look.NOTE, f"{what} missing here")
            case type_ if type_.startswith("peer."):
                return self._presence_change(record, read_about(record.data))
        return None

    def _relayed(self, record: Entry) -> Step:
        media = media_of(record.kind, record.data)
        to = (record.to,) if record.to is not None else self._others(record.peer)
        what, size_bytes = _what(record, media)
        step = self._step(record, _look(record, media), what, to, _detail(record, media))
        return step._replace(size_bytes=size_bytes)

    def _refused(self, record: Entry, about: About) -> Step:
        what = f"{word_of(record.kind) or 'frame'} ✗ {about.code}" + (
            f" ({about.count} times)" if about.count > 1 else ""
        )
        if record.to is not None and record.to not in self.columns:
            what += f", for {record.to}"
        if record.peer not in self.columns:
            what = f"{about.name or record.peer or 'an unknown peer'}: {what}"
        elif self._is_of_another_connection(record, record.peer):
            what = f"another connection, as {record.peer}: {what}"
            record = msgspec.structs.replace(record, peer=None)
        return self._step(record, Look.REFUSED, what, (record.to,), about.message or "")

    def _is_of_another_connection(self, refused: Entry, peer: str) -> bool:
        """Whether a refused join asked for the id of a peer that is in the room."""
        is_in_room = self._presence[self.columns[peer]] is not Presence.ABSENT
        return is_in_room and refused.session is None and refused.connection != self._connections.get(peer)

    def _connection_change(self, record: Entry, mark: Mark | None) -> Step | None:
        if mark is None or record.peer not in self.columns:
            return None
        return self._step(record, mark.look, mark.label(self.labels.of))

    def _presence_change(self, record: Entry, about: About) -> Step | None:
        if record.peer not in self.columns:
            return None
        known, was = self._instances.get(record.peer), self._presence[self.columns[record.peer]]
        if about.instance is not None:
            self._instances[record.peer] = about.instance
        if record.type in PRESENCE_AFTER:
            self._presence[self.columns[record.peer]] = PRESENCE_AFTER[record.type]
            self._connections[record.peer] = record.connection
        match record.type:
            case "peer.joined":
                return self._step(record, Look.JOINED, "joins")
            case "peer.away":
                why = self._ended_tokens.get(record.connection, about.ending)
                return self._step(record, Look.AWAY, f"away ({why})")
            case "peer.resumed":
                what = "back" if was is not Presence.HERE else "joins again" if about.replaced is None else "reconnects"
                reloaded = about.instance is not None and about.instance != known
                return self._step(record, Look.BACK, f"{what}, page reloaded" if reloaded else what)
            case "peer.left":
                why = self._ended_tokens.get(record.connection) or about.ending or about.reason
                return self._step(record, Look.LEFT, "leaves" if why == "left" else f"leaves ({why})")
            case "peer.challenged":
                return self._step(record, Look.UPDATED, "is asked whether it is still there")
            case "peer.updated":
                named = f"is now {about.name}" if about.name is not None else "updates its metadata"
                return self._step(record, Look.UPDATED, named)
        return None

    def _room_updated(self, record: Entry, about: About) -> Step:
        if about.host in self.columns:  # the step is drawn in the column of the new host
            return self._step(msgspec.structs.replace(record, peer=about.host), Look.UPDATED, "is the host now")
        what = [
            f"room is now {about.name}" if about.name is not None else None,
            f"mode is now {about.mode}" if about.mode is not None else None,
            f"{about.host} is the host now" if about.host is not None else None,
        ]
        look = Look.UPDATED if record.peer in self.columns else Look.NOTE
        return self._step(record, look, ", ".join(filter(None, what)))

    def _others(self, peer: str | None) -> tuple[str, ...]:
        return tuple(
            other for other, at in self.columns.items() if other != peer and self._presence[at] is not Presence.ABSENT
        )

    def _step(self, record: Entry, look: Look, what: str, to: Sequence[str | None] = (), detail: str = "") -> Step:
        return Step(
            record=record,
            look=look,
            column=self.columns.get(record.peer) if record.peer is not None else None,
            to=tuple(self.columns[peer] for peer in to if peer in self.columns and peer != record.peer),
            what=what,
            size_bytes=None,
            detail=detail,
            presence=tuple(self._presence.values()),
        )


def _look(record: Entry, media: Media) -> Look:
    # If the log has no payloads (`payloads = "none"`), only the kind of a signal is known.
    match media.sdp_type or ("candidate" if media.candidate_type else word_of(record.kind)):
        case "offer":
            return Look.OFFER
        case "answer" | "pranswer":
            return Look.ANSWER
        case "candidate":
            return Look.CANDIDATE
    return Look.OTHER


def _what(record: Entry, media: Media) -> tuple[str, int | None]:
    word = word_of(record.kind) or "signal"
    if media.description_bytes is not None:
        return word if media.sdp_type in (None, word) else f"{word}: {media.sdp_type}", media.description_bytes
    if media.candidate_type == "end":
        return "end of candidates", None
    if media.candidate_type is not None:
        facts = ("candidate", media.candidate_type, media.protocol, media.address_class)
        return " ".join(filter(None, facts)), None
    return word, record.bytes


def _detail(record: Entry, media: Media) -> str:
    kind = None if record.kind == word_of(record.kind) else record.kind
    address = None if media.address is None else f"{media.address} port {media.port}"
    ufrag = None if media.ufrag is None else f"ufrag {media.ufrag}"
    return ", ".join(filter(None, (kind, address, ufrag)))
