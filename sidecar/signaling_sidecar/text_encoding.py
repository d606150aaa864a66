"""Decode text files, which an editor, PowerShell or Windows may have saved as UTF-16 or with a byte order mark."""

from __future__ import annotations

import codecs

_ENCODINGS = {  # for each byte order mark; a file without a byte order mark is UTF-8
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def encoding_of(beginning: bytes) -> str:
    """Return the encoding of a file, given its first bytes. Decoding with this encoding removes the byte order mark."""
    return next((name for mark, name in _ENCODINGS.items() if beginning.startswith(mark)), "utf-8")


def decoded(content: bytes) -> str:
    """Decode the content of a file, without its byte order mark. Raises UnicodeDecodeError."""
    return content.decode(encoding_of(content))
