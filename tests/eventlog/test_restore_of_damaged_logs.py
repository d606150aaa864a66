"""Whatever a log contains, the next start restores a valid state from it, and reports what it could not use."""

from __future__ import annotations

import json
import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings, strategies

from signaling_sidecar.hub import Checkpoint, checkpoint
from signaling_sidecar.hub.commands import Tick
from signaling_sidecar.server.previous_run import restore_previous_run
from tests.kit import too_deep
from tests.kit.run_of_all_records import NOW_S, RUN, new_hub

ODD = (None, -1, 0, 2**70, 1e308, "", "x", [], {}, [None], {"x": None}, True)


def damaged(rng: random.Random) -> list[str]:
    lines = list(RUN)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(lines))
        damage: Callable[[], object] = rng.choice(
            (
                lambda at=at: lines.pop(at),
                lambda at=at: lines.insert(rng.randrange(len(lines)), lines[at]),
                lambda at=at: lines.__setitem__(at, lines[at][: rng.randrange(len(lines[at]))]),
                *([lambda at=at: lines.__setitem__(at, with_an_odd_value(lines[at], rng))] * 5),
            )
        )
        damage()
    return lines


def with_an_odd_value(line: str, rng: random.Random) -> str:
    try:
        record = json.loads(line)
        data = json.loads(record.get("data", "{}"))
    except ValueError:
        return line
    places = [(record, key) for key in record if key != "data"] + list(_places(data))
    holder, key = rng.choice(places)
    holder[key] = rng.choice(ODD)
    return json.dumps({**record, "data": json.dumps(data)})


def _places(value: Any) -> Any:
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, key
        yield from _places(value[key])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@pytest.mark.fuzz
@given(seed=strategies.integers(0, 2**32))
def test_the_restored_state_is_valid_for_any_log(tmp_path_factory: Any, seed: int) -> None:
    folder = tmp_path_factory.mktemp("state")
    path = folder / "events-r0000001-b-0001.jsonl"
    path.write_text("".join(f"{line}\n" for line in damaged(random.Random(seed))))
    said: list[str] = []
    hub, _ = restore_previous_run(folder, new_hub, NOW_S, said.append)
    assert len(said) <= 1
    assert path.exists()
    for room in hub.membership.rooms:
        assert room.sessions
        assert room.host in room.sessions.values() if room.rules.host.enabled else room.host is None
        for peer, session in room.sessions.items():
            assert (session.peer, session.room) == (peer, room)
            if session.resumption is not None:
                numbers = [kept.s for kept in session.resumption.kept]
                assert numbers == list(range(session.resumption.sent - len(numbers) + 1, session.resumption.sent + 1))
    text = msgspec.json.encode(checkpoint(hub, NOW_S))
    assert msgspec.json.encode(msgspec.json.decode(text, type=Checkpoint)) == text
    for later_s in (1.5, 40.0, 1e9):
        hub.handle(Tick(), NOW_S + later_s)
    assert hub.membership.rooms == []


def test_an_undamaged_log_is_restored_completely(tmp_path: Path) -> None:
    (tmp_path / "events-r0000001-b-0001.jsonl").write_text("".join(f"{line}\n" for line in RUN))
    said: list[str] = []
    _, (restored,) = restore_previous_run(tmp_path, new_hub, NOW_S, said.append)
    assert said == []
    sessions = {"rooms": 6, "hosted": 6, "mesh": 3, "groups": 6, "match": 6}
    assert restored.data["sessions"] == sum(sessions.values())  # type: ignore[index,call-overload]


def test_only_a_record_that_is_nested_too_deeply_is_skipped(tmp_path: Path) -> None:
    odd = [
        {**json.loads(line), **field}
        for line in RUN[:3]  # a header, a checkpoint and another record
        for field in ({"data": too_deep.OBJECT}, {"numbers": too_deep.OBJECT})
    ]
    lines = [*RUN, *(json.dumps({**record, "seq": 1000 + at}) for at, record in enumerate(odd))]
    (tmp_path / "events-r0000001-b-0001.jsonl").write_text("".join(f"{line}\n" for line in lines))
    said: list[str] = []
    restore_previous_run(tmp_path, new_hub, NOW_S, said.append)
    assert said[0].endswith("it is nested too deeply")


def test_a_log_is_restored_without_loading_all_of_it_into_memory(tmp_path: Path) -> None:
    relayed = next(line for line in reversed(RUN) if '"signal.relayed"' in line)
    long = json.dumps({**json.loads(relayed), "data": json.dumps({"sdp": "x" * 4000}), "numbers": None, "session": "-"})
    path = tmp_path / "events-r0000001-b-0001.jsonl"
    path.write_text("".join(f"{line}\n" for line in [*RUN, *[long] * 2000]))
    tracemalloc.start()
    try:
        restore_previous_run(tmp_path, new_hub, NOW_S, print)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert path.stat().st_size > 8_000_000
    assert peak_bytes < 4_000_000
