"""Read from the checkpoint of a segment which peers were in which room when the segment began."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from signaling_sidecar.diagnosis.entries import Entry
from signaling_sidecar.diagnosis.record_data import read_data

WAS_HERE, WAS_AWAY = "peer.was-here", "peer.was-away"
"""The types of the entries that `there_before` returns. No log has records of these types."""


class KnownSession(msgspec.Struct):
    session: str
    peer: str
    name: str | None = None
    instance: str | None = None
    connection: int | None = None


class KnownRoom(msgspec.Struct):
    dialect: str
    room: str
    sessions: list[KnownSession]
    announced: bool = True
    """Whether the sidecar announces the peers of the room to each other."""
    host: str | None = None


class _Checkpoint(msgspec.Struct):
    rooms: list[KnownRoom]


def rooms_in(checkpoint: Entry) -> Sequence[KnownRoom] | None:
    """Return the rooms of a checkpoint, or None if the checkpoint is damaged."""
    read = read_data(checkpoint.data, _Checkpoint)
    return None if read is None else read.rooms


def there_before(checkpoint: Entry | None, key: tuple[str, str], records: Iterable[Entry]) -> list[Entry]:
    """Return an entry for each session that the checkpoint has in a room. `key` is the dialect and the id of the room.

    A drawing that begins with these entries also shows peers whose joins are not in the part of the log that was read.
    `records` are the records of the room after the checkpoint. Sessions whose join is one of these are left out.
    """
    rooms = (rooms_in(checkpoint) or ()) if checkpoint is not None else ()
    there = [known for each in rooms if (each.dialect, each.room) == key for known in each.sessions]
    # A checkpoint may already contain a session whose join was written after it at the same moment.
    joined = {record.session for record in records if record.type == "peer.joined"} if there else set()
    return [_was_there(checkpoint, key, known) for known in there if checkpoint and known.session not in joined]


def _was_there(checkpoint: Entry, key: tuple[str, str], known: KnownSession) -> Entry:
    dialect, room = key
    return msgspec.structs.replace(
        checkpoint,
        type=WAS_AWAY if known.connection is None else WAS_HERE,
        dialect=dialect,
        room=room,
        peer=known.peer,
        session=known.session,
        connection=known.connection,
        data=msgspec.json.encode({"name": known.name, "instance": known.instance}).decode(),
    )
