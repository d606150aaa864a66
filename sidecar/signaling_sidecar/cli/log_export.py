"""The command `sidecar log export`."""

from __future__ import annotations

import argparse
import io
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from signaling_sidecar.cli import state_options
from signaling_sidecar.cli.new_file import write_new
from signaling_sidecar.errors import MissingExtra, NotWritten
from signaling_sidecar.eventlog.export import export
from signaling_sidecar.eventlog.records import LeftOut
from signaling_sidecar.eventlog.redact import Redactor
from signaling_sidecar.eventlog.segments import find_segments
from signaling_sidecar.eventlog.state_dir import is_running

STDOUT = "-"


def add_to(verbs: Any) -> None:
    parser = verbs.add_parser("export", help="copy the event log into one file", description=run.__doc__)
    parser.add_argument(
        "file", metavar="FILE", help="the file to create, compressed if its name ends in .gz; - writes to stdout"
    )
    # No default here, because a default would overwrite a --state-dir that is given before the word `export`.
    state_options.add_options(parser, default=argparse.SUPPRESS)
    parser.add_argument(
        "--redact",
        action="store_true",
        help="replace names, ids, addresses and all other text by pseudonyms, so that the copy can be shared",
    )
    parser.add_argument(
        "--room", metavar="ROOM", help="copy only this room; for a pairing code, its hash as `sidecar tail` prints it"
    )
    parser.add_argument("--parquet", action="store_true", help="write a table of the records in the Parquet format")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Copy the event log into one new file, which only you can read. Do not write it to a folder that Vite serves."""
    folder = state_options.state_dir_of(arguments)
    left_out = LeftOut(is_live=is_running(folder))
    redactor = _redactor() if arguments.redact else None
    chunks: Iterable[bytes] = export(find_segments(folder).segments, left_out, room=arguments.room, redactor=redactor)
    if arguments.parquet:
        chunks = _as_parquet(chunks)
    if arguments.file == STDOUT:
        for chunk in chunks:
            sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
        state_options.report_what_was_left_out(left_out)
        return 0
    path = Path(arguments.file)
    write_new(path, chunks, is_packed=path.suffix == ".gz")
    print(f"{path}: {path.stat().st_size:,} bytes", file=sys.stderr)
    state_options.report_what_was_left_out(left_out)
    return 0


def _redactor() -> Redactor:
    # Imported here, because importing all dialects takes longer than `sidecar log` does.
    from signaling_sidecar.dialects.words import dialect_words

    return Redactor(dialect_words())


def _as_parquet(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Convert the copy to the table `events` of `signaling_sidecar.inspection`. Raises MissingExtra."""
    try:
        from signaling_sidecar.inspection import open_log
    except ImportError as error:
        raise MissingExtra("--parquet", "notebook") from error
    try:
        temporary = tempfile.TemporaryDirectory(prefix="sidecar-log-")
    except OSError as error:
        raise NotWritten(os.environ.get("TMPDIR", "the folder for temporary files"), str(error)) from error
    with temporary as folder:
        copy = Path(folder) / "events.jsonl"
        write_new(copy, lines)
        table = io.BytesIO()
        open_log(copy).events.to_parquet(table, index=False)
    yield table.getvalue()
