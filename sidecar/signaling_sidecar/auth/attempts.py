"""How often clients may show tokens: limits for each address and for each subject.

1. Each token that is shown costs its address one try, and a token that is refused costs it ten. Somebody who guesses is
   slow from the first minute, while a page with an old token that tries again and again keeps nobody else out.
2. An address is not told why its token is refused while it has no tries: its tokens are not even verified.
3. A subject has as many tries as an address. So a token that many machines share cannot be used without a limit.
"""

from __future__ import annotations

from collections import OrderedDict

TRIES = 600  # tries at once, because all tabs of an office reconnect at the same time after a restart
TRIES_PER_S = 10.0
FAILURE_TRIES = 10  # tries that a refused token costs: 60 of them at once, then one each second
UNKNOWN_FACTOR = 10  # times as many tries, shared by all clients whose address is hidden by an untrusted proxy
MAX_KEPT = 10_000  # addresses, and as many subjects; those that were seen last are kept


class Attempts:
    """`now_s` must never go back. An address is what `counted_as` returns, or None if it is unknown."""

    def __init__(self) -> None:
        self._of_addresses = _Tries()
        self._of_subjects = _Tries()

    def wait_of_address_s(self, address: str | None, now_s: float) -> float:
        """Count a try before a token is verified. Returns 0, or the seconds to wait if the address has no tries."""
        return self._of_addresses.take(address, now_s)

    def wait_of_subject_s(self, subject: str | None, now_s: float) -> float:
        """Count a try of a valid token. Returns 0, or the seconds to wait. The shared secret has no subject."""
        return 0.0 if subject is None else self._of_subjects.take(subject, now_s)

    def failed(self, address: str | None, now_s: float) -> None:
        """Must be called when a token is refused for which `wait_of_address_s` has returned 0."""
        self._of_addresses.charge(address, FAILURE_TRIES - 1, now_s)


class _Tries:
    """A token bucket for each key. A key that is absent has all its tries."""

    def __init__(self) -> None:
        self._left: OrderedDict[str | None, tuple[float, float]] = OrderedDict()
        """By key, the tries that were left at a time, in the order of these times."""

    def take(self, key: str | None, now_s: float) -> float:
        """Use one try. Returns 0, or the seconds until there is one."""
        left = self._now(key, now_s)
        if left < 1:
            return (1 - left) / (TRIES_PER_S * _factor(key))
        self._put(key, left - 1, now_s)
        return 0.0

    def charge(self, key: str | None, tries: int, now_s: float) -> None:
        """Use `tries` more tries, even if fewer are left. The key must then wait for longer."""
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
