"""Hides from a process those parts of Python that do not exist on Windows.

`hide_posix` must be called before the first module of our package is imported.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.abc
import os
import shutil
import signal
import socket
import sys
import types
from collections.abc import Sequence
from contextlib import suppress

MODULES = ("fcntl", "pwd", "grp", "resource", "termios", "uvloop")
IN_OS = (
    *("fork", "forkpty", "geteuid", "getgid", "getegid", "fchmod", "fchown", "chown", "mkfifo", "setsid"),
    *("getpgid", "killpg", "openpty", "O_NOFOLLOW", "O_CLOEXEC", "O_DIRECTORY", "O_NONBLOCK", "writev", "pidfd_open"),
)
IN_SOCKET = ("send_fds", "recv_fds", "SCM_RIGHTS")  # AF_UNIX is not hidden, because the event loop of Linux needs it
IN_SIGNAL = ("SIGHUP", "SIGKILL", "SIGUSR1", "SIGUSR2", "SIGPIPE", "SIGALRM")
LIBRARIES = ("subprocess", "tempfile", "platformdirs", "aiohttp.web")
"""Libraries that are imported before anything is hidden, because their versions for Linux need the hidden parts."""
NOTEBOOK_LIBRARIES = ("watchfiles", "zeroconf", "pandas", "pyarrow", "IPython", "ipywidgets", "anywidget")
TEST_LIBRARIES = ("pytest", "pytest_aiohttp", "hypothesis", "_hypothesis_pytestplugin", "aiohttp.pytest_plugin")


class _Hidden(importlib.abc.MetaPathFinder):
    def find_spec(self, name: str, path: Sequence[str] | None, target: types.ModuleType | None = None) -> None:
        if name.partition(".")[0] in MODULES:
            raise ImportError(f"no module named {name!r} on Windows", name=name)


def hide_posix(*libraries: str) -> None:
    """From now on, imports and attributes that Windows lacks fail, except in `LIBRARIES` and `libraries`."""
    import fcntl

    def locking(descriptor: int, mode: int, size: int) -> None:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, size)

    for name in (*LIBRARIES, *libraries):
        with suppress(ImportError):
            importlib.import_module(name)
    sys.modules["msvcrt"] = types.ModuleType("msvcrt")
    vars(sys.modules["msvcrt"]).update(locking=locking, LK_NBLCK=2)
    sys.meta_path.insert(0, _Hidden())
    for name in MODULES:
        sys.modules.pop(name, None)
    for module, names in ((os, IN_OS), (socket, IN_SOCKET), (signal, IN_SIGNAL)):
        for name in names:
            vars(module).pop(name, None)
    # The functions that shutil uses otherwise are hidden. Since Python 3.14 it looks only at the second of these names.
    shutil._use_fd_functions = False  # type: ignore[attr-defined]
    shutil._rmtree_impl = shutil._rmtree_unsafe  # type: ignore[attr-defined]
    asyncio.SelectorEventLoop.add_signal_handler = _no_signals  # type: ignore[assignment,method-assign]


def _no_signals(*_: object) -> None:
    raise NotImplementedError
