"""Pages that got no camera, microphone or screen are named, because many apps then make no connection."""

from __future__ import annotations

import pytest

from signaling_sidecar.diagnosis import diagnose, read_entries
from tests.kit.diagnosis_log import CONNECTED, Story, elsewhere
from tests.kit.inspection_log import T0_S

ALLOW = "    → allow it in the browser, for this page; a page in a frame also needs the attribute `allow`"


def media(story: Story, page: str, connection: int, name: str | None = None, operation: str = "getUserMedia") -> None:
    report = {"type": "trace", "event": "media", "page": page, "operation": operation, "name": name}
    story.record("trace.state", room=None, connection=connection, data=report)


def described(story: Story, page: str, connection: int, **about: str) -> None:
    story.record(
        "trace.state", room=None, connection=connection, data={"type": "trace", "event": "page", "page": page, **about}
    )


def lines(story: Story, now_ts: float | None = None) -> list[str]:
    return str(diagnose(read_entries([story.write()]), now_ts)).splitlines()


def test_pages_without_a_camera_are_named_with_what_to_do(story: Story) -> None:
    described(story, "p1", 1, title="Call", path="/room")
    media(story, "p1", 1, "NotAllowedError")
    media(story, "p2", 2, "NotReadableError", operation="getDisplayMedia")
    assert lines(story) == [
        "no two peers have met in a room",
        "? getUserMedia() has failed (NotAllowedError) in Call at /room, and the app may wait for it",
        ALLOW,
        "? getDisplayMedia() has failed (NotReadableError) in a page, and the app may wait for it",
        "    → close the other program that may be using the camera or the microphone",
    ]


def test_a_page_that_got_its_camera_after_all_is_not_named(story: Story) -> None:
    media(story, "p1", 1, "NotAllowedError")
    media(story, "p1", 1)
    assert lines(story) == ["no two peers have met in a room"]


def test_a_closed_page_is_named_only_while_no_sidecar_runs(story: Story) -> None:
    media(story, "p1", 1, "NotAllowedError")
    story.record("connection.closed", room=None, connection=1, data={"ending": "unloaded", "by": "peer"})
    assert len(lines(story)) == 3
    assert lines(story, T0_S + story.at_s) == ["no two peers have met in a room"]


@pytest.mark.parametrize("wrong", [{"name": "x" * 100}, {"name": "\x1b[2J"}, {"operation": "eval"}])
def test_words_that_no_browser_reports_are_not_shown(story: Story, wrong: dict[str, str]) -> None:
    media(story, "p1", 1, **{"name": "NotAllowedError", **wrong})
    assert lines(story) == ["no two peers have met in a room"]


def test_a_connected_pair_stays_connected(story: Story) -> None:
    elsewhere(story, "one", localUfrag="A", remoteUfrag="B", **CONNECTED)
    media(story, "one", 1, "NotFoundError")
    _, pair, *named = lines(story)
    assert pair.startswith("  ✓ ")
    assert named == [
        "? getUserMedia() has failed (NotFoundError) in a page, and the app may wait for it",
        "    → connect a camera or microphone that fits what the app asks for, or let the app ask for less",
    ]
