"""The command `sidecar inspect`."""

from __future__ import annotations

import argparse
import asyncio
import webbrowser
from typing import Any, NoReturn

from signaling_sidecar.admin_request import ask_admin
from signaling_sidecar.cli import remote_sidecar, state_options
from signaling_sidecar.eventlog.state_dir import running


def add_to(commands: Any) -> None:
    parser = commands.add_parser("inspect", help="open the inspector in a browser", description=run.__doc__)
    state_options.add_options(parser)
    remote_sidecar.add_option(parser)
    parser.add_argument("--no-open", action="store_true", help="only print the link")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Show the rooms of the running sidecar live in a browser: who is connected to whom, and what they send.

    The command prints a link to this page, which works once, within a minute, and only on this machine. With --url, the
    command serves the page itself until Ctrl-C is pressed.
    """
    if arguments.url is not None:
        _show_remote(arguments)
    folder = state_options.state_dir_of(arguments)
    runtime = running(folder)
    code = ask_admin(runtime.url, runtime.admin_token, "POST", "inspector-link", {}, folder)["code"]
    _show(f"{runtime.url}/inspector/#code={code}", arguments)
    return 0


def _show_remote(arguments: argparse.Namespace) -> NoReturn:
    # Imported here, because this command runs a server only with --url.
    from signaling_sidecar.server.admin.remote_inspector import show_remote_inspector

    with remote_sidecar.answer_of(arguments.url, "rooms"):
        pass  # raises an error unless the sidecar answers and accepts the token as an admin's
    token = remote_sidecar.token_for(arguments.url)
    asyncio.run(show_remote_inspector(arguments.url, token, lambda link: _show(link, arguments)))
    raise AssertionError("unreachable")


def _show(link: str, arguments: argparse.Namespace) -> None:
    print(link, flush=True)
    if not arguments.no_open:
        webbrowser.open(link)
