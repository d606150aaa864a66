"""Computes when an instance renews its lease in Redis, and when it claims the hub."""

from __future__ import annotations

RENEWALS = 3  # renewals in the time of one lease, so that two of them may fail
AFTER_LEASE_S = 0.002  # seconds to wait after the end of a lease, because Redis counts whole milliseconds
ASK_AGAIN_S = 0.02  # seconds until an instance repeats a claim that Redis has refused


class Lease:
    """The times are those of the event loop, in seconds. They are only compared with each other."""

    def __init__(self, lasts_s: float) -> None:
        self.renew_at_s = 0.0
        self.claim_at_s = 0.0
        """When to claim the hub, which means to ask Redis whether this instance can be the owner."""
        self.last_renewed_s = 0.0
        self._lasts_s = lasts_s
        self._steady_since_s: float | None = None
        """Since this time, Redis has answered every renewal quickly, and this lease has not ended. None in an
        outage."""

    def begin(self, now_s: float) -> None:
        """Must be called when the instance has become a member of the cluster."""
        self._steady_since_s = self.last_renewed_s = now_s
        self.renew_at_s = 0.0

    def renewed(self, asked_s: float, answered_s: float, *, had_lease: bool) -> None:
        """Must be called when Redis has renewed the lease. With `had_lease`, the lease had not ended before."""
        self.last_renewed_s = asked_s
        if not had_lease or self._steady_since_s is None or answered_s - asked_s > self._lasts_s / RENEWALS:
            self._steady_since_s = answered_s
        self.renew_at_s = asked_s + self._lasts_s / RENEWALS

    def renewed_for(self, now_s: float, more_s: float) -> None:
        """Must be called when Redis has renewed the lease for `more_s` longer than usual."""
        self.renew_at_s = now_s + more_s + self._lasts_s / RENEWALS

    def redis_is_away(self) -> None:
        self._steady_since_s = None

    def is_steady(self, now_s: float) -> bool:
        """Whether this instance may declare others dead. Just after an outage of Redis, it may not, because the outage
        has ended all leases."""
        return self._steady_since_s is not None and now_s - self._steady_since_s >= self._lasts_s

    def was_heard_of(self, now_s: float) -> bool:
        """Whether Redis has renewed the lease of this instance recently."""
        return now_s - self.last_renewed_s <= 2 * self._lasts_s

    def owner_lasts(self, now_s: float, left_s: float) -> None:
        """Claim the hub at the end of the owner's lease, if the owner does not renew it."""
        steady_s = (self._steady_since_s or now_s) + self._lasts_s
        self.claim_at_s = max(now_s + left_s + AFTER_LEASE_S, steady_s)

    def is_taken(self, now_s: float, left_s: float) -> None:
        """Must be called when Redis has refused a claim because another instance is the owner."""
        self.claim_at_s = now_s + max(left_s + AFTER_LEASE_S, ASK_AGAIN_S)

    def next_s(self, *, may_claim: bool) -> float:
        """Return when to renew the lease next or, with `may_claim`, when to claim the hub if that is earlier."""
        return min(self.renew_at_s, self.claim_at_s) if may_claim else self.renew_at_s
