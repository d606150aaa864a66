"""Queues the messages of an instance to the owner, while another instance is the owner."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from signaling_sidecar.cluster import wire
from signaling_sidecar.cluster.messages import ToOwner


class Post(NamedTuple):
    """Several messages in one entry of the inbox. Redis recognises a repeated post by its number."""

    number: int
    batch: bytes


class Posts:
    """A queue of messages to the owner. A post is sent only when Redis has stored the previous one."""

    def __init__(self) -> None:
        self._number = 0
        self.posted = 0
        """The number of the last post that Redis has stored."""
        self._waiting: list[ToOwner] = []
        self._pending: Post | None = None

    def add(self, messages: Sequence[ToOwner]) -> None:
        self._waiting += messages

    def pending(self) -> Post | None:
        """Return the post to send to Redis next, or None if there are no messages."""
        if self._pending is None and self._waiting:
            self._number += 1
            self._pending = Post(self._number, wire.encode_to_owner(self.take_waiting()))
        return self._pending

    def done(self) -> None:
        """Must be called when Redis has stored the post that `pending` has returned."""
        self._pending, self.posted = None, self._number

    def take_waiting(self) -> list[ToOwner]:
        """Remove the messages that are in no post yet, and return them."""
        waiting, self._waiting = self._waiting, []
        return waiting
