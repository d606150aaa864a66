"""The settings that decide what happens in rooms. Those of the owner count, so all instances should have the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from signaling_sidecar.errors import NOT_JSON
from signaling_sidecar.settings import Settings

JOINED = "instance.joined"
"""The type of the record with which an instance tells the others its settings."""
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
    settings: dict[str, Any] = {}


class _Line(msgspec.Struct):
    type: str
    data: str = ""


def settings_of_rooms(settings: Settings) -> dict[str, Any]:
    """Return what the other instances are told."""
    return {name: getattr(settings, name) for name in NAMES} | {"hooks": settings.hooks is not None}


def differences(lines: bytes, own: dict[str, Any]) -> Iterator[str]:
    """Return a sentence for each instance whose joining is in these lines of the log, and which has other settings."""
    if JOINED.encode() not in lines:
        return
    for line in lines.splitlines():
        joined = _joined(line)
        theirs = joined.settings if joined is not None else {}
        differ = [name for name in own if name in theirs and theirs[name] != own[name]]
        if joined is not None and differ:
            told = ", ".join(f"{name} ({own[name]!r} here, {theirs[name]!r} there)" for name in differ)
            yield (
                f"instance {joined.instance} of the cluster has other settings than this sidecar: {told}; for the "
                "rooms, those of the sidecar count that has them at the time"
            )


def _joined(line: bytes) -> _Joined | None:
    try:
        read = msgspec.json.decode(line, type=_Line)
        return msgspec.json.decode(read.data, type=_Joined) if read.type == JOINED else None
    except NOT_JSON:
        return None
