"""Runs a program in a terminal with a certain width."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from collections.abc import Mapping, Sequence

import pytest

needs_terminal = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals of this kind")


def shown_in_a_terminal(columns: int, words: Sequence[str], environment: Mapping[str, str]) -> str:
    """Return what a program prints in a terminal of this width. The program must end without an error."""
    import fcntl
    import pty
    import termios

    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    with subprocess.Popen(words, stdout=terminal, env=environment) as process:
        os.close(terminal)
        shown = b""
        while True:
            try:
                shown += (read := os.read(controller, 65536))
            except OSError:  # EIO: on Linux, the program has closed its terminal
                break
            if not read:  # on macOS, this is the end of the output
                break
    os.close(controller)
    assert process.returncode == 0
    return shown.decode().replace("\r\n", "\n")
