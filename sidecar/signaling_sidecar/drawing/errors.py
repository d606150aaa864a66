"""Errors about the room that a drawing was requested for."""

from __future__ import annotations

from collections.abc import Sequence

from signaling_sidecar.errors import SidecarError

MAX_CHOICES_NAMED = 20  # the most choices in one message, because a log may have thousands of rooms


class UnknownRoom(SidecarError):
    """The log, or the sidecar, has no room with the requested id. The message lists the rooms that exist there, unless
    `known` is None."""

    def __init__(self, requested: str, known: Sequence[str] | None, place: str = "this log") -> None:
        super().__init__(requested, known, place)
        self.requested, self.known, self.place = requested, known, place

    def __str__(self) -> str:
        sentence = f"{self.place} has no room {self.requested}"
        return sentence if self.known is None else f"{sentence}; its rooms are: {first_of(self.known) or 'none'}"


class AmbiguousRoom(SidecarError):
    """Several rooms match the requested id. The message lists what to write to choose each of them."""

    def __init__(self, requested: str, choices: Sequence[str], place: str = "this log") -> None:
        super().__init__(requested, choices, place)
        self.requested, self.choices, self.place = requested, choices, place

    def __str__(self) -> str:
        return f"{self.place} has {len(self.choices)} rooms {self.requested}, choose one: {first_of(self.choices)}"


class NeverMet(SidecarError):
    """Two peers were requested that were never in the room at the same time."""

    def __init__(self, one: str, other: str, known: Sequence[str]) -> None:
        super().__init__(one, other, known)
        self.one, self.other, self.known = one, other, known

    def __str__(self) -> str:
        met = first_of([repr(each) for each in self.known]) or "none"
        return f"{self.one!r} and {self.other!r} were never in this room together; peers that met others are: {met}"


def first_of(choices: Sequence[str]) -> str:
    """List the choices for a message, and only count those after the first `MAX_CHOICES_NAMED`."""
    more = len(choices) - MAX_CHOICES_NAMED
    return ", ".join(choices[:MAX_CHOICES_NAMED]) + (f" and {more} more" if more > 0 else "")
