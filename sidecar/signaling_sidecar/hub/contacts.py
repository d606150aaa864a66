"""Tracks the contacts of a peer: the peers that it has exchanged frames with. Its contacts are told when the peer is
gone for good.

Contacts are for rooms whose peers are not told of each other. Each session stores the ids of the peers to which it has
sent frames. Two peers are contacts if one of them has sent a frame to the other.
"""

from __future__ import annotations

from collections.abc import Collection

from signaling_sidecar.hub.membership import Session
from signaling_sidecar.hub.rules import Ending, Reason

MAX_CONTACTS = 500  # peer ids in each session; Chromium allows a page about 500 RTCPeerConnections
_NOT_FOR_GOOD = frozenset((Ending.CLOSED, Ending.STOPPED))
"""The endings of a connection after which no contact is told, because the page may still have its RTCPeerConnections:
the page has closed the connection to the sidecar itself, or the sidecar has stopped."""


def remember(session: Session, to: str | None) -> None:
    """Remember the peer `to` as a contact. Must be called when a frame of the session to `to` was relayed, or was kept
    in a mailbox."""
    if to is not None and session.room.rules.announcements.tells_contacts:
        session.contacts[to] = None
        if len(session.contacts) > MAX_CONTACTS:
            del session.contacts[next(iter(session.contacts))]


def part(session: Session, reason: Reason, ending: Ending | None, callers: Collection[Session | None]) -> list[Session]:
    """Return the contacts that must be told that the session has ended, and remove its peer from their contacts.

    If the session has ended because its connection has ended, `ending` says how that connection ended. `callers` are
    the peers whose frames to this peer id are kept. They are not told, because they would then end the call that these
    frames begin, although the next session of the peer id will get the frames. But they are told if the admin has
    removed the peer, because the peer id is barred for longer than the frames are kept.
    """
    if ending in _NOT_FOR_GOOD:
        return []
    spared = () if reason is Reason.KICKED else callers
    others = [other for other in session.room.others(session) if other not in spared]
    contacts = [other for other in others if other.peer in session.contacts or session.peer in other.contacts]
    for other in contacts:
        other.contacts.pop(session.peer, None)
    return contacts
