"""Define flags for `os.open`, which are 0 on a platform that does not have them."""

from __future__ import annotations

import os

BYTES = getattr(os, "O_BINARY", 0)
"""Without this flag, Windows writes a carriage return before each newline."""
NO_LINK = getattr(os, "O_NOFOLLOW", 0)
"""Refuse to open a symbolic link, which somebody else may have put there. Windows has no such flag."""
PRIVATE = getattr(os, "O_CLOEXEC", 0) | BYTES
"""Child processes do not inherit the open file. Windows has no such flag, but `os.open` does the same there. Includes
`BYTES`."""
