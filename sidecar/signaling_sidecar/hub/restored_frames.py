"""Restores the kept frames: those that clients with resumable sessions have not acknowledged, and those in the
mailboxes."""

from __future__ import annotations

from collections.abc import Mapping

from signaling_sidecar.errors import Refusal
from signaling_sidecar.hub.checkpoint import KeptFrameState
from signaling_sidecar.hub.contacts import remember
from signaling_sidecar.hub.mailbox import KeptFrame
from signaling_sidecar.hub.messages import Expired, Notice, Refused, Relayed
from signaling_sidecar.hub.payloads import from_json
from signaling_sidecar.hub.restoration import Past, RecordData, Restoration, Verb
from signaling_sidecar.hub.rules import RoomKey


class RestoredFrames:
    def __init__(self, restoration: Restoration) -> None:
        self._restoration = restoration
        self._state = restoration.hub.state
        self.verbs: Mapping[str, Verb] = {
            "admin.said": self._said,
            "frame.acknowledged": self._acknowledged,
            "signal.relayed": self._relayed,
            "signal.kept": self._kept,
            "signal.expired": self._expired,
            "signal.refused": self._refused,
        }

    def from_checkpoint(self, frame: KeptFrameState, ts: float) -> None:
        """Restore a frame in a mailbox from a checkpoint that was written at `ts`."""
        payload = from_json(frame.payload.encode()) if frame.payload is not None else None
        self._keep(RoomKey(frame.dialect, frame.room), frame, payload, ts - frame.age_s)

    def _relayed(self, record: Past, data: RecordData) -> None:
        room, relayed = self._state.membership.room(record.key), None
        payload = self._payload(record)
        if room is not None and payload is not None:
            relayed = Relayed(record.peer or "", record.kind or "", payload, room.name, room.key.room)
        self._restoration.keep_for_told(lambda _: relayed)
        self._forget_kept(record)
        self._remember_contact(record)

    def _kept(self, record: Past, data: RecordData) -> None:
        self._remember_contact(record)
        self._keep(record.key, record, self._payload(record), record.ts)

    def _expired(self, record: Past, data: RecordData) -> None:
        self._forget_kept(record)
        expired = Expired(record.to or "", record.room or "", data.ref, record.peer or "")
        self._restoration.keep_for_told(lambda _: expired)

    def _said(self, record: Past, data: RecordData) -> None:
        notice = Notice(data.text, record.room or "")
        self._restoration.keep_for_told(lambda _: notice)

    def _refused(self, record: Past, data: RecordData) -> None:
        """Restore the answer to a refused frame. The answer contains the number that the client gave the frame.

        Usually this record contains the number. But if the frame named a room that its sender was not in, only the
        record before this one contains it. That record was applied just now, so the number is the last one that the
        sender's session has handled.
        """

        def answer(session: str) -> Refused:
            resumption = self._restoration.sessions[session].resumption
            c = record.c if record.c is not None or resumption is None else resumption.handled
            refusal = Refusal(data.code, data.message)
            return Refused(
                refusal, record.kind, joined=True, ref=data.ref, c=c, room=record.room, to=record.to, peer=record.peer
            )

        self._restoration.keep_for_told(answer)

    def _acknowledged(self, record: Past, data: RecordData) -> None:
        session = self._restoration.session(record)
        if session is not None and session.resumption is not None:
            session.resumption.heard()
            session.resumption.acknowledged(data.a)

    def _remember_contact(self, record: Past) -> None:
        session = self._restoration.session(record)
        if session is not None:
            remember(session, record.to)

    def _payload(self, record: Past) -> bytes | None:
        """Return the payload of a relayed frame, or None if the log does not contain the whole payload."""
        rules = self._state.rules.get(record.dialect or "")
        if rules is None or not rules.endings.durable or record.data is None:
            return None
        return from_json(record.data.encode())

    def _keep(self, key: RoomKey, frame: Past | KeptFrameState, payload: bytes | None, at_s: float) -> None:
        rules = self._state.rules.get(key.dialect)
        if rules is None or rules.relays.mailbox is None or frame.to is None or frame.peer is None:
            return
        session = self._restoration.sessions.get(frame.session or "")
        self._state.mailboxes.put_back(KeptFrame(key, frame.to, frame.peer, frame.kind or "", payload, session, at_s))

    def _forget_kept(self, record: Past) -> None:
        """Remove the kept frame that was delivered or has expired according to the record. If the frame was relayed at
        once, do nothing.

        Frames are kept only for a peer that cannot be reached. So if frames are kept for the receiver, the record is
        about one of them.
        """
        mailboxes = self._state.mailboxes
        for frame in mailboxes.of(record.key, record.to or ""):
            if (frame.sender, frame.kind) == (record.peer, record.kind):
                mailboxes.remove(frame)
                return
