"""The exceptions of msgspec for text that it cannot decode."""

from __future__ import annotations

import msgspec

NOT_JSON = (msgspec.DecodeError, UnicodeError, RecursionError)
"""The exceptions that msgspec raises when the text is not JSON, does not match the expected type, or is nested too
deeply."""
