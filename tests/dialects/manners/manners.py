"""Describes what the clients of one dialect send and receive, for the tests that run with every dialect."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from signaling_sidecar.hub import Ending
from tests.kit.text_frames import Text

Frame = Any
"""A JSON value for a text frame, a `Text` for a text frame that is not JSON, or bytes for a binary frame."""


def _nothing(*_: Any) -> None:
    return None


def _has_an_error_type(frame: Frame) -> bool:
    return isinstance(frame, dict) and "error" in str(frame.get("type")).lower()


@dataclass(frozen=True, kw_only=True)
class Manners:
    """How the clients of one dialect behave. The functions receive names of rooms and peers that the tests choose."""

    path: Callable[[str, str], str]
    """The path of the WebSocket of (room, peer), below `/ws/signaling`."""
    other_paths: Callable[[str, str], tuple[str, ...]] = lambda room, peer: ()
    """The other paths that serve (room, peer) on the sidecar's own port."""
    greets: Callable[[str, str], Frame | None] = _nothing
    """The first frame from the server after (room, peer) has connected. None if the server waits for the client's first
    frame."""
    turned_away: Callable[[str], Frame | None] = _nothing
    """The frame that a client receives if the server closes the connection right after the handshake. The argument is a
    text for people, which a dialect with a fixed sentence ignores. None if the dialect sends no such frame."""
    enter: Callable[[str, str, int, int], Frame | None]
    """The frame with which (room, peer) joins, as the n-th (from 0) of a group with the given size. None if the
    handshake joins."""
    gives_ids: bool = False
    """Whether the server chooses the peer ids, so that clients cannot. The tests make the server choose the names that
    they use."""
    id_of: Callable[[str], str] = lambda peer: peer
    """The peer id into which the server converts this name, if the ids of the dialect have another format, such as
    numbers. A name that already has this format stays the same."""
    entered: Callable[[str, str, list[str]], Frame | None]
    """The frame that (room, peer) receives after it has joined, if the given peers joined before it. None: nothing.

    Only the given fields of an object are compared, here and in the other expected frames.
    """
    waits_for_all: bool = False
    """Whether a client receives no answer until its whole group has sent its requests, because a matchmaker creates the
    rooms."""
    joined: Callable[[str, str], Frame | None] = _nothing
    """The frame that the other peers in the room receive when (room, peer) joins, or None."""
    left: Callable[[str, str], Frame | None] = _nothing
    """The frame that the other peers in the room receive when (room, peer) leaves, or None."""
    offer: Callable[[str, str, str, Any], Frame]
    """The frame with an offer, made from (room, sender, receiver, body)."""
    arrives: Callable[[str, str, str, Any], Frame]
    """The frame that the receiver of that offer gets. All fields are compared."""
    candidate: Callable[[str, str, str, Any], Frame]
    """The frame with a candidate, made from (room, sender, receiver, RTCIceCandidateInit)."""
    also: Callable[[str, str, str], tuple[Frame, ...]] = lambda room, sender, to: ()
    """Frames of further kinds, made from (room, sender, receiver): of the kinds whose frames in the vectors are binary
    or not JSON, because names in such frames cannot be replaced."""
    forged: Callable[[str, str, str, str], Frame] | None = None
    """The frame with an offer, made from (room, sender, receiver, name), that has this other name as its sender.

    None if frames do not name their sender.
    """
    names_receivers: bool = True
    """Whether an offer names the peer that it is for."""
    leave: Callable[[str, str], Frame | None] = _nothing
    """The frame with which (room, peer) leaves. None if the dialect has no such frame, so that clients close the
    connection."""
    is_error: Callable[[Frame], bool] | None = _has_an_error_type
    """Whether a frame reports an error. By default, it does if its `type` contains "error". None if the dialect
    has no such frame."""
    errors_need_ids: bool = False
    """Whether an error is only sent in answer to a frame with a request id. The tests then expect that a frame that
    cannot be read, or that exceeds the frame budget, is dropped without an error."""
    relays_any_kind: bool = False
    """Whether frames of kinds that the dialect does not declare are relayed too."""
    is_confirmation: Callable[[str, Frame], bool] = lambda peer, frame: False
    """Whether a frame that (peer) receives only confirms that its own frame was accepted, or repeats that frame. The
    tests for all dialects skip it."""
    sends_to_other_rooms: bool = False
    """Whether a client may send to a room that it is not in."""
    replaces: bool = True
    """Whether a newer connection with the same peer id takes over the session without asking the older one."""
    announces_newer: bool = False
    """Whether the others are told of such a newer connection as of a newcomer."""
    grace_s: Mapping[Ending, float] = field(default_factory=dict)
    """PROTOCOLS.md, "Rule 8": how long a session waits for its peer after each ending. 0: the peer leaves at once."""

    @property
    def is_welcome_unasked(self) -> bool:
        """Whether a client may stay without sending anything, because the handshake has greeted it or let it join."""
        return self.greets("", "") is not None or self.enter("", "", 0, 1) is None

    def answer(self, room: str, sender: str, to: str, body: Any) -> Frame:
        """Return an answer: the frame of `offer` with "answer" instead of "offer"."""
        frame = self.offer(room, sender, to, body)
        if isinstance(frame, bytes):
            return frame
        if isinstance(frame, Text):
            return Text(frame.replace("offer", "answer").replace("OFFER", "ANSWER"))
        return json.loads(json.dumps(frame).replace("offer", "answer").replace("OFFER", "ANSWER"))


def has(whole: object, part: object) -> bool:
    """Whether `whole` contains all fields of `part`, at every depth. Values that are not objects must be equal."""
    if isinstance(whole, dict) and isinstance(part, dict):
        return all(name in whole and has(whole[name], value) for name, value in part.items())
    if isinstance(whole, list) and isinstance(part, list):
        return len(whole) == len(part) and all(map(has, whole, part))
    return whole == part
