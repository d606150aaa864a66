"""What may name a peer, a room, or a person."""

from __future__ import annotations

import unicodedata
from typing import Any

from signaling_sidecar.errors import Refusal, bad_field, too_large

MAX_ID_BYTES = 128  # bytes of UTF-8; PROTOCOLS.md, "Limits"; a UUID has 36, the virtual bar's peer ids 32
MAX_NAME_BYTES = 128  # bytes of UTF-8; a display name is shown on one line


def refuse_id(field: str, value: Any) -> Refusal | None:
    """Say why `value` cannot be a peer or room id; None when it can."""
    if not isinstance(value, str) or not value:
        return bad_field(field, "a string of 1 or more bytes")
    return _refuse_text(field, value, MAX_ID_BYTES)


def refuse_name(field: str, value: Any) -> Refusal | None:
    """Say why `value` cannot be a display name (it may be empty); None when it can."""
    if not isinstance(value, str):
        return bad_field(field, "a string")
    return _refuse_text(field, value, MAX_NAME_BYTES)


def _refuse_text(field: str, value: str, limit: int) -> Refusal | None:
    size = len(value.encode(errors="surrogatepass"))
    if size > limit:
        return too_large(field, size, limit)
    # Cc: \0 and ESC would write to the terminal of whoever lists the rooms; Cs: half a character, which no JSON can
    # hold. But a ZWJ emoji (Cf) is a fine name.
    if not value.isprintable() and any(unicodedata.category(c) in ("Cc", "Cs") for c in value):
        return bad_field(field, "without control characters")
    return None
