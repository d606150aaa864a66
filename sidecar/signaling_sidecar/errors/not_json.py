"""The exceptions of msgspec for text that it cannot decode."""

from __future__ import annotations

import msgspec

NOT_JSON = (msgspec.DecodeError, UnicodeError, RecursionError)
"""The exceptions that msgspec raises when the text is not JSON, does not match the expected type, or is nested too
deeply."""


def why_not_json(error: Exception) -> str:
    """Say in words why msgspec cannot decode a text. Its own words about nesting depend on the Python version: since
    Python 3.14 they tell the size of the stack."""
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
