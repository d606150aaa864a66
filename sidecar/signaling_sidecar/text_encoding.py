"""The text of a file that an editor, PowerShell or Windows may have written anew."""

from __future__ import annotations

import codecs

_ENCODINGS = {  # by the byte order mark that a file begins with; without one it is UTF-8
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def encoding_of(beginning: bytes) -> str:
    """Name the encoding of a text by its first bytes; the codec of that name takes the byte order mark away."""
    return next((name for mark, name in _ENCODINGS.items() if beginning.startswith(mark)), "utf-8")


def decoded(content: bytes) -> str:
    """Give the text of a file, without its byte order mark. Raises UnicodeDecodeError."""
    return content.decode(encoding_of(content))
