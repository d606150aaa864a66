"""What the `data` of a record says, as far as tables and ladder show it."""

from __future__ import annotations

import msgspec

from signaling_sidecar.eventlog.payload import SDP_TYPES, Media, find_media


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
    lost: int | None = None
    """Of `log.gap`: records that could not be written."""


def read_about(data: object) -> About:
    """Read the data of any record but a relayed frame; a record without data says nothing."""
    return msgspec.json.decode(data, type=About) if isinstance(data, str) else About()


def media_of(kind: object, data: object) -> Media:
    """Find what a relayed record carries; a description that does not say its type is of the frame's kind."""
    media = find_media(data) if isinstance(data, str) else Media()
    if media.description_bytes is not None and media.sdp_type is None and isinstance(kind, str) and kind in SDP_TYPES:
        return msgspec.structs.replace(media, sdp_type=kind)
    return media
