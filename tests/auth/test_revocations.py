"""Which tokens are revoked, and for how long the sidecar remembers a revocation."""

from __future__ import annotations

import pytest

from signaling_sidecar.auth import Claims, InvalidToken, RevocableTokens, Revocations, verifier
from signaling_sidecar.auth.limits import LEEWAY_S, MAX_LIFETIME_S
from signaling_sidecar.settings import Settings
from tests.kit.tokens import NOW_S, SECRET, claims, hs256


def issued(at_s: float | None, subject: str = "ann", token_id: str | None = None) -> Claims:
    return Claims(subject=subject, issued_at_s=at_s, token_id=token_id)


def test_a_revoked_id_covers_the_tokens_with_this_id_only() -> None:
    revocations = Revocations()
    revocations.revoke_token("t1", None, NOW_S)
    assert revocations.cover(issued(NOW_S, token_id="t1"))
    assert not revocations.cover(issued(NOW_S, token_id="t2"))
    assert not revocations.cover(issued(NOW_S))


def test_a_revoked_subject_covers_what_was_issued_until_then() -> None:
    revocations = Revocations()
    revocations.revoke_subject("ann", NOW_S + 0.5)
    assert revocations.cover(issued(NOW_S - 1000))
    assert revocations.cover(issued(NOW_S))  # `iat` is a whole second, so the token may be from before the revocation
    assert revocations.cover(issued(None))
    assert not revocations.cover(issued(NOW_S + 1))
    assert not revocations.cover(issued(NOW_S - 1000, "ben"))
    assert not revocations.cover(Claims())


def test_what_is_revoked_is_forgotten_when_the_tokens_would_have_expired() -> None:
    revocations = Revocations()
    revocations.revoke_token("short", NOW_S + 60, NOW_S)
    revocations.revoke_token("unknown", None, NOW_S)
    revocations.revoke_token("too long", 1e300, NOW_S)
    revocations.revoke_subject("ann", NOW_S)
    revocations.forget_old(NOW_S + 60 + LEEWAY_S - 1)
    assert set(revocations.tokens) == {"short", "unknown", "too long"}
    revocations.forget_old(NOW_S + 60 + LEEWAY_S)
    assert set(revocations.tokens) == {"unknown", "too long"}
    revocations.forget_old(NOW_S + MAX_LIFETIME_S + LEEWAY_S - 1)
    assert set(revocations.tokens) == {"unknown", "too long"}
    assert set(revocations.subjects) == {"ann"}
    revocations.forget_old(NOW_S + MAX_LIFETIME_S + LEEWAY_S)
    assert revocations == Revocations()


def test_a_revoked_token_is_refused_with_a_reason_that_its_owner_may_know() -> None:
    by = verifier(Settings(auth="jwt", jwt_algorithm="HS256", jwt_secret=SECRET, jwt_audience="signaling"))
    assert by is not None
    tokens = RevocableTokens(by, Revocations())
    assert tokens.verify(hs256(claims(jti="t1")), NOW_S).token_id == "t1"
    tokens.revocations.revoke_token("t1", None, NOW_S)
    with pytest.raises(InvalidToken) as caught:
        tokens.verify(hs256(claims(jti="t1")), NOW_S)
    assert (caught.value.why, str(caught.value)) == ("revoked", "the token has been revoked")
