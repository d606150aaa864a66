"""Limits how often clients may send tokens, for each IP address and for each subject.

1. Each token costs the address that sends it one try, or ten tries if the token is refused. So an attacker who guesses
   tokens from one address is soon limited to one guess per second. A page that retries with an expired token still
   leaves tries for other clients with the same address.
2. While an address has no tries left, its tokens are refused without verification, so the answer does not show whether
   a token is valid.
3. Each subject has as many tries as an address. This limits the use of a token that many machines share.
"""

from __future__ import annotations

from collections import OrderedDict

TRIES = 600  # tries that can be used at once: all tabs of an office reconnect at the same time after a restart
TRIES_PER_S = 10.0
FAILURE_TRIES = 10  # tries that a refused token costs, which allows 60 refused tokens at once, and then one each second
UNKNOWN_FACTOR = 10  # all clients whose addresses are unknown together have 10 times the tries of one address
MAX_KEPT = 10_000  # addresses, and as many subjects, whose tries are remembered: those that have used a try last


class Attempts:
    """Counts the tries. `now_s` must never decrease. An `address` is a return value of `counted_as`, or None if the
    client's address is unknown."""

    def __init__(self) -> None:
        self._of_addresses = _Tries()
        self._of_subjects = _Tries()

    def wait_of_address_s(self, address: str | None, now_s: float) -> float:
        """Count a try before a token is verified. Returns 0, or the seconds to wait if the address has no tries."""
        return self._of_addresses.take(address, now_s)

    def wait_of_subject_s(self, subject: str | None, now_s: float) -> float:
        """Count a try for the subject of a valid token. Returns 0, or the seconds to wait. `subject` is None for the
        shared secret, which has no limit by subject."""
        return 0.0 if subject is None else self._of_subjects.take(subject, now_s)

    def failed(self, address: str | None, now_s: float) -> None:
        """Must be called when verification has refused a token. (`wait_of_address_s` must have returned 0 before.)"""
        self._of_addresses.charge(address, FAILURE_TRIES - 1, now_s)


class _Tries:
    """A token bucket of tries for each key. The bucket of a key that was never used is full."""

    def __init__(self) -> None:
        self._left: OrderedDict[str | None, tuple[float, float]] = OrderedDict()
        """By key, in the order of last use: the tries that were left after its last use, and the time of that use."""

    def take(self, key: str | None, now_s: float) -> float:
        """Use one try. Returns 0, or the seconds until the key has a try again."""
        left = self._now(key, now_s)
        if left < 1:
            return (1 - left) / (TRIES_PER_S * _factor(key))
        self._put(key, left - 1, now_s)
        return 0.0

    def charge(self, key: str | None, tries: int, now_s: float) -> None:
        """Subtract `tries` from the tries of the key. The result may be negative, so that the key must wait for
        longer."""
        self._put(key, self._now(key, now_s) - tries, now_s)

    def _now(self, key: str | None, now_s: float) -> float:
        most = float(TRIES * _factor(key))
        left, then_s = self._left.get(key, (most, now_s))
        return min(most, left + (now_s - then_s) * TRIES_PER_S * _factor(key))

    def _put(self, key: str | None, left: float, now_s: float) -> None:
        self._left[key] = (left, now_s)
        self._left.move_to_end(key)
        if len(self._left) > MAX_KEPT:
            self._left.popitem(last=False)


def _factor(key: str | None) -> int:
    return UNKNOWN_FACTOR if key is None else 1
