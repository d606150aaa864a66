"""Errors by whose fault they are.

The operator's are exceptions that end a command with one sentence and exit code 2. A peer's are values: a `Refusal`
becomes one answer on the wire and one record in the log. Ours are ordinary exceptions and are not in this file.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

NOT_JSON = (msgspec.DecodeError, UnicodeError, RecursionError)
"""What msgspec raises for a text that is not JSON of the type asked for, or is nested too deeply to be read."""


class SidecarError(Exception):
    """The operator can mend it: `str()` is one sentence for the terminal, and the command exits with 2."""


class SettingsError(SidecarError):
    """A setting has a value it cannot have, wherever it was said."""

    def __init__(self, setting: str, value: object, expected: str, source: str) -> None:
        super().__init__(setting, value, expected, source)
        self.setting, self.value, self.expected, self.source = setting, value, expected, source

    def __str__(self) -> str:
        return f"{self.setting} must be {self.expected}, not {self.value!r} (from {self.source})"


class PortTaken(SidecarError):
    """Something else listens where the sidecar was told to."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(host, port)
        self.host, self.port = host, port

    def __str__(self) -> str:
        return f"port {self.port} on {self.host} is taken: stop what listens there, or choose another with --port"


class StateDirTaken(SidecarError):
    """One state folder belongs to one running sidecar: two would write over each other's runtime file."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"another sidecar is running with the state folder {self.path!r}: stop it, or use another --state-dir"


class StateDirUnusable(SidecarError):
    """Nothing can be kept in the state folder: it cannot be made or written, or the disk is full."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        return f"the state folder {self.path!r} cannot be used ({self.reason}): {_NAME_A_FOLDER}"


class NoHome(SidecarError):
    """This user has no home folder, so there is no place for the state of a project that names none."""

    def __str__(self) -> str:
        return f"there is no home folder to keep the state in: {_NAME_A_FOLDER}"


_NAME_A_FOLDER = "name one that can be written, with --state-dir, SIDECAR_STATE_DIR or the Vite plugin's stateDir"


class NoCurrentFolder(SidecarError):
    """The folder in which the command was started has been deleted or moved."""

    def __str__(self) -> str:
        return "the current folder is not there any more: change to one that is, and start the command again"


class FileTrouble(SidecarError):
    """The file system refuses what a command needs of a file."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        return f"{self.path!r} cannot be used: {self.reason}"


class NoStateDir(SidecarError):
    """No sidecar has run where one was looked for."""

    def __init__(self, start: str) -> None:
        super().__init__(start)
        self.start = start

    def __str__(self) -> str:
        return (
            f"no sidecar has run for {self.start!r} yet: start one with `sidecar serve`, or name the project or the "
            "state folder that you mean (--project, --state-dir)"
        )


class StateDirGone(NoStateDir):
    """The state folder that was named is not there. `how` says who named it; empty: the caller."""

    def __init__(self, path: str, how: str) -> None:
        SidecarError.__init__(self, path, how)
        self.path, self.how = path, how

    def __str__(self) -> str:
        by = f" ({self.how})" if self.how else ""
        return f"there is no state folder {self.path!r}{by}: no sidecar has run with it, or it was moved or deleted"


class StateDirOfAnother(NoStateDir):
    """The folder where a project's state was kept now has the state of another project."""

    def __init__(self, path: str, how: str, project: str) -> None:
        SidecarError.__init__(self, path, how, project)
        self.path, self.how, self.project = path, how, project

    def __str__(self) -> str:
        return (
            f"the state folder {self.path!r} ({self.how}) now belongs to another project, {self.project!r}: "
            "if you mean that one, name it (--project, --state-dir)"
        )


class NoLog(SidecarError):
    """There is nothing to read at a path."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"no event log at {self.path!r}: looked for *.jsonl and *.jsonl.gz"


class DamagedLog(SidecarError):
    """A line is not a record; without a line: a file cannot be read, or not to its end."""

    def __init__(self, path: str, line: int | None, reason: str) -> None:
        super().__init__(path, line, reason)
        self.path, self.line, self.reason = path, line, reason

    def __str__(self) -> str:
        if self.line is None:
            return f"{self.path} is no event log, or not a whole one: {self.reason}"
        return f"{self.path}, line {self.line} is not a record of an event log: {self.reason}"


class UnknownSchema(SidecarError):
    """A record says that it is of a schema version that this release does not read."""

    def __init__(self, path: str, line: int, version: object, known: int) -> None:
        super().__init__(path, line, version, known)
        self.path, self.line, self.version, self.known = path, line, version, known

    def __str__(self) -> str:
        return (
            f"{self.path}, line {self.line} has schema version {self.version!r}, this release reads {self.known}: "
            "use the release that wrote it"
        )


class NoSuchRoomInLog(SidecarError):
    """A copy was asked for of a room that no record is about."""

    def __init__(self, room: str) -> None:
        super().__init__(room)
        self.room = room

    def __str__(self) -> str:
        return f"no record of the event log is about a room {self.room!r}"


class NotWritten(SidecarError):
    """A file was asked for that cannot be made; nothing of it is left."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        return f"{self.path!r} cannot be written: {self.reason}"


class MissingExtra(SidecarError):
    """An optional part was asked for, and what it needs is not installed."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(feature, extra)
        self.feature, self.extra = feature, extra

    def __str__(self) -> str:
        return f"{self.feature} needs more than is installed: pip install 'signaling-sidecar[{self.extra}]'"


def _words_of(error: BaseException) -> str:
    """What an exception of somebody else's says; its `__str__` is theirs too, and may itself raise anything."""
    try:
        return str(error)
    except BaseException:
        return "without words"


class HooksUnreadable(SidecarError):
    """The hooks file cannot be imported; its own exception is the cause."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        reason = "" if self.__cause__ is None else f" ({type(self.__cause__).__name__}: {_words_of(self.__cause__)})"
        return f"the hooks file {self.path!r} cannot be used{reason}"


class WrongHookAnswer(SidecarError):
    """A hook has returned what no hook may."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what

    def __str__(self) -> str:
        return f"returned {self.what}"


class NotRunning(SidecarError):
    """The state folder is there, its sidecar is not."""

    def __init__(self, state_dir: str) -> None:
        super().__init__(state_dir)
        self.state_dir = state_dir

    def __str__(self) -> str:
        return f"no sidecar is running with the state folder {self.state_dir!r}: start it with `sidecar serve`"


class NoMulticast(SidecarError):
    """The network cannot be asked who is on it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"no multicast DNS here ({self.reason}): is this machine on a network, and is UDP port 5353 shared?"


class NoSuchNeighbour(SidecarError):
    """One was asked for by its number, and there are not so many."""

    def __init__(self, number: int, count: int) -> None:
        super().__init__(number, count)
        self.number, self.count = number, count

    def __str__(self) -> str:
        return f"there is no number {self.number}: {self.count} are announced on this network"


MAX_QUOTED_CHARS = 64  # characters of foreign text in a message for people; enough to recognise it by


class Code(StrEnum):
    """What went wrong, for programs. Part of the protocol: a code is never renamed, a message may be."""

    BAD_JSON = "bad-json"
    BAD_FIELD = "bad-field"
    UNKNOWN_TYPE = "unknown-type"
    NOT_JOINED = "not-joined"
    FORGED_FROM = "forged-from"
    NO_SUCH_PEER = "no-such-peer"
    PEER_AWAY = "peer-away"
    NO_SUCH_ROOM = "no-such-room"
    ROOM_FULL = "room-full"
    ID_TAKEN = "id-taken"
    TOO_FAST = "too-fast"
    OUT_OF_ORDER = "out-of-order"
    TOO_LARGE = "too-large"
    BARRED = "barred"
    TOO_MANY_ROOMS = "too-many-rooms"
    REFUSED_BY_HOOK = "refused-by-hook"
    UNAUTHORISED = "unauthorised"
    INTERNAL = "internal"


class Refusal(msgspec.Struct, frozen=True):
    """Why a frame of a peer was not carried out. `message` is for people and never holds another peer's data."""

    code: Code
    message: str
    field: str | None = None
    """The field of the frame that is at fault, when it is one."""


def _quote(text: str) -> str:
    """Foreign text for a message: an answer never grows with what was sent."""
    return repr(text if len(text) <= MAX_QUOTED_CHARS else text[:MAX_QUOTED_CHARS] + "…")


def bad_json(why: str, shape: str = "object") -> Refusal:
    return Refusal(Code.BAD_JSON, f"a frame must be one JSON {shape} in a text frame: {why}")


def bad_field(field: str, expected: str) -> Refusal:
    return Refusal(Code.BAD_FIELD, f"{field!r} must be {expected}", field)


def bad_shape(why: str) -> Refusal:
    return Refusal(Code.BAD_FIELD, f"a field is missing or of the wrong type: {why}")


def unknown_type(kind: str) -> Refusal:
    return Refusal(Code.UNKNOWN_TYPE, f"unknown type {_quote(kind)}")


def unknown_beginning() -> Refusal:
    return Refusal(Code.UNKNOWN_TYPE, "no dialect that is served here begins with this frame")


def not_joined(kind: str) -> Refusal:
    return Refusal(Code.NOT_JOINED, f"{kind!r} needs a room: join one first")


def forged_from(claimed: str, own: str) -> Refusal:
    return Refusal(Code.FORGED_FROM, f"this connection is {own!r}, it cannot speak for {_quote(claimed)}")


def no_such_peer(peer: str) -> Refusal:
    return Refusal(Code.NO_SUCH_PEER, f"no other peer {_quote(peer)} in this room")


def peer_away(peer: str) -> Refusal:
    return Refusal(Code.PEER_AWAY, f"peer {peer!r} has lost its connection and may come back")


def nobody_else() -> Refusal:
    return Refusal(Code.NO_SUCH_PEER, "nobody else is in this room")


def no_notices(dialect: str) -> Refusal:
    return Refusal(Code.BAD_FIELD, f"the clients of {dialect!r} know no notices")


def barred(room: str) -> Refusal:
    return Refusal(Code.BARRED, f"removed from room {_quote(room)} a moment ago")


def no_such_room(room: str) -> Refusal:
    return Refusal(Code.NO_SUCH_ROOM, f"there is no room {_quote(room)}")


def other_room(room: str) -> Refusal:
    return Refusal(Code.NO_SUCH_ROOM, f"this connection is not in a room {_quote(room)}")


def which_room(kind: str) -> Refusal:
    return Refusal(Code.BAD_FIELD, f"{kind!r} must name one of the rooms that this connection is in", "room")


def room_idle() -> Refusal:
    return Refusal(Code.NO_SUCH_ROOM, "the room was ended because nobody said anything for long")


def room_taken(room: str) -> Refusal:
    return Refusal(Code.ID_TAKEN, f"there is a room {room!r} already", "room")


def room_full(room: str, limit: int) -> Refusal:
    return Refusal(Code.ROOM_FULL, f"room {room!r} is full: limit is {limit} peers")


def connected(peer: str) -> Refusal:
    return Refusal(Code.ID_TAKEN, f"peer {peer!r} is connected", "peer")


def taken(peer: str) -> Refusal:
    return Refusal(Code.ID_TAKEN, f"peer id {peer!r} belongs to a session that can be resumed with its token", "peer")


def replaced_too_often(peer: str, replacements: int, window_s: float) -> Refusal:
    return Refusal(
        Code.ID_TAKEN,
        f"peer id {peer!r} was taken over {replacements} times within {window_s:g} s: do two pages use the same id?",
        "peer",
    )


def unauthorised(kind: str) -> Refusal:
    return Refusal(Code.UNAUTHORISED, f"{_quote(kind)} is the host's to say")


def refused_by_hook(hook: str, sentence: str | None = None) -> Refusal:
    return Refusal(Code.REFUSED_BY_HOOK, sentence or f"refused by {hook}")


def hook_failed(hook: str) -> Refusal:
    return Refusal(Code.REFUSED_BY_HOOK, f"{hook} failed: the sidecar's terminal says why")


def too_many_tries() -> Refusal:
    return Refusal(Code.TOO_FAST, "too many rooms were tried within a minute")


def waits_too_long(limit: int) -> Refusal:
    return Refusal(Code.TOO_FAST, f"too many frames before the join is answered: limit is {limit} frames")


def too_fast(frames_per_s: float) -> Refusal:
    return Refusal(Code.TOO_FAST, f"too many frames: limit is {frames_per_s:g} frames/s on one connection")


def out_of_order(c: int, handled: int) -> Refusal:
    return Refusal(Code.OUT_OF_ORDER, f"frame {c} came before frame {handled + 1}: go on from there")


def too_large(field: str, size: int, limit: int) -> Refusal:
    return Refusal(Code.TOO_LARGE, f"{field!r} has {size} bytes: limit is {limit} bytes", field)


def too_many_rooms(limit: int) -> Refusal:
    return Refusal(Code.TOO_MANY_ROOMS, f"no room can be made: limit is {limit} rooms")


def too_many_joined(limit: int) -> Refusal:
    rooms = "1 room" if limit == 1 else f"{limit} rooms"
    return Refusal(Code.TOO_MANY_ROOMS, f"this connection can be in no other room: limit is {rooms}")


def internal() -> Refusal:
    return Refusal(Code.INTERNAL, "the sidecar failed to handle this frame: its terminal says why")
