"""Which strings are valid as a peer id, a room id or a display name."""

from __future__ import annotations

import unicodedata
from typing import Any

from signaling_sidecar.errors import Refusal, bad_field, too_large

MAX_ID_BYTES = 128  # bytes of UTF-8; PROTOCOLS.md, "Limits"; a UUID has 36
MAX_NAME_BYTES = 128  # bytes of UTF-8; a display name is shown on one line


def refuse_id(field: str, value: Any) -> Refusal | None:
    """Return the reason why `value` is not a valid peer or room id, or None if it is valid."""
    if not isinstance(value, str) or not value:
        return bad_field(field, "a string of 1 or more bytes")
    return _refuse_text(field, value, MAX_ID_BYTES)


def refuse_name(field: str, value: Any) -> Refusal | None:
    """Return the reason why `value` is not a valid display name, or None if it is valid. It may be empty."""
    if not isinstance(value, str):
        return bad_field(field, "a string")
    return _refuse_text(field, value, MAX_NAME_BYTES)


def _refuse_text(field: str, value: str, limit: int) -> Refusal | None:
    if value.isascii() and value.isprintable() and len(value) <= limit:
        return None  # a quick test, which most names pass; the checks below are slower
    size = len(value.encode(errors="surrogatepass"))
    if size > limit:
        return too_large(field, size, limit)
    # Category Cc: control characters such as ESC would act on the terminal of a person who lists the rooms. Category
    # Cs: half of a surrogate pair cannot be encoded in UTF-8. Category Cf is allowed because some emoji contain it.
    if not value.isprintable() and any(unicodedata.category(c) in ("Cc", "Cs") for c in value):
        return bad_field(field, "without control characters")
    return None
