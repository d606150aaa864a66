"""Handles the messages that the owner of the cluster has written into the outbox of this instance in Redis."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import assert_never

from signaling_sidecar.cluster import wire
from signaling_sidecar.cluster.instance import BEGINNING
from signaling_sidecar.cluster.link import Entry, place_of
from signaling_sidecar.cluster.messages import Reply, ToFront
from signaling_sidecar.hub.effects import Challenge, Close, Send
from signaling_sidecar.server.clustered.batches import batch_in
from signaling_sidecar.server.clustered.step import LocalFront

logger = logging.getLogger("signaling_sidecar")


class Outbox:
    """`named` adds the name of a secret room to a message, if the owner does not know the name. `replied` is called
    with replies to calls, and `revoked` with the tokens that were revoked at any instance. `owner_changed` is called
    with the number of the new owner (empty if there is none), and `end_tick` is called after each batch.
    """

    def __init__(
        self,
        front: LocalFront,
        *,
        named: Callable[[Send], Send],
        replied: Callable[[Reply], None],
        revoked: Callable[[bytes], None],
        owner_changed: Callable[[bytes], None],
        end_tick: Callable[[], None],
    ) -> None:
        self.place = BEGINNING
        """The id of the last entry that was read."""
        self._front = front
        self._named = named
        self._replied = replied
        self._revoked = revoked
        self._owner_changed = owner_changed
        self._end_tick = end_tick

    def take(self, entry: Entry) -> None:
        """Handle the messages in an entry of the outbox, unless the entry was handled before."""
        if place_of(entry.id) <= place_of(self.place):
            return
        self.place = entry.id
        if b"owner" in entry.fields:
            self._owner_changed(entry.fields[b"owner"])
            return
        if b"revoked" in entry.fields:
            self._revoked(entry.fields[b"revoked"])
            return
        try:
            self.deliver(batch_in(entry, wire.decode_to_front))
        except Exception:
            logger.exception("a message of the owner of the cluster could not be handled")

    def deliver(self, messages: Sequence[ToFront]) -> None:
        """Handle messages from the owner, which may be this instance."""
        for message in messages:
            match message:
                case Send():
                    self._front.send(self._named(message))
                case Close():
                    self._front.close(message)
                case Challenge():
                    self._front.challenge(message)
                case Reply():
                    self._replied(message)
                case _:
                    assert_never(message)
        if messages:
            self._end_tick()
