"""`/ws`: where three of the originals are, told apart by the query, else by the first frame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from signaling_sidecar.dialects.outline import well_formed
from signaling_sidecar.dialects.port import Dialect
from signaling_sidecar.errors import NOT_JSON

SHARED_PATH = "/ws"


class _Typed(msgspec.Struct):
    type: str


_typed = msgspec.json.Decoder(_Typed)


def by_query(dialects: Iterable[Dialect], query: Mapping[str, str]) -> Dialect | None:
    """The dialect that the query chooses, whatever is sent then."""
    return next((dialect for dialect in dialects if dialect.query_chooses and dialect.query in query), None)


def by_first_frame(dialects: Iterable[Dialect], frame: bytes) -> Dialect | None:
    """The dialect whose client begins like this; None: nobody's does."""
    try:
        type_ = _typed.decode(well_formed(frame)).type
    except NOT_JSON:
        return None
    return next((dialect for dialect in dialects if type_ in dialect.first_frames), None)
