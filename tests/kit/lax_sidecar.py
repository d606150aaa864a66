"""The command `sidecar` with Redis scripts from which some checks are removed, to show what these checks prevent.

    python -m tests.kit.lax_sidecar buried,fenced serve …

The first argument names the removed checks by the results that the scripts return if such a check fails.
"""

from __future__ import annotations

import re
import sys

from signaling_sidecar.cluster import scripts


def leave_out(result: str) -> None:
    """Remove the lines that return this result from all scripts."""
    line = re.compile(rf"^if .*return {{'{result}'}} end\n", re.MULTILINE)
    found = {name: text for name, text in vars(scripts).items() if isinstance(text, str) and line.search(text)}
    assert found, f"no script has the result {result!r}"
    for name, script in found.items():
        setattr(scripts, name, line.sub("", script))


if __name__ == "__main__":
    for each in sys.argv.pop(1).split(","):
        leave_out(each)
    from signaling_sidecar.cli import main  # it reads the scripts

    sys.exit(main(sys.argv[1:]))
