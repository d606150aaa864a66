"""A client may guess only a few tokens. A flood of guesses neither blocks other clients nor fills the memory or log."""

from __future__ import annotations

import itertools
import tracemalloc

import pytest

from signaling_sidecar.auth import Attempts, Failure, Failures
from signaling_sidecar.auth.attempts import MAX_KEPT

ADDRESS = "203.0.113.7"


def failures_until_it_must_wait(attempts: Attempts, address: str | None, now_s: float = 0) -> int:
    for count in itertools.count():
        if attempts.wait_of_address_s(address, now_s):
            return count
        attempts.failed(address, now_s)
    raise AssertionError


def test_an_address_may_guess_sixty_times_at_once_and_then_once_a_second() -> None:
    attempts = Attempts()
    assert failures_until_it_must_wait(attempts, ADDRESS) == 60
    assert attempts.wait_of_address_s(ADDRESS, 0) == pytest.approx(0.1)
    assert sum(failures_until_it_must_wait(attempts, ADDRESS, 0.1 * step) for step in range(1, 601)) == 60


def test_the_tries_come_back_with_time_and_no_more_than_at_first() -> None:
    attempts = Attempts()
    failures_until_it_must_wait(attempts, ADDRESS)
    assert failures_until_it_must_wait(attempts, ADDRESS, 3600) == 60


def test_an_office_can_come_back_at_once_after_a_restart() -> None:
    attempts = Attempts()
    assert [attempts.wait_of_address_s(ADDRESS, 0) for _ in range(600)] == [0] * 600
    assert attempts.wait_of_address_s(ADDRESS, 0) == pytest.approx(0.1)
    assert attempts.wait_of_address_s(ADDRESS, 0.1) == 0


def test_pages_with_an_old_token_do_not_keep_others_at_their_address_out() -> None:
    attempts = Attempts()
    for second in range(600):
        assert attempts.wait_of_address_s(ADDRESS, second) == 0  # a page tries an old token each second
        attempts.failed(ADDRESS, second)
        if second % 10 == 0:
            assert attempts.wait_of_address_s(ADDRESS, second + 0.5) == 0  # a valid one


def test_one_who_guesses_keeps_nobody_at_another_address_out() -> None:
    attempts = Attempts()
    failures_until_it_must_wait(attempts, ADDRESS)
    assert attempts.wait_of_address_s("203.0.113.8", 0) == 0
    assert attempts.wait_of_address_s(None, 0) == 0


def test_clients_whose_address_is_unknown_share_ten_times_as_much() -> None:
    assert failures_until_it_must_wait(Attempts(), None) == 600


def test_a_subject_has_a_limit_of_its_own_wherever_it_connects_from() -> None:
    attempts = Attempts()
    assert [attempts.wait_of_subject_s("ann", 0) for _ in range(600)] == [0] * 600
    assert attempts.wait_of_subject_s("ann", 0) > 0
    assert attempts.wait_of_subject_s("ben", 0) == 0
    assert attempts.wait_of_address_s("ann", 0) == 0
    assert [attempts.wait_of_subject_s(None, 0) for _ in range(2000)] == [0] * 2000


def test_a_flood_of_addresses_needs_no_more_memory_than_the_last_of_them() -> None:
    attempts = Attempts()
    failures_until_it_must_wait(attempts, "2001:db8:ffff::/64")
    assert [attempts.wait_of_subject_s("ann", 0) for _ in range(601)][-1] > 0
    tracemalloc.start()
    for number in range(5 * MAX_KEPT):
        attempts.wait_of_address_s(f"2001:db8:{number:x}::/64", 0)
    size_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size_bytes < 500 * MAX_KEPT
    assert attempts.wait_of_subject_s("ann", 0) > 0, "a flood of addresses does not give a subject new tries"


def failure(why: str = "signature") -> Failure:
    return Failure(why, ADDRESS, None)


def test_each_failure_has_a_record_as_long_as_they_are_few() -> None:
    failures = Failures()
    assert [failures.add(failure(), second) for second in range(100)] == [[failure()]] * 100


def test_a_flood_of_failures_is_counted_and_recorded_once_a_second() -> None:
    failures = Failures()
    found = [each for step in range(10_000) for each in failures.add(failure(), 100 + step / 1000)]
    assert 20 <= len(found) <= 31
    found += failures.rest()
    assert sum(each.times for each in found) == 10_000
    assert failures.rest() == []


def test_each_reason_is_counted_for_itself_and_the_last_one_is_recorded_later() -> None:
    failures = Failures()
    found = [each for _ in range(30) for each in failures.add(failure("signature"), 100)]
    assert failures.add(failure("malformed"), 100) == []
    assert failures.due(100.5) == []
    assert failures.due(101) == [failure("signature")._replace(times=10)]
    assert failures.due(102) == [failure("malformed")]
    assert failures.due(103) == []
    assert len(found) == 20
