"""The command line: its subcommands, and how each error ends it."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from signaling_sidecar import __version__
from signaling_sidecar.cli import dialects, discover, doctor, ladder, log, notebook, rooms, serve, tail, why
from signaling_sidecar.errors import FileTrouble, NoCurrentFolder, SidecarError

_DESCRIPTION = """\
A signaling server that runs beside your Vite dev server: rooms, peer lists, and offers, answers and candidates relayed
to the right peer, with an event log of all of it.
"""
_EPILOG = """\
examples:
  sidecar serve                 serve on 127.0.0.1:8765
  sidecar serve --port 0        serve on a free port
  sidecar rooms                 who is where, now
  sidecar discover              whose pages are on this network
  sidecar tail                  what happens, as it happens
  sidecar why                   who is connected, who is not, and why
  sidecar ladder bar            who sent what to whom in the room "bar", as a diagram
  sidecar doctor                what stands between a phone and a room
  sidecar log                   where the event log is, and how large
  sidecar log export --redact shared.jsonl.gz
                                a copy of it without names and addresses
  sidecar notebook              the same in tables and drawings
  sidecar dialects              the wire protocols, and where each is served
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 2 for what the operator can mend."""
    parser = argparse.ArgumentParser(
        prog="sidecar",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"signaling-sidecar {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (serve, rooms, discover, tail, why, ladder, doctor, log, dialects, notebook):
        command.add_to(commands)
    arguments = parser.parse_args(argv)
    _show_any_text()
    try:
        with _files():
            code: int = arguments.run(arguments)
    except SidecarError as error:
        print(f"sidecar: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130  # what a shell reports of a command that SIGINT ended
    except BrokenPipeError:
        # `sidecar tail | head` has seen enough; what Python would still flush at exit has nowhere to go
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


def _show_any_text() -> None:
    """A terminal that cannot show a character, or a path that is no text, gets an escape for it and no traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def _files() -> Iterator[None]:
    """Say in one sentence what the file system refuses. Raises NoCurrentFolder and FileTrouble."""
    try:
        os.getcwd()
    except OSError:
        raise NoCurrentFolder from None
    try:
        yield
    except OSError as error:
        if error.filename is None:  # a socket's, or a bug of ours
            raise
        raise FileTrouble(os.fsdecode(error.filename), error.strerror or str(error)) from error
