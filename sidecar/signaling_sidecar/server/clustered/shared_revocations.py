"""Shares revoked tokens between the instances of a cluster, so that all instances refuse them.

1. Each instance has a list of all revoked tokens, in its memory and in its state folder. Redis has such a list too, for
   instances that join later.
2. Tokens stay in these lists until they have expired. So they may arrive in any order and more than once, and an
   instance sends Redis all tokens that the list in Redis lacks.
"""

from __future__ import annotations

import asyncio
import logging
import time

import msgspec

from signaling_sidecar.auth import Revocations
from signaling_sidecar.auth.limits import LEEWAY_S, MAX_LIFETIME_S
from signaling_sidecar.cluster import scripts
from signaling_sidecar.cluster.link import Link, RedisAway
from signaling_sidecar.errors import NOT_JSON
from signaling_sidecar.server.authorisation.revoking import NotShared, Revoking

TOLD_WITHIN_S = 3.0  # seconds for Redis to answer before the admin is told that the tokens were not shared yet
RETRY_S = 0.5  # seconds between two attempts to reach Redis
TOKEN, SUBJECT = "token:", "subject:"
SUBJECT_FOR_S = MAX_LIFETIME_S + LEEWAY_S  # seconds for which a revoked subject is remembered

logger = logging.getLogger("signaling_sidecar")


class SharedRevocations:
    """`follow` must run while this instance is in the cluster."""

    def __init__(self, link: Link, revoking: Revoking) -> None:
        self._link = link
        self._revoking = revoking
        self._is_due = asyncio.Event()

    async def tell(self, revoked: Revocations) -> None:
        """Let all instances refuse these tokens. Raises NotShared if Redis does not answer, in which case `follow`
        shares the tokens later."""
        try:
            async with asyncio.timeout(TOLD_WITHIN_S):
                await self._put(_until(revoked))
        except (RedisAway, TimeoutError):
            self.compare()
            raise NotShared from None

    def take(self, text: bytes) -> None:
        """Refuse the tokens that were revoked at another instance."""
        try:
            until = msgspec.json.decode(text, type=dict[str, float])
        except NOT_JSON as error:
            logger.warning("a message in Redis is ignored: %s", error, extra={"code": "unreadable-message"})
            return
        self._revoking.learn(_revocations(until))

    def compare(self) -> None:
        """Let `follow` compare the list of this instance with that in Redis. Must be called when this instance has
        joined the cluster, and when Redis had lost its state."""
        self._is_due.set()

    async def follow(self) -> None:
        while True:
            await self._is_due.wait()
            self._is_due.clear()
            try:
                await self.exchange()
            except RedisAway:
                await asyncio.sleep(RETRY_S)
                self._is_due.set()

    async def exchange(self) -> None:
        """Add the tokens in Redis to the list of this instance, and send Redis the tokens that it lacks. Raises
        RedisAway."""
        own = _until(self._revoking.revoked())
        found = await self._link.run(scripts.REVOKED, "", "", repr(time.time()))
        there = {each.decode(): float(until) for each, until in zip(found[1::2], found[2::2], strict=True)}
        self._revoking.learn(_revocations(there))
        missing = {each: until for each, until in own.items() if until > there.get(each, 0.0)}
        if missing:
            await self._put(missing)

    async def _put(self, until: dict[str, float]) -> None:
        pairs = [text for each, until_s in until.items() for text in (repr(until_s), each)]
        await self._link.run(scripts.REVOKE, "", "", msgspec.json.encode(until), *pairs)


def _until(revoked: Revocations) -> dict[str, float]:
    """The Unix times until which the revoked tokens and subjects must be remembered."""
    subjects = {f"{SUBJECT}{each}": revoked_s + SUBJECT_FOR_S for each, revoked_s in revoked.subjects.items()}
    return {f"{TOKEN}{each}": until_s for each, until_s in revoked.tokens.items()} | subjects


def _revocations(until: dict[str, float]) -> Revocations:
    """Convert a result of `_until` back."""
    revoked, longest_s = Revocations(), time.time() + SUBJECT_FOR_S
    for each, until_s in until.items():
        if each.startswith(TOKEN):
            revoked.tokens[each.removeprefix(TOKEN)] = min(until_s, longest_s)
        elif each.startswith(SUBJECT):
            revoked.subjects[each.removeprefix(SUBJECT)] = min(until_s, longest_s) - SUBJECT_FOR_S
    return revoked
