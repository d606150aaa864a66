"""A worker process of the supervisor, run as a script: `worker.py LISTENING ANSWERS TARGET ARGUMENTS`.

The worker imports all dependencies, but not the sidecar's own code, and waits. The supervisor writes commands to its
stdin, one on each line, and the worker writes its answers to the pipe with the file descriptor ANSWERS:

- `load`: import the current code of the sidecar, and call the class TARGET (`module:name`) with the keyword arguments
  ARGUMENTS (a JSON object). The worker answers `loaded`.
- `serve`, or `reload` when another worker has served before: call the method `serve` of the instance of TARGET, with
  the file descriptor LISTENING of the listening socket. The worker answers `serving` when it serves.

The worker must end when its stdin ends.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from functools import partial
from pkgutil import resolve_name


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # on Ctrl-C, the supervisor closes the stdin of its workers
    import aiohttp.web  # noqa: F401 - this import takes most of the time of a start
    import msgspec  # noqa: F401
    import platformdirs  # noqa: F401

    listening, answers, target, arguments = sys.argv[1:]
    # The pipe is open until this process ends: the supervisor kills a worker that closes it, and the traceback that
    # Python is about to print would be lost.
    answer = partial(print, file=os.fdopen(int(answers), "w"), flush=True)
    if sys.stdin.readline() != "load\n":
        return
    from signaling_sidecar.errors import SidecarError

    try:
        takeover = resolve_name(target)(**json.loads(arguments))
        answer("loaded")
        how = sys.stdin.readline()
        if how in ("serve\n", "reload\n"):
            takeover.serve(int(listening), reloaded=how == "reload\n", serving=partial(answer, "serving"))
    except SidecarError as error:
        print(f"sidecar: {error}", file=sys.stderr)  # as the command `sidecar` does
        sys.exit(error.exit_code)


main()
