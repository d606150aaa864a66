"""Defines the presence of a peer in its room, and which records change it."""

from __future__ import annotations

from enum import StrEnum

from signaling_sidecar.diagnosis.checkpoints import WAS_AWAY, WAS_HERE


class Presence(StrEnum):
    """Whether a peer is in its room, and has a connection to the sidecar."""

    ABSENT = "absent"
    HERE = "here"
    AWAY = "away"
    """The peer has lost its connection, and may still return."""


PRESENCE_AFTER = {
    WAS_HERE: Presence.HERE,
    WAS_AWAY: Presence.AWAY,
    "peer.joined": Presence.HERE,
    "peer.resumed": Presence.HERE,
    "peer.away": Presence.AWAY,
    "peer.left": Presence.ABSENT,
}
"""By record type, the presence of a peer after a record of this type."""
