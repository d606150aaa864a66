"""Until when a connection may stay open if it has joined several rooms with different tokens."""

from __future__ import annotations

import pytest

from signaling_sidecar.auth import Claims
from signaling_sidecar.server.authorisation.access import ANONYMOUS_FOR_S, LEEWAY_S, MAX_ASKED, Access, held


class Connection:
    """The access of a connection that was opened at 0 s, with a token of Ann that expires at 1000 s."""

    def __init__(self, *, one_room: bool = False, anonymous: bool = False) -> None:
        self.looks = 0
        claims = None if anonymous else Claims(subject="ann", expires_at_s=1000.0)
        self.access = Access(claims, 0.0, lambda token: Claims(), self._look)
        self.access.one_room = one_room

    def _look(self) -> None:
        self.looks += 1

    def joins(self, room: str, until_s: float | None, subject: str = "ann", *, is_admitted: bool = True) -> None:
        token = held(Claims(subject=subject, expires_at_s=until_s))
        self.access.show(token)
        self.access.asks(room, token)
        if is_admitted:
            self.access.count_room(room, is_in=True)

    @property
    def ends_at_s(self) -> float | None:
        ends_at_s = self.access.ends_at_s
        return None if ends_at_s is None else ends_at_s - LEEWAY_S


def test_a_connection_ends_with_the_first_of_its_tokens() -> None:
    connection = Connection()
    connection.joins("bar", 500.0)
    connection.joins("den", 700.0)
    assert connection.ends_at_s == 500.0
    assert connection.looks > 0  # the timer was told that the access ends earlier
    connection.access.count_room("bar", is_in=False)
    assert connection.ends_at_s == 700.0


def test_a_fresh_token_of_the_same_subject_renews_only_the_room_that_is_joined_with_it() -> None:
    connection = Connection()
    connection.joins("bar", 500.0)
    connection.joins("den", 500.0)
    connection.joins("bar", 2000.0)
    assert connection.ends_at_s == 500.0
    connection.joins("den", 3000.0)
    assert connection.ends_at_s == 2000.0


def test_a_token_of_another_subject_does_not_prolong_the_stay_of_the_first() -> None:
    connection = Connection(one_room=True)
    connection.joins("bar", 2000.0, "bob")
    assert connection.ends_at_s == 1000.0


def test_a_join_that_is_not_admitted_changes_nothing() -> None:
    connection = Connection(one_room=True)
    connection.joins("bar", 1500.0)
    connection.joins("den", 4000.0, is_admitted=False)
    assert connection.ends_at_s == 1500.0
    connection.joins("den", 4000.0)
    assert connection.ends_at_s == 4000.0


def test_many_joins_that_are_never_answered_take_little_memory() -> None:
    connection = Connection()
    for number in range(3 * MAX_ASKED):
        connection.joins(f"room-{number}", 500.0, is_admitted=False)
    assert connection.ends_at_s == 1000.0
    connection.access.count_room("room-0", is_in=True)
    assert connection.ends_at_s == 1000.0


def test_the_list_of_rooms_ends_with_the_token_that_it_was_asked_for_with() -> None:
    connection = Connection()
    connection.access.watches(held(Claims(subject="bob", expires_at_s=300.0)))
    assert connection.ends_at_s == 300.0
    connection.access.watches(None)
    assert connection.ends_at_s == 1000.0


@pytest.mark.parametrize(
    ("rooms", "subject", "until_s"),
    [(None, "ann", 2000.0), ({"bar", "den"}, "ann", 2000.0), ({"den"}, "ann", 1000.0), (None, "bob", 1000.0)],
)
def test_a_join_with_a_later_token_for_the_same_rooms_renews_the_list_of_rooms(
    rooms: set[str] | None, subject: str, until_s: float
) -> None:
    connection = Connection()
    connection.access.watches(held(Claims(subject="ann", expires_at_s=1000.0, rooms=frozenset({"bar"}))))
    later = held(Claims(subject=subject, expires_at_s=2000.0, rooms=None if rooms is None else frozenset(rooms)))
    connection.access.show(later)
    watching = connection.access.watching
    assert watching is not None
    assert watching.claims.expires_at_s == until_s


@pytest.mark.parametrize("until_s", [500.0, None])
def test_the_first_token_in_a_frame_is_that_of_a_connection_without_one(until_s: float | None) -> None:
    connection = Connection(anonymous=True)
    assert connection.access.ends_at_s == ANONYMOUS_FOR_S
    connection.joins("bar", until_s)
    assert connection.ends_at_s == until_s
