"""Tokens that are not valid any more although they have not expired, for example after a logout.

1. A revoked token id is remembered until its token would have expired, or for as long as a token can be valid.
2. A revoked subject is remembered for as long as a token can be valid that was issued before. Tokens that are issued
   later are valid. A token that does not say when it was issued counts as an earlier one.
3. The times in tokens are whole seconds, so a token of the same second counts as an earlier one, too.
"""

from __future__ import annotations

import msgspec

from signaling_sidecar.auth.claims import Claims
from signaling_sidecar.auth.invalid_token import InvalidToken, Why
from signaling_sidecar.auth.limits import LEEWAY_S, MAX_LIFETIME_S
from signaling_sidecar.auth.verifier import Verifier

MAX_REVOKED = 100_000  # token ids and subjects; they take some 10 MB


class Revocations(msgspec.Struct):
    """All times are Unix seconds. It can be represented in JSON."""

    tokens: dict[str, float] = {}
    """By token id, the time at which the token has expired."""
    subjects: dict[str, float] = {}
    """By subject, the time at which all its tokens were revoked."""

    @property
    def is_full(self) -> bool:
        """Whether nothing more can be revoked."""
        return len(self.tokens) + len(self.subjects) >= MAX_REVOKED

    def revoke_token(self, token_id: str, expires_at_s: float | None, now_s: float) -> None:
        longest_s = now_s + MAX_LIFETIME_S + LEEWAY_S
        self.tokens[token_id] = longest_s if expires_at_s is None else min(expires_at_s + LEEWAY_S, longest_s)

    def revoke_subject(self, subject: str, now_s: float) -> None:
        self.subjects[subject] = now_s

    def add(self, others: Revocations) -> bool:
        """Add the revocations of another sidecar. Returns whether any of them is new here."""
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
        """Forget what was revoked so long ago that no token can be valid any more."""
        self.tokens = {each: until_s for each, until_s in self.tokens.items() if until_s > now_s}
        oldest_s = now_s - MAX_LIFETIME_S - LEEWAY_S
        self.subjects = {each: revoked_s for each, revoked_s in self.subjects.items() if revoked_s > oldest_s}


class RevocableTokens:
    """A verifier that refuses revoked tokens, too."""

    def __init__(self, verifier: Verifier, revocations: Revocations) -> None:
        self._verifier = verifier
        self.revocations = revocations

    def verify(self, token: str, now_s: float) -> Claims:
        claims = self._verifier.verify(token, now_s)
        if self.revocations.cover(claims):
            raise InvalidToken(Why.REVOKED)
        return claims
