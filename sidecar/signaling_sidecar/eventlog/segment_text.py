"""Read the text of a segment, which people may have compressed, copied or saved in an editor.

Whether a segment is decompressed with gzip depends on its content, not on its file name. The text is UTF-8 with or
without a byte order mark, or UTF-16 with one (as PowerShell's `>` writes it), and its lines may have Windows line
endings.
"""

from __future__ import annotations

import codecs
from collections.abc import Generator, Iterator
from contextlib import closing
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from signaling_sidecar.errors import DamagedLog
from signaling_sidecar.text_encoding import encoding_of

# isal is installed with the extra `notebook`. It has the interface of zlib and decompresses in half the time.
_zlib: Any = import_module("isal.isal_zlib" if find_spec("isal") is not None else "zlib")
_GZIP = _zlib.MAX_WBITS | 16  # tells zlib to expect a gzip header, and to use the largest window
_CHUNK_BYTES = 256 * 1024  # a log of any size is read in pieces of this size
# The limit protects the memory, because a gzip file of 3 MB may contain one line of 3 GB. The longest record that a
# sidecar writes is a checkpoint, with 350 bytes for each peer.
MAX_LINE_BYTES = 2**28
_GZIP_MAGIC = b"\x1f\x8b"  # RFC 1952, 2.3.1
_OTHER_PACKINGS = {
    b"\x28\xb5\x2f\xfd": "zstd",  # RFC 8878, 3.1.1
    b"\xfd7zXZ\x00": "xz",
    b"BZh": "bzip2",
    b"PK\x03\x04": "zip",
    b"7z\xbc\xaf\x27\x1c": "7-Zip",
}


def text_chunks(segment: Path) -> Generator[bytes, None, None]:
    """Yield the text of a segment in pieces, decompressed, in UTF-8 and without carriage returns.

    Raises DamagedLog for an unsupported compression format, and for a line of more than `MAX_LINE_BYTES`. If the
    compressed data is damaged or incomplete, DamagedLog is raised after the last piece that could be decompressed.
    """
    line_bytes = 0
    with closing(_unpacked(segment)) as pieces:
        beginning = next(pieces, b"")
        encoding = encoding_of(beginning)
        decode = codecs.getincrementaldecoder(encoding)(errors="replace").decode if encoding == "utf-16" else None
        if encoding == "utf-8-sig":
            beginning = beginning[len(codecs.BOM_UTF8) :]
        for piece in _with_first(beginning, pieces):
            text = decode(piece).encode() if decode is not None else piece
            text = text.replace(b"\r", b"") if b"\r" in text else text  # in JSON, a carriage return is only white space
            end = text.rfind(b"\n") + 1
            line_bytes = len(text) - end + (0 if end else line_bytes)
            if line_bytes > MAX_LINE_BYTES:
                yield text[:end]
                raise DamagedLog(str(segment), None, f"one of its lines has more than {MAX_LINE_BYTES} bytes")
            yield text


def text_lines(segment: Path) -> Generator[tuple[bytes, bool], None, None]:
    """Yield each line without its newline, and whether the line had a newline. Raises the same errors as
    `text_chunks`."""
    parts: list[bytes] = []
    with closing(text_chunks(segment)) as chunks:
        for chunk in chunks:
            first, *others = chunk.split(b"\n")
            parts.append(first)
            if others:
                yield b"".join(parts), True
                for line in others[:-1]:
                    yield line, True
                parts = [others[-1]]
    if any(parts):
        yield b"".join(parts), False


def whole_lines(segment: Path, start: int = 0) -> bytes:
    """Read a segment in the state folder, from the byte `start` of its uncompressed text to its last newline.

    The text after the last newline is an incomplete record and is not returned. The result is empty if the segment no
    longer exists.
    """
    try:
        with segment.open("rb") as file:
            file.seek(0 if segment.suffix == ".gz" else start)
            text = file.read()
    except FileNotFoundError:  # the segment was compressed after the files were listed
        if segment.suffix == ".gz":
            return b""
        return whole_lines(segment.with_name(segment.name + ".gz"), start)
    if segment.suffix == ".gz":
        text = b"".join(_gunzipped(segment, iter([text])))[start:]
    return text[: text.rfind(b"\n") + 1]


def _unpacked(segment: Path) -> Generator[bytes, None, None]:
    with closing(_pieces(segment)) as pieces:
        beginning = next(pieces, b"")
        packing = next((name for magic, name in _OTHER_PACKINGS.items() if beginning.startswith(magic)), None)
        if packing is not None:
            raise DamagedLog(
                str(segment), None, f"it is compressed with {packing}, which is not supported: decompress it first"
            )
        whole = _with_first(beginning, pieces)
        yield from _gunzipped(segment, whole) if beginning.startswith(_GZIP_MAGIC) else whole


def _pieces(segment: Path) -> Generator[bytes, None, None]:
    try:
        file = segment.open("rb")
    except FileNotFoundError:  # the segment was compressed after the files were listed
        file = segment.with_name(segment.name + ".gz").open("rb")
    with file:
        while piece := file.read(_CHUNK_BYTES):
            yield piece


def _gunzipped(segment: Path, pieces: Iterator[bytes]) -> Iterator[bytes]:
    member = None
    for piece in pieces:
        left = piece
        while left:
            member = member or _zlib.decompressobj(wbits=_GZIP)
            try:
                yield member.decompress(left)
            except _zlib.error as error:
                raise DamagedLog(str(segment), None, f"its compressed data is damaged ({error})") from error
            left = member.unused_data
            if member.eof:
                member = None  # a gzip file may consist of several members
    if member is not None:
        raise DamagedLog(str(segment), None, "its compressed data is incomplete")


def _with_first(first: bytes, others: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from others
