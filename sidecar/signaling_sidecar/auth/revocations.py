"""Revoked tokens, which are not valid any more although they have not expired, for example after a logout.

1. A revoked token id is remembered until the token expires. If that time is unknown, it is remembered for the longest
   time that a token can be valid.
2. Revoking a subject revokes all tokens that were issued to it before. The revocation is remembered for the longest
   time that such a token can be valid. Tokens that are issued later are valid. A token without the time of its issue
   (`iat`) counts as issued before the revocation.
3. The times in tokens are usually whole seconds, so a token that was issued in the second of the revocation counts as
   issued before it, too.
"""

from __future__ import annotations

import msgspec

from signaling_sidecar.auth.claims import Claims
from signaling_sidecar.auth.invalid_token import InvalidToken, Why
from signaling_sidecar.auth.limits import LEEWAY_S, MAX_LIFETIME_S
from signaling_sidecar.auth.verifier import Verifier

MAX_REVOKED = 100_000  # the most token ids and subjects that can be revoked; they take some 10 MB of memory


class Revocations(msgspec.Struct):
    """The revoked tokens and subjects. All times are Unix seconds. The struct can be encoded as JSON."""

    tokens: dict[str, float] = {}
    """By token id: the time until which the revocation must be remembered."""
    subjects: dict[str, float] = {}
    """By subject: the time at which all its tokens were revoked."""

    @property
    def is_full(self) -> bool:
        """Whether the maximum number of token ids and subjects is revoked already."""
        return len(self.tokens) + len(self.subjects) >= MAX_REVOKED

    def revoke_token(self, token_id: str, expires_at_s: float | None, now_s: float) -> None:
        longest_s = now_s + MAX_LIFETIME_S + LEEWAY_S
        self.tokens[token_id] = longest_s if expires_at_s is None else min(expires_at_s + LEEWAY_S, longest_s)

    def revoke_subject(self, subject: str, now_s: float) -> None:
        self.subjects[subject] = now_s

    def add(self, others: Revocations) -> bool:
        """Add the revocations of another sidecar. Returns whether at least one of them is new to this sidecar."""
        is_news = False
        for mine, theirs in ((self.tokens, others.tokens), (self.subjects, others.subjects)):
            for each, time_s in theirs.items():
                if time_s > mine.get(each, 0.0):
                    mine[each], is_news = time_s, True
        return is_news

    def cover(self, claims: Claims) -> bool:
        """Whether a token with these claims is revoked."""
        if claims.token_id is not None and claims.token_id in self.tokens:
            return True
        revoked_s = self.subjects.get(claims.subject) if claims.subject is not None else None
        return revoked_s is not None and (claims.issued_at_s is None or claims.issued_at_s <= revoked_s)

    def forget_old(self, now_s: float) -> None:
        """Forget the revocations of tokens that have expired by now."""
        self.tokens = {each: until_s for each, until_s in self.tokens.items() if until_s > now_s}
        oldest_s = now_s - MAX_LIFETIME_S - LEEWAY_S
        self.subjects = {each: revoked_s for each, revoked_s in self.subjects.items() if revoked_s > oldest_s}


class RevocableTokens:
    """A verifier that also refuses revoked tokens."""

    def __init__(self, verifier: Verifier, revocations: Revocations) -> None:
        self._verifier = verifier
        self.revocations = revocations

    def verify(self, token: str, now_s: float) -> Claims:
        claims = self._verifier.verify(token, now_s)
        if self.revocations.cover(claims):
            raise InvalidToken(Why.REVOKED)
        return claims
