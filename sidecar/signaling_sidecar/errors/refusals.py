"""The reasons for which the frame of a peer is refused.

A refusal is sent to the peer, if its protocol has error frames, and is recorded in the event log.
"""

from __future__ import annotations

import math
from enum import StrEnum

import msgspec

MAX_QUOTED_CHARS = 64  # characters of a text from the refused frame that the error message quotes


class Code(StrEnum):
    """The error codes, by which programs recognise a refusal. These codes are part of the protocol and must never be
    renamed, unlike the messages for people, which may change."""

    BAD_JSON = "bad-json"
    BAD_FIELD = "bad-field"
    UNKNOWN_TYPE = "unknown-type"
    NOT_JOINED = "not-joined"
    FORGED_FROM = "forged-from"
    NO_SUCH_PEER = "no-such-peer"
    PEER_AWAY = "peer-away"
    NO_SUCH_ROOM = "no-such-room"
    ROOM_FULL = "room-full"
    ID_TAKEN = "id-taken"
    TOO_FAST = "too-fast"
    OUT_OF_ORDER = "out-of-order"
    TOO_LARGE = "too-large"
    BARRED = "barred"
    TOO_MANY_ROOMS = "too-many-rooms"
    REFUSED_BY_HOOK = "refused-by-hook"
    UNAUTHORISED = "unauthorised"
    INTERNAL = "internal"


class Refusal(msgspec.Struct, frozen=True):
    """Why a peer's frame was refused. `message` is for people, and must not contain data of another peer."""

    code: Code
    message: str
    field: str | None = None
    """The field of the frame that has an invalid value, or None if the reason is not the value of one field."""


def _quote(text: str) -> str:
    """Quote a peer's text, shortened: the size of an answer must not depend on the size of the frame."""
    return repr(text if len(text) <= MAX_QUOTED_CHARS else text[:MAX_QUOTED_CHARS] + "…")


def bad_json(why: str, shape: str = "object") -> Refusal:
    return Refusal(Code.BAD_JSON, f"a frame must be one JSON {shape} in a text frame: {why}")


def bad_field(field: str, expected: str) -> Refusal:
    return Refusal(Code.BAD_FIELD, f"{field!r} must be {expected}", field)


def bad_shape(why: str) -> Refusal:
    return Refusal(Code.BAD_FIELD, f"a field is missing or of the wrong type: {why}")


def unknown_type(kind: str) -> Refusal:
    return Refusal(Code.UNKNOWN_TYPE, f"unknown type {_quote(kind)}")


def unknown_beginning() -> Refusal:
    return Refusal(Code.UNKNOWN_TYPE, "no wire protocol that is enabled here starts with this frame")


def not_joined(kind: str) -> Refusal:
    return Refusal(Code.NOT_JOINED, f"{kind!r} can only be sent from a room: join one first")


def forged_from(claimed: str, own: str) -> Refusal:
    return Refusal(Code.FORGED_FROM, f"this connection is {own!r}, it cannot speak for {_quote(claimed)}")


def no_such_peer(peer: str) -> Refusal:
    return Refusal(Code.NO_SUCH_PEER, f"no other peer {_quote(peer)} in this room")


def peer_away(peer: str) -> Refusal:
    return Refusal(Code.PEER_AWAY, f"peer {peer!r} has lost its connection and may come back")


def nobody_else() -> Refusal:
    return Refusal(Code.NO_SUCH_PEER, "nobody else is in this room")


def no_notices(dialect: str) -> Refusal:
    return Refusal(Code.BAD_FIELD, f"clients of the protocol {dialect!r} cannot receive notices")


def barred(room: str) -> Refusal:
    return Refusal(Code.BARRED, f"this peer was removed from room {_quote(room)} a moment ago")


def no_such_room(room: str) -> Refusal:
    return Refusal(Code.NO_SUCH_ROOM, f"there is no room {_quote(room)}")


def other_room(room: str) -> Refusal:
    return Refusal(Code.NO_SUCH_ROOM, f"this connection is not in a room {_quote(room)}")


def which_room(kind: str) -> Refusal:
    return Refusal(Code.BAD_FIELD, f"{kind!r} must name one of the rooms that this connection is in", "room")


def room_closed() -> Refusal:
    return Refusal(Code.NO_SUCH_ROOM, "the sidecar's admin has closed the room")


def room_idle() -> Refusal:
    return Refusal(Code.NO_SUCH_ROOM, "the room was closed because no peer had sent anything for too long")


def room_taken(room: str) -> Refusal:
    return Refusal(Code.ID_TAKEN, f"there is a room {room!r} already", "room")


def room_full(room: str, limit: int) -> Refusal:
    return Refusal(Code.ROOM_FULL, f"room {room!r} is full: limit is {limit} peers")


def connected(peer: str) -> Refusal:
    return Refusal(Code.ID_TAKEN, f"peer {peer!r} is connected", "peer")


def taken(peer: str) -> Refusal:
    message = f"peer id {peer!r} belongs to a session, and this join has no valid resume token for it"
    return Refusal(Code.ID_TAKEN, f"{message}: choose another id, or wait until the session ends", "peer")


def replaced_too_often(peer: str, replacements: int, window_s: float) -> Refusal:
    return Refusal(
        Code.ID_TAKEN,
        f"peer id {peer!r} was taken over by another connection {replacements} times within {window_s:g} s: check "
        "whether two pages use the same id",
        "peer",
    )


def unauthorised(kind: str) -> Refusal:
    return Refusal(Code.UNAUTHORISED, f"only the host of the room may send {_quote(kind)}")


def of_another_subject(peer: str) -> Refusal:
    return Refusal(Code.ID_TAKEN, f"peer id {_quote(peer)} belongs to another user", "peer")


def may_not_create(room: str) -> Refusal:
    return Refusal(Code.UNAUTHORISED, f"there is no room {_quote(room)}, and the token does not allow creating one")


def no_token() -> Refusal:
    return Refusal(Code.UNAUTHORISED, "a token is required: join a room with one first")


def wrong_token(why: str) -> Refusal:
    return Refusal(Code.UNAUTHORISED, why)


def too_many_tokens(wait_s: float) -> Refusal:
    return Refusal(Code.TOO_FAST, f"too many tokens were shown: wait {math.ceil(wait_s)} s")


def too_many_joins(wait_s: float) -> Refusal:
    return Refusal(Code.TOO_FAST, f"too many joins of this user: wait {math.ceil(wait_s)} s")


def out_of_scope(scope: str) -> Refusal:
    return Refusal(Code.UNAUTHORISED, f"the token does not have the scope {str(scope)!r}")


def not_for_room() -> Refusal:
    return Refusal(Code.UNAUTHORISED, "the token is not for this room")


def not_for_peer() -> Refusal:
    return Refusal(Code.UNAUTHORISED, "the token is not for this peer id")


def refused_by_hook(hook: str, sentence: str | None = None) -> Refusal:
    return Refusal(Code.REFUSED_BY_HOOK, sentence or f"refused by the hook `{hook}`")


def hook_failed(hook: str) -> Refusal:
    return Refusal(Code.REFUSED_BY_HOOK, f"the hook `{hook}` failed: the sidecar's terminal shows why")


def too_many_tries() -> Refusal:
    return Refusal(Code.TOO_FAST, "this connection tried to join too many rooms within a minute")


def waits_too_long(limit: int) -> Refusal:
    return Refusal(Code.TOO_FAST, f"too many frames were sent before the join was answered: limit is {limit} frames")


def too_fast(frames_per_s: int) -> Refusal:
    return Refusal(Code.TOO_FAST, f"too many frames: limit is {frames_per_s} frames/s on one connection")


def out_of_order(c: int, handled: int) -> Refusal:
    return Refusal(Code.OUT_OF_ORDER, f"frame {c} came before frame {handled + 1}: go on from there")


def too_large(field: str, size: int, limit: int) -> Refusal:
    return Refusal(Code.TOO_LARGE, f"{field!r} has {size} bytes: limit is {limit} bytes", field)


def too_many_commands(count: int, limit: int) -> Refusal:
    return Refusal(Code.TOO_LARGE, f"the frame asks for {count} commands: limit is {limit} commands in one frame")


def too_many_rooms(limit: int) -> Refusal:
    return Refusal(Code.TOO_MANY_ROOMS, f"no further room can be created: limit is {limit} rooms")


def too_many_joined(limit: int) -> Refusal:
    rooms = "1 room" if limit == 1 else f"{limit} rooms"
    return Refusal(Code.TOO_MANY_ROOMS, f"this connection cannot join another room: limit is {rooms}")


def internal() -> Refusal:
    return Refusal(Code.INTERNAL, "the sidecar failed to process this frame: its terminal shows why")
