"""Decodes the batch of messages in an entry of a Redis stream."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from signaling_sidecar.cluster.link import Entry
from signaling_sidecar.errors import UnreadableMessage

Message = TypeVar("Message")
logger = logging.getLogger("signaling_sidecar")


def batch_in(entry: Entry, decode: Callable[[bytes], list[Message]]) -> list[Message]:
    """Return the messages in an entry. If they cannot be decoded, log a warning and return an empty list."""
    try:
        return decode(entry.fields.get(b"batch", b""))
    except UnreadableMessage as error:
        logger.warning("a message in Redis is ignored: %s", error, extra={"code": error.code})
        return []
