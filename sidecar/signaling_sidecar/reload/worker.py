"""A worker of the supervisor, run as a script: it imports what is not ours and waits; then our code as it is by then.

Its stdin says `load`, and `serve` or `reload`, a line each, and ends when it is to end. In a pipe of its own it answers
`loaded` and `serving`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from functools import partial


def _told(error: Exception) -> int:
    """Say what the operator can mend, as the command itself does."""
    print(f"sidecar: {error}", file=sys.stderr)
    return 2


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the supervisor, which ends this by its stdin
    import aiohttp.web  # noqa: F401 - most of the time of a start
    import msgspec  # noqa: F401
    import platformdirs  # noqa: F401

    listening, answers, said = int(sys.argv[1]), os.fdopen(int(sys.argv[2]), "w"), json.loads(sys.argv[3])
    if sys.stdin.readline() != "load\n":
        return
    from signaling_sidecar.cli.serve import Takeover
    from signaling_sidecar.errors import SidecarError

    takeover = Takeover(**said)
    print("loaded", file=answers, flush=True)
    how = sys.stdin.readline()
    if how in ("serve\n", "reload\n"):
        serving = partial(print, "serving", file=answers, flush=True)
        try:
            takeover.serve(listening, reloaded=how == "reload\n", serving=serving)
        except SidecarError as error:
            sys.exit(_told(error))


main()
