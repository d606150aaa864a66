"""Errors that the operator can correct. The operator is the person who starts the sidecar and runs its commands."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar


class SidecarError(Exception):
    """Ends a command with `exit_code`. `str()` returns one sentence for the terminal that says what to correct."""

    code: str
    """An error code for programs that read the sidecar's messages, such as `port-taken`."""
    exit_code: ClassVar[int] = 2

    def __init_subclass__(cls) -> None:
        cls.code = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", cls.__name__).lower()


class SettingsError(SidecarError):
    """A setting has an invalid value. `source` is where the value came from: a flag, a variable or a file."""

    def __init__(self, setting: str, value: object, expected: str, source: str) -> None:
        super().__init__(setting, value, expected, source)
        self.setting, self.value, self.expected, self.source = setting, value, expected, source

    def __str__(self) -> str:
        if self.value is None:
            return f"{self.setting} must be {self.expected}, but it is not set"
        return f"{self.setting} must be {self.expected}, not {self.value!r} (from {self.source})"


class UnprotectedHost(SettingsError):
    """Other machines can reach the address to listen on, but the settings in `missing`, which limit who may connect,
    are not set."""

    _MEANINGS: ClassVar = {
        "auth": "auth (`token` or `jwt`)",
        "allow_host": "allow_host (the name in the URL by which browsers reach it)",
        "allow_origin": "allow_origin (the origin of the app's pages)",
    }

    def __init__(self, host: str, missing: Sequence[str]) -> None:
        expected = "a loopback address such as 127.0.0.1"
        super().__init__("host", host, expected, "settings")
        self.missing = tuple(missing)

    def __str__(self) -> str:
        *others, last = (self._MEANINGS[name] for name in self.missing)
        needed = f"{', '.join(others)} and {last}" if others else last
        return (
            f"other machines can reach the host {self.value!r}, so {needed} must be set too; --insecure starts the "
            "sidecar anyway, and then strangers can read and send in every room"
        )


class PortTaken(SidecarError):
    """Another program listens on the port that the sidecar was configured to use."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(host, port)
        self.host, self.port = host, port

    def __str__(self) -> str:
        return (
            f"port {self.port} on {self.host} is already in use: stop the program that listens there, or choose "
            "another port with --port"
        )


class StateDirTaken(SidecarError):
    """Another sidecar uses the state folder. Two sidecars in one folder would overwrite each other's `runtime.json`.

    The Vite plugin recognises the exit code: another Vite of the project has started a sidecar at the same time.
    """

    exit_code = 3

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"another sidecar is running with the state folder {self.path!r}: stop it, or use another --state-dir"


class StateDirUnusable(SidecarError):
    """The state folder cannot be created, read or written, for example because the disk is full."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        return f"the state folder {self.path!r} cannot be used ({self.reason}): {_CHOOSE_A_FOLDER}"


class NoHome(SidecarError):
    """The user has no home folder, which is where the state of a project is stored by default."""

    def __str__(self) -> str:
        return f"there is no home folder to store the state in: {_CHOOSE_A_FOLDER}"


_CHOOSE_A_FOLDER = "choose a writable folder with --state-dir, SIDECAR_STATE_DIR or the Vite plugin's stateDir"


class NoCurrentFolder(SidecarError):
    """The folder in which the command was started has been deleted or moved."""

    def __str__(self) -> str:
        return "the current folder no longer exists: change to an existing folder and run the command again"


class FileTrouble(SidecarError):
    """The operating system refuses access to a file that a command needs."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        return f"{self.path!r} cannot be used: {self.reason}"


_PASSED_HOW = "with --project or --state-dir (in Python: give its state folder to `open_log` or `connect`)"


class NoStateDir(SidecarError):
    """No sidecar was ever started for a folder. `below` is a clause that names the projects in its subfolders for which
    sidecars were started, or is empty."""

    def __init__(self, start: str, below: str = "") -> None:
        super().__init__(start, below)
        self.start, self.below = start, below

    def __str__(self) -> str:
        yet = f"yet, but {self.below}" if self.below else "yet"
        return (
            f"no sidecar has run for {self.start!r} {yet}: start one with `sidecar serve`, or pass another project "
            f"{_PASSED_HOW}"
        )


class StateDirGone(NoStateDir):
    """The configured state folder does not exist. `how` says where its path is configured, and is empty if the path
    was passed as an argument."""

    def __init__(self, path: str, how: str) -> None:
        SidecarError.__init__(self, path, how)
        self.path, self.how = path, how

    def __str__(self) -> str:
        by = f" ({self.how})" if self.how else ""
        return f"there is no state folder {self.path!r}{by}: no sidecar has used it, or it was moved or deleted"


class StateDirOfAnother(NoStateDir):
    """The folder in which a project's state was stored now contains the state of another project."""

    def __init__(self, path: str, how: str, project: str) -> None:
        SidecarError.__init__(self, path, how, project)
        self.path, self.how, self.project = path, how, project

    def __str__(self) -> str:
        return (
            f"the state folder {self.path!r} ({self.how}) now belongs to another project, {self.project!r}: "
            f"to use that project, pass it {_PASSED_HOW}"
        )


class MissingExtra(SidecarError):
    """A feature needs an optional dependency (an "extra" of the Python package) that is not installed."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(feature, extra)
        self.feature, self.extra = feature, extra

    def __str__(self) -> str:
        return f"{self.feature} needs packages that are not installed: pip install 'signaling-sidecar[{self.extra}]'"


def _message_of(error: BaseException) -> str:
    """Return the message of an exception from the hooks file. The `__str__` of that exception may itself raise one."""
    try:
        return str(error)
    except BaseException:
        return "it has no readable message"


class HooksUnreadable(SidecarError):
    """The hooks file cannot be used. `fault` is a clause that says why. If `fault` is None, the import of the file
    raised the exception `__cause__`."""

    def __init__(self, path: str, fault: str | None = None) -> None:
        super().__init__(path, fault)
        self.path, self.fault = path, fault

    def __str__(self) -> str:
        raised = None if self.__cause__ is None else f"{type(self.__cause__).__name__}: {_message_of(self.__cause__)}"
        reason = self.fault or raised
        return f"the hooks file {self.path!r} cannot be used{'' if reason is None else f' ({reason})'}"


class WrongHookAnswer(SidecarError):
    """A hook has returned a value of a type that hooks must not return."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what

    def __str__(self) -> str:
        return f"returned {self.what}"


class NotRunning(SidecarError):
    """The state folder exists, but no sidecar is running with it."""

    def __init__(self, state_dir: str) -> None:
        super().__init__(state_dir)
        self.state_dir = state_dir

    def __str__(self) -> str:
        return f"no sidecar is running with the state folder {self.state_dir!r}: start it with `sidecar serve`"


class AdminRefused(SidecarError):
    """The running sidecar has refused a request. `code` is an error code of the protocol, or an HTTP status."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code, self.message = code, message

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class NotAnswered(NotRunning):
    """A request to a sidecar cannot be sent, was not answered, or was refused. This is a subclass
    of NotRunning, because a command cannot check whether the process of a sidecar on another machine runs."""

    def __init__(self, url: str, reason: str) -> None:
        SidecarError.__init__(self, url, reason)
        self.url = url
        self.reason = reason

    def __str__(self) -> str:
        return f"the sidecar at {self.url!r} has not answered: {self.reason}"


class NoMulticast(SidecarError):
    """Multicast DNS cannot be used on this machine, so no page can be announced or found."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return (
            f"multicast DNS does not work here ({self.reason}): check that this machine is on a network, and that "
            "no other program uses UDP port 5353 exclusively"
        )


class NoSuchNeighbour(SidecarError):
    """`--qr N` was given a number that is not in the printed list."""

    def __init__(self, number: int, count: int) -> None:
        super().__init__(number, count)
        self.number, self.count = number, count

    def __str__(self) -> str:
        announced = "1 page is" if self.count == 1 else f"{self.count} pages are"
        return f"there is no page with the number {self.number}: {announced} announced on this network"
