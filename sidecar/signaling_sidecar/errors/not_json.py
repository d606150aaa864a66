"""How msgspec rejects text that cannot be decoded."""

from __future__ import annotations

import msgspec

NOT_JSON = (msgspec.DecodeError, UnicodeError, RecursionError)
"""The exceptions that decoding raises when the text is not JSON, does not fit the expected type, or is nested too
deeply."""
