"""The deadlines at which the hub checks for rooms in which nothing was sent."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from signaling_sidecar.hub.commands import SetRules, Tick
from signaling_sidecar.hub.deadlines import Deadlines
from signaling_sidecar.hub.effects import Effect
from signaling_sidecar.hub.rules import Endings, Joining, RoomRules
from tests.kit.hub_driver import Driver

IDLE_S = 10.0


def test_a_room_that_is_created_just_after_a_change_of_the_rules_is_looked_at_once_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    planned_s = []
    plan = Deadlines.at

    def at(deadlines: Deadlines, when_s: float, action: Callable[[float], list[Effect]]) -> None:
        planned_s.append(when_s)
        plan(deadlines, when_s, action)

    monkeypatch.setattr(Deadlines, "at", at)
    driver = Driver()
    now_s = driver.now_s
    rules = RoomRules(joining=Joining(capacity=2), endings=Endings(idle_s=IDLE_S))
    driver.handle(SetRules({"rooms": rules, "other": rules}, 100))
    driver.join(1, "ann")
    driver.handle(Tick())
    assert planned_s == [now_s, now_s + IDLE_S]
