"""Reads the `data` of records, as far as the diagnosis, the tables and the drawings need it."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TypeVar

import msgspec

from signaling_sidecar.errors import NOT_JSON
from signaling_sidecar.eventlog.payload import NO_CONTENT, SDP_TYPES, Content, Media, read_content

_Data = TypeVar("_Data")
_WORDS = SDP_TYPES | {"candidate"}


class About(msgspec.Struct, frozen=True):
    """The data of a record that contains no relayed frame. The type of the record decides which fields are set."""

    name: str | None = None
    instance: str | None = None
    """The id of a page load. After a reload, the page has another id."""
    reason: str | None = None
    """In `peer.left`: why the peer left."""
    ending: str | None = None
    """In `peer.away`, and in `peer.left` if the peer left because its connection ended: how the connection ended."""
    code: str | None = None
    message: str | None = None
    count: int = 1
    """In `signal.refused`: the number of equal refusals, which share this record."""
    subject: str | None = None
    """In `peer.joined`: who the access token of the client was issued to."""
    mode: str | None = None
    host: str | None = None
    """In `room.created` and `room.updated`: the new host. In these records, `name` and `mode` are those of the room."""
    replaced: int | None = None
    """In `peer.resumed`: the number of the connection that the peer had before."""
    announced: bool = True
    """In `room.created`: whether the sidecar announces the peers of the room to each other."""
    lost: int | None = None
    """In `log.gap`: how many records could not be written."""


def read_data(data: object, type_: type[_Data]) -> _Data | None:
    """Read the data of a record. Returns None if the record has no data, or if the data is damaged. The other fields of
    the record can still be used."""
    try:
        return msgspec.json.decode(data, type=type_) if isinstance(data, str) else None
    except NOT_JSON:
        return None


def read_about(data: object) -> About:
    """Read the data of a record that does not contain a relayed frame."""
    return read_data(data, About) or About()


def content_of(kind: str | None, data: str | None) -> Content:
    """Find the description and the candidates in a relayed frame.

    If the description does not name its type, the kind of the frame is its type.
    """
    content = read_content(data) if data is not None else NO_CONTENT
    description = content.description
    if description is not None and description.type is None and word_of(kind) in SDP_TYPES:
        typed = msgspec.structs.replace(description, type=word_of(kind))
        return msgspec.structs.replace(content, description=typed)
    return content


def media_of(kind: str | None, data: str | None) -> Media:
    """Find the first description and the first candidate in a relayed frame."""
    return content_of(kind, data).media


class _Payload(msgspec.Struct):
    connectionId: str


class _Call(msgspec.Struct):
    payload: _Payload


def call_of(data: object) -> str | None:
    """Return the id of the RTCPeerConnection that a frame of PeerJS is for, or None if the frame has no such id."""
    if not isinstance(data, str) or "connectionId" not in data:  # most frames have no such id, and need no decoding
        return None
    call = read_data(data, _Call)
    return call.payload.connectionId if call is not None else None


@lru_cache(maxsize=128)  # more than the kinds of frames in a usual log
def word_of(kind: str | None) -> str | None:
    """Return the word that all dialects share for a kind of frame, or the kind itself.

    For example, `ice-candidate`, `ice_candidate` and `WEBRTC_ICE_CANDIDATE` are all `candidate`.
    """
    if kind is None:
        return None
    word = re.split("[_-]", kind)[-1].lower()
    return word if word in _WORDS else kind
