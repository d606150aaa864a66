"""`sidecar log export`"""

from __future__ import annotations

import argparse
import io
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from signaling_sidecar.cli import state
from signaling_sidecar.cli.new_file import write_new
from signaling_sidecar.dialects import DIALECTS
from signaling_sidecar.errors import MissingExtra, NotWritten
from signaling_sidecar.eventlog.export import export
from signaling_sidecar.eventlog.records import LeftOut
from signaling_sidecar.eventlog.redact import Redactor
from signaling_sidecar.eventlog.segments import find_segments
from signaling_sidecar.eventlog.shareable import DialectWords
from signaling_sidecar.eventlog.state_dir import is_running
from signaling_sidecar.settings import Settings

STDOUT = "-"


def add_to(verbs: Any) -> None:
    parser = verbs.add_parser("export", help="copy it into one file", description=run.__doc__)
    parser.add_argument("file", metavar="FILE", help="a new file, packed if its name ends in .gz; - for stdout")
    # Without a default of their own: they would undo a --state-dir that stands before the verb.
    state.add_options(parser, default=argparse.SUPPRESS)
    parser.add_argument(
        "--redact",
        action="store_true",
        help="replace names, ids, addresses and all other text by pseudonyms, so that it can be shared",
    )
    parser.add_argument("--room", metavar="ROOM", help="only this room; a pairing code by its hash, as `tail` shows it")
    parser.add_argument("--parquet", action="store_true", help="write the table of records as Parquet")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Copy the event log into one file that only you may read: not into a folder that Vite serves."""
    folder = state.chosen(arguments)
    left_out = LeftOut(is_live=is_running(folder))
    redactor = Redactor(dialect_words()) if arguments.redact else None
    chunks: Iterable[bytes] = export(find_segments(folder).segments, left_out, room=arguments.room, redactor=redactor)
    if arguments.parquet:
        chunks = _as_parquet(chunks)
    if arguments.file == STDOUT:
        for chunk in chunks:
            sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
        state.say_what_is_left_out(left_out)
        return 0
    path = Path(arguments.file)
    write_new(path, chunks, is_packed=path.suffix == ".gz")
    print(f"{path}: {path.stat().st_size:,} bytes", file=sys.stderr)
    state.say_what_is_left_out(left_out)
    return 0


def dialect_words() -> DialectWords:
    """Return the words of all dialects that a shared copy keeps."""
    dialects = DIALECTS.values()
    return DialectWords(
        names=frozenset(DIALECTS),
        kinds=frozenset(kind for dialect in dialects for kind in dialect.kinds),
        modes=frozenset(mode for dialect in dialects for mode in dialect.rules(Settings()).host.modes),
    )


def _as_parquet(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The copy as the table `events` of the inspection. Raises MissingExtra."""
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
