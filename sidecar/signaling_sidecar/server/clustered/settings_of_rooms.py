"""Compares the settings that affect rooms. The owner's settings apply to all rooms, so all instances should have the
same settings."""

from __future__ import annotations

from typing import Any

import msgspec

from signaling_sidecar.hub.effects import Record
from signaling_sidecar.settings import Settings

JOINED = "instance.joined"
NAMES = (
    "auth",
    "grace_s",
    "hosted_idle_s",
    "max_peers_per_room",
    "max_rooms",
    "pairing_codes_per_minute",
    "pairing_codes_per_minute_per_address",
    "pairing_cross_code",
    "payloads",
    "peerjs_discovery",
    "peerjs_expire_unknown_ids",
    "peerjs_rooms_by_prefix",
)


class _Joined(msgspec.Struct):
    instance: int
    settings: dict[str, Any]


def settings_of_rooms(settings: Settings) -> dict[str, Any]:
    """Return the settings that all instances of a cluster must share."""
    return {name: getattr(settings, name) for name in NAMES} | {"hooks": settings.hooks is not None}


def joined(instance: int, settings: dict[str, Any]) -> Record:
    """Return the record that informs the other instances of the settings of this instance."""
    return Record(JOINED, data={"instance": instance, "settings": settings})


def difference(noted: Record, own: dict[str, Any]) -> str | None:
    """Return a sentence for the operator if the record says that an instance with other settings has joined."""
    if noted.type != JOINED:
        return None
    try:
        told = msgspec.convert(noted.data, _Joined)
    except msgspec.ValidationError:
        return None
    differ = [name for name in own if name in told.settings and told.settings[name] != own[name]]
    if not differ:
        return None
    both = ", ".join(f"{name} ({own[name]!r} here, {told.settings[name]!r} there)" for name in differ)
    return (
        f"instance {told.instance} of the cluster has other settings than this sidecar: {both}; the rooms follow the "
        "settings of the owner, and any sidecar of the cluster can become the owner"
    )
