"""Contacts: the peers that have exchanged frames with a peer, and that are told when it is gone for good.

They are for rooms whose peers are not told of each other. Each session remembers the peer ids to which it has sent
frames. So two peers are contacts if one of them remembers the other.
"""

from __future__ import annotations

from signaling_sidecar.hub.membership import Session
from signaling_sidecar.hub.rules import Ending

MAX_CONTACTS = 500  # ids for each session; Chromium allows a page about as many RTCPeerConnections
_NOT_FOR_GOOD = frozenset((Ending.CLOSED, Ending.STOPPED))
"""The endings after which a page may still have its RTCPeerConnections: it has closed its connection to the sidecar
itself, or it has not come back after a restart of the sidecar."""


def remember(session: Session, to: str | None) -> None:
    """Must be called when a frame of the session to this peer id was relayed or kept."""
    if to is not None and session.room.rules.announcements.tells_contacts:
        session.contacts[to] = None
        if len(session.contacts) > MAX_CONTACTS:
            del session.contacts[next(iter(session.contacts))]


def part(session: Session, ending: Ending | None) -> list[Session]:
    """Return the contacts that must be told that the session has ended, and let them forget its peer.

    `ending` is how its connection ended, if that is why the session has ended.
    """
    if ending in _NOT_FOR_GOOD:
        return []
    others = session.room.others(session)
    contacts = [other for other in others if other.peer in session.contacts or session.peer in other.contacts]
    for other in contacts:
        other.contacts.pop(session.peer, None)
    return contacts
