"""`sidecar serve`"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import Field, dataclass
from pathlib import Path
from typing import Any

import signaling_sidecar
from signaling_sidecar.dialects import DIALECTS
from signaling_sidecar.errors import SettingsError
from signaling_sidecar.listening import listen
from signaling_sidecar.reload.reload_extra import has_reload_extra, require_reload_extra
from signaling_sidecar.settings import FILE_NAME, Kind, Settings, Sources, all_settings

CHECKOUT = Path(signaling_sidecar.__file__).parents[2]
CAN_HAND_ON_SOCKETS = os.name != "nt"
_EPILOG = f"""\
Every setting can also be said in the environment (SIDECAR_MAX_ROOMS=100) or in {FILE_NAME} in the project's folder
(max_rooms = 100); a flag wins over the environment, and that over the file.

When it listens, it prints one line of JSON with its name, version, url and port. SIGINT and SIGTERM end it cleanly.
"""


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "serve",
        help="serve until Ctrl-C",
        description="Serve signaling to the pages of a Vite dev server.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for each, kind in _flagged():
        default = "" if each.default in (None, (), False, Path()) else f" ({_shown(each.default)})"
        flag, help_ = "--" + each.name.replace("_", "-"), each.metadata["help"] + default
        if kind.switch:
            parser.add_argument(flag, nargs="?", const=True, metavar="true|false", help=help_)
        elif kind.many:
            parser.add_argument(flag, metavar=kind.metavar, action="append", help=f"{help_}; several by commas")
        else:
            parser.add_argument(flag, metavar=kind.metavar, help=help_)
    parser.add_argument("--settings", type=Path, metavar="FILE", help=f"the settings file (PROJECT/{FILE_NAME})")
    parser.add_argument(
        "--reload",
        nargs="?",
        const="on",
        default="off",
        choices=("on", "off", "auto"),
        help="let new code of the sidecar itself take over whenever it is saved; auto: in a checkout of it",
    )
    parser.add_argument("--exit-on-stdin-eof", action="store_true", help=argparse.SUPPRESS)
    parser.set_defaults(run=run)


def _flagged() -> list[tuple[Field[Any], Kind]]:
    return [(each, kind) for each, kind in all_settings() if not kind.secret]


def _shown(default: Any) -> str:
    return ",".join(default) if isinstance(default, tuple) else str(default)


def run(arguments: argparse.Namespace) -> int:
    flags = {each.name: getattr(arguments, each.name) for each, _ in _flagged()}
    sources = Sources(flags, os.environ, arguments.settings, tuple(DIALECTS))
    settings = sources.load()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
    if arguments.reload == "on" or (arguments.reload == "auto" and _can_reload_own_code()):
        return _supervise(settings, Takeover(flags, str(arguments.settings or "")), arguments.exit_on_stdin_eof)
    from signaling_sidecar.server import run as serve  # aiohttp takes 300 ms to import: `--help` does without

    serve(sources, exit_on_stdin_eof=arguments.exit_on_stdin_eof)
    return 0


def _can_reload_own_code() -> bool:
    """Whether it is a checkout's, which somebody may be working on, and not an installed package's."""
    return (CHECKOUT / "pyproject.toml").exists() and CAN_HAND_ON_SOCKETS and has_reload_extra()


def _supervise(settings: Settings, takeover: Takeover, exit_on_stdin_eof: bool) -> int:
    if not CAN_HAND_ON_SOCKETS:
        raise SettingsError("reload", True, "left out on Windows, where a socket cannot be handed on", "--reload")
    require_reload_extra("--reload")
    from signaling_sidecar.reload.supervisor import Supervisor

    with listen(settings) as listening:
        supervisor = Supervisor(listening, takeover)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: supervisor.stop())
        if exit_on_stdin_eof:
            threading.Thread(target=_stop_at_eof, args=(supervisor.stop,), name="stdin-eof", daemon=True).start()
        code = supervisor.run()
    if code < 0:  # the worker was ended by a signal: whoever asks after us should hear the same
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


def _stop_at_eof(stop: Callable[[], None]) -> None:
    sys.stdin.read()
    stop()


@dataclass(frozen=True)
class Takeover:
    """What the supervisor's workers serve with: the flags as they were given, and the path of the settings file.

    A worker makes one of it when it loads our code, and calls `serve` when it is to serve.
    """

    flags: dict[str, Any]
    settings_file: str

    def __post_init__(self) -> None:
        import signaling_sidecar.server  # noqa: F401 - a worker whose code does not load must not take over

        self._sources().load()  # nor one that would refuse to serve with them

    def serve(self, descriptor: int, *, reloaded: bool, serving: Callable[[], None]) -> None:
        """Serve on the listening socket with this descriptor until stdin ends.

        `reloaded` says that another worker has served before. `serving` is called as soon as this one serves.
        """
        logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
        from signaling_sidecar.server import run as serve

        listening = socket.socket(fileno=descriptor)
        serve(self._sources(), listening=listening, reloaded=reloaded, serving=serving, exit_on_stdin_eof=True)

    def _sources(self) -> Sources:
        settings_file = Path(self.settings_file) if self.settings_file else None
        return Sources(self.flags, os.environ, settings_file, tuple(DIALECTS))
