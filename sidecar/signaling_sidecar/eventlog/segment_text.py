"""The text of a segment's file, whoever has packed it, copied it, or saved it in an editor.

It may be gzipped or not, whatever it is called; UTF-8 with or without a byte order mark, or UTF-16 with one, as
PowerShell's `>` writes it; and its lines may end as on Windows.
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

# isal comes with the extra `notebook`, has zlib's names, and unpacks in half the time.
_zlib: Any = import_module("isal.isal_zlib" if find_spec("isal") is not None else "zlib")
_GZIP = _zlib.MAX_WBITS | 16  # zlib's way to say: a gzip header, and the largest window
_CHUNK_BYTES = 256 * 1024  # a log is read in pieces of this size, however large it is
_GZIP_MAGIC = b"\x1f\x8b"  # RFC 1952, 2.3.1
_OTHER_PACKINGS = {
    b"\x28\xb5\x2f\xfd": "zstd",  # RFC 8878, 3.1.1
    b"\xfd7zXZ\x00": "xz",
    b"BZh": "bzip2",
    b"PK\x03\x04": "zip",
    b"7z\xbc\xaf\x27\x1c": "7-Zip",
}


def text_chunks(segment: Path) -> Generator[bytes, None, None]:
    """Give the text of a segment in pieces: UTF-8, unpacked, with lines that end in a newline only.

    Raises DamagedLog for a packing that is not read here, and after the last piece that could be unpacked where the
    packing is damaged or cut short.
    """
    with closing(_unpacked(segment)) as pieces:
        beginning = next(pieces, b"")
        encoding = encoding_of(beginning)
        decode = codecs.getincrementaldecoder(encoding)(errors="replace").decode if encoding == "utf-16" else None
        if encoding == "utf-8-sig":
            beginning = beginning[len(codecs.BOM_UTF8) :]
        for piece in _with_first(beginning, pieces):
            text = decode(piece).encode() if decode is not None else piece
            yield text.replace(b"\r", b"") if b"\r" in text else text  # in JSON it is never more than white space


def text_lines(segment: Path) -> Generator[tuple[bytes, bool], None, None]:
    """Give the lines of a segment, without their newlines, and of each whether it had one. Raises as `text_chunks`."""
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
    """Read a segment that a sidecar has written, from `start` (bytes, unpacked) to its last newline.

    What follows that one is a record that is being written, or was torn. Of a segment that is gone nothing is left.
    """
    try:
        with segment.open("rb") as file:
            file.seek(0 if segment.suffix == ".gz" else start)
            text = file.read()
    except FileNotFoundError:  # closed and packed between our listing and our reading
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
                str(segment), None, f"it is packed with {packing}, which is not read here: unpack it first"
            )
        whole = _with_first(beginning, pieces)
        yield from _gunzipped(segment, whole) if beginning.startswith(_GZIP_MAGIC) else whole


def _pieces(segment: Path) -> Generator[bytes, None, None]:
    try:
        file = segment.open("rb")
    except FileNotFoundError:  # closed and packed between our listing and our reading
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
                raise DamagedLog(str(segment), None, f"its packing is damaged ({error})") from error
            left = member.unused_data
            if member.eof:
                member = None  # another one may follow
    if member is not None:
        raise DamagedLog(str(segment), None, "its packing was cut short")


def _with_first(first: bytes, others: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from others
