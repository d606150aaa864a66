"""The command `sidecar serve`."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import Field, dataclass
from pathlib import Path
from typing import Any

import signaling_sidecar
from signaling_sidecar.cli.certificates import no_certificates
from signaling_sidecar.dialects import DIALECTS
from signaling_sidecar.errors import SettingsError
from signaling_sidecar.json_log import json_lines_on
from signaling_sidecar.listening import listen
from signaling_sidecar.paused_collector import paused_collector
from signaling_sidecar.reload.reload_extra import has_reload_extra, require_reload_extra
from signaling_sidecar.settings import FILE_NAME, Kind, Settings, Sources, all_settings
from signaling_sidecar.stop_signals import stop_signals

CHECKOUT = Path(signaling_sidecar.__file__).parents[2]
RELOAD_VARIABLE = "SIDECAR_RELOAD"
CAN_HAND_ON_SOCKETS = os.name != "nt"
_EPILOG = f"""\
Every setting can also be given by an environment variable (SIDECAR_MAX_ROOMS=100) or in {FILE_NAME} in the folder of
the project (max_rooms = 100). A flag takes precedence over the environment, and the environment over the file.
Secrets are read from the environment only, because other users can see the flags of a process:
{", ".join(f"SIDECAR_{each.name.upper()}" for each, kind in all_settings() if kind.is_secret)}.

When the sidecar accepts connections, it prints one line of JSON with its name, version, url and port. SIGINT,
SIGTERM and the end of its terminal (SIGHUP) stop it cleanly.
"""


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "serve",
        help="run the signaling server until Ctrl-C",
        description="Run the signaling server for the pages of a Vite dev server.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for each, kind in _flagged():
        default = "" if each.default in (None, (), Path()) else f" (default: {_shown(each.default)})"
        flag, help_ = "--" + each.name.replace("_", "-"), each.metadata["help"] + default
        if kind.is_switch:
            parser.add_argument(flag, nargs="?", const=True, metavar="true|false", help=help_)
        elif kind.is_list:
            parser.add_argument(
                flag, metavar=kind.metavar, action="append", help=f"{help_}; separate several with commas"
            )
        else:
            parser.add_argument(flag, metavar=kind.metavar, help=help_)
    parser.add_argument(
        "--settings",
        type=Path,
        metavar="FILE",
        help=f"the settings file (default: {FILE_NAME} in the folder of the project)",
    )
    parser.add_argument(
        "--reload",
        nargs="?",
        const="on",
        default="off",
        choices=("on", "off", "auto"),
        help="for developers of the sidecar itself: load its code again whenever a file of it is saved; auto does so in"
        f" a checkout of its repository, unless {RELOAD_VARIABLE}=off",
    )
    parser.add_argument("--exit-on-stdin-eof", action="store_true", help=argparse.SUPPRESS)
    parser.set_defaults(run=run, messages=lambda arguments: _messages(_sources_of(arguments)))


def _flagged() -> list[tuple[Field[Any], Kind]]:
    return [(each, kind) for each, kind in all_settings() if not kind.is_secret]


def _shown(default: Any) -> str:
    return f"{default:g}" if isinstance(default, float) else str(default).lower()


def _sources_of(arguments: argparse.Namespace) -> Sources:
    flags = {each.name: getattr(arguments, each.name) for each, _ in _flagged()}
    return Sources(flags, os.environ, arguments.settings, tuple(DIALECTS))


def _messages(sources: Sources, otherwise: str = "text") -> AbstractContextManager[None]:
    """Configure the format of log messages on stderr. `otherwise` is the format if neither a flag nor a variable names
    it and the settings file cannot be read. (That error is reported when all settings are loaded.)"""
    logging.getLogger("watchfiles").setLevel(logging.WARNING)  # otherwise watchfiles logs each save of a file
    # The file is read last, so that an error in it is reported in the format that a flag or a variable names.
    asked = sources.flags.get("log_format") or sources.environment.get("SIDECAR_LOG_FORMAT")
    if not asked:
        with suppress(SettingsError):
            found = sources.configured("log_format")
            otherwise = found.value if found is not None else "text"
    if (asked or otherwise) == "json":
        return json_lines_on(sys.stderr)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
    return nullcontext()


def run(arguments: argparse.Namespace) -> int:
    sources = _sources_of(arguments)
    settings = sources.load()
    if arguments.reload == "on" or (arguments.reload == "auto" and _can_reload_own_code()):
        takeover = Takeover(dict(sources.flags), str(arguments.settings or ""), settings.log_format)
        return _supervise(settings, takeover, arguments.exit_on_stdin_eof)
    # Imported here because aiohttp takes 200 ms to import, and `--help` does not need it. Only hooks can
    # send https requests for which aiohttp needs certificates.
    with paused_collector(), no_certificates() if settings.hooks is None else nullcontext():
        from signaling_sidecar.server import run as serve

    serve(sources, exit_on_stdin_eof=arguments.exit_on_stdin_eof)
    return 0


def _can_reload_own_code() -> bool:
    """Whether `--reload auto` reloads the code, which it does in a checkout of the repository.

    Vite's plugin always passes `--reload auto`. So there is an environment variable that switches reloading off.
    """
    is_checkout = (CHECKOUT / "pyproject.toml").exists()
    return is_checkout and os.environ.get(RELOAD_VARIABLE) != "off" and CAN_HAND_ON_SOCKETS and has_reload_extra()


def _supervise(settings: Settings, takeover: Takeover, exit_on_stdin_eof: bool) -> int:
    if not CAN_HAND_ON_SOCKETS:
        raise SettingsError("reload", True, "off on Windows, where a process cannot inherit the socket", "--reload")
    require_reload_extra("--reload")
    from signaling_sidecar.reload.supervisor import Supervisor

    with listen(settings) as listening:
        supervisor = Supervisor(listening, takeover)
        for number in stop_signals():
            signal.signal(number, lambda *_: supervisor.stop())
        if exit_on_stdin_eof:
            threading.Thread(target=_stop_at_eof, args=(supervisor.stop,), name="stdin-eof", daemon=True).start()
        code = supervisor.run()
    if code < 0:  # a signal ended the worker; this process ends by the same signal, so that its parent sees the cause
        for number in stop_signals():
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


def _stop_at_eof(stop: Callable[[], None]) -> None:
    sys.stdin.read()
    stop()


@dataclass(frozen=True)
class Takeover:
    """What a new worker process needs to replace the previous one: the flags, and the path of the settings file.

    A worker creates a `Takeover` when it loads the code of the sidecar, and calls `serve` when it should begin to
    serve.
    """

    flags: dict[str, Any]
    settings_file: str
    log_format: str = "text"
    """The format of log messages, for the case that only the settings file names it and the file cannot be read."""

    def __post_init__(self) -> None:
        sources = self._sources()
        with _messages(sources, self.log_format):
            import signaling_sidecar.server  # noqa: F401 - a worker must not take over if its code cannot be imported

            sources.load()  # raises SettingsError, because a worker must not take over with invalid settings

    def serve(self, descriptor: int, *, reloaded: bool, serving: Callable[[], None]) -> None:
        """Serve on the listening socket with this descriptor until stdin ends.

        `reloaded` says that this worker replaces another one. `serving` is called as soon as this worker serves.
        """
        sources = self._sources()
        with _messages(sources, self.log_format):
            from signaling_sidecar.server import run as serve

            listening = socket.socket(fileno=descriptor)
            serve(sources, listening=listening, reloaded=reloaded, serving=serving, exit_on_stdin_eof=True)

    def _sources(self) -> Sources:
        settings_file = Path(self.settings_file) if self.settings_file else None
        return Sources(self.flags, os.environ, settings_file, tuple(DIALECTS))
