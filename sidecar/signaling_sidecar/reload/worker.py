"""A worker of the supervisor, run as a script: it imports what is not ours and waits; then our code as it is by then.

Its stdin says `load`, and `serve` or `reload`, a line each, and ends when it is to end.
"""

from __future__ import annotations

import json
import signal
import sys


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the supervisor, which ends this by its stdin
    import aiohttp.web  # noqa: F401 - most of the time of a start
    import msgspec  # noqa: F401
    import platformdirs  # noqa: F401

    descriptor, said = int(sys.argv[1]), json.loads(sys.argv[2])
    if sys.stdin.readline() != "load\n":
        return
    from signaling_sidecar.cli.serve import Takeover

    takeover = Takeover(**said)
    print("loaded", flush=True)
    how = sys.stdin.readline()
    if how in ("serve\n", "reload\n"):
        takeover.serve(descriptor, reloaded=how == "reload\n")


main()
