"""The command line: the list of subcommands, and how each kind of error ends a command."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from importlib import import_module
from types import ModuleType

from signaling_sidecar import __version__
from signaling_sidecar.errors import FileTrouble, NoCurrentFolder, SidecarError
from signaling_sidecar.paused_collector import paused_collector

COMMANDS = ("serve", "rooms", "discover", "tail", "why", "ladder", "inspect", "doctor", "log", "dialects", "notebook")
"""The subcommands. Each subcommand is defined in the module of the same name in this package."""
_DESCRIPTION = """\
A WebRTC signaling server that runs beside your Vite dev server. It manages rooms, tells pages which peers are in them,
relays offers, answers and ICE candidates between peers, and writes an event log of everything that happens.
"""
_EPILOG = """\
examples:
  sidecar serve                 run the server on 127.0.0.1:8765
  sidecar serve --port 0        run the server on a free port
  sidecar rooms                 list the rooms of the running server
  sidecar discover              list the pages that others announce on this network
  sidecar tail                  print events while they happen
  sidecar why                   explain which peers are connected, which are not, and why
  sidecar ladder bar            draw a diagram of all signals in the room "bar"
  sidecar inspect               show the rooms and their messages live in a browser
  sidecar doctor                check whether other devices can reach a room
  sidecar log                   show where the event log is, and how large it is
  sidecar log export --redact shared.jsonl.gz
                                copy the event log without names and addresses
  sidecar notebook              inspect the event log with tables and drawings in JupyterLab
  sidecar dialects              list the wire protocols and their URL paths
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: for an error that the operator can correct, that of the error."""
    _open_closed_streams()
    parser = argparse.ArgumentParser(
        prog="sidecar",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"signaling-sidecar {__version__}")
    parser.set_defaults(needs_folder=True, messages=lambda _: nullcontext())
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    with paused_collector():
        for module in _modules(sys.argv[1:] if argv is None else argv):
            module.add_to(commands)
    arguments = parser.parse_args(argv)
    _show_any_text()
    try:
        with arguments.messages(arguments), _files(needs_folder=arguments.needs_folder):
            code: int = arguments.run(arguments)
    except SidecarError as error:
        print(f"sidecar: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        # The program that reads the output has closed the pipe, as in `sidecar tail | head`. Python flushes stdout at
        # exit, which would fail if stdout were still the pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    return code


def _modules(argv: Sequence[str]) -> list[ModuleType]:
    """Import only the module of the called command, because importing all modules takes longer than most commands.

    If no known command is called, all modules are imported, for the list of commands in `sidecar --help` and in errors.
    `sidecar --version` needs none.
    """
    if argv and argv[0] == "--version":
        return []
    called = argv[0] if argv and argv[0] in COMMANDS else None
    return [import_module(f"signaling_sidecar.cli.{name}") for name in COMMANDS if called in (name, None)]


def _open_closed_streams() -> None:
    """Replace each standard stream with which this process was started closed, as by `>&-` in a shell.

    A file takes the lowest free descriptor. Without this function, the log or the socket could get that of stderr.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            stream = open(os.devnull, mode, encoding="utf-8")  # noqa: SIM115 - it stays open until the process ends
            os.set_inheritable(stream.fileno(), True)
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)  # keeps the stream open when another object replaces `sys.stdout`


def _show_any_text() -> None:
    """Let `print` write an escape sequence for a character that the terminal cannot show, instead of raising an
    error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def _files(*, needs_folder: bool) -> Iterator[None]:
    """In the `with` block, replace an OSError about a file by NoCurrentFolder or FileTrouble, whose text is a
    sentence."""
    if needs_folder:
        try:
            os.getcwd()
        except OSError:
            raise NoCurrentFolder from None
    try:
        yield
    except OSError as error:
        if error.filename is None:  # the error is not about a file
            raise
        raise FileTrouble(os.fsdecode(error.filename), error.strerror or str(error)) from error
