"""What the `data` of a record says, as far as tables and ladder show it."""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec

from signaling_sidecar.errors import NOT_JSON
from signaling_sidecar.eventlog.payload import SDP_TYPES, Media, find_media

_Data = TypeVar("_Data")
_WORDS = SDP_TYPES | {"candidate"}


class About(msgspec.Struct, frozen=True):
    """The data of a record that the sidecar wrote itself; which fields it has depends on the type of the record."""

    name: str | None = None
    instance: str | None = None
    """Of a page load: another one means that the page was loaded again."""
    reason: str | None = None
    """Of `peer.left`."""
    ending: str | None = None
    """Of `peer.away`: how the connection ended."""
    code: str | None = None
    message: str | None = None
    count: int = 1
    """Of `signal.refused`: how many refusals the record stands for."""
    mode: str | None = None
    host: str | None = None
    """Of `room.created` and `room.updated`, beside `name`: what the room is from now on."""
    replaced: int | None = None
    """Of `peer.resumed`: the connection that the peer had until then."""
    lost: int | None = None
    """Of `log.gap`: records that could not be written."""


def read_data(data: object, type_: type[_Data]) -> _Data | None:
    """Read the data of a record; None: it has none, or it is damaged, and then the rest of the record still counts."""
    try:
        return msgspec.json.decode(data, type=type_) if isinstance(data, str) else None
    except NOT_JSON:
        return None


def read_about(data: object) -> About:
    """Read the data of any record but a relayed frame."""
    return read_data(data, About) or About()


def media_of(kind: object, data: object) -> Media:
    """Find what a relayed record carries; a description that does not say its type is of the frame's kind."""
    media = find_media(data) if isinstance(data, str) else Media()
    word = word_of(kind)
    if media.description_bytes is not None and media.sdp_type is None and word in SDP_TYPES:
        return msgspec.structs.replace(media, sdp_type=word)
    return media


def word_of(kind: object) -> str | None:
    """What a frame is for, in the word that all dialects share; the kind itself where there is none.

    So `candidate` of `ice-candidate`, `ice_candidate` and `WEBRTC_ICE_CANDIDATE`.
    """
    if not isinstance(kind, str):
        return None
    word = re.split("[_-]", kind)[-1].lower()
    return word if word in _WORDS else kind
