"""`connect()` in a script and in a running event loop, and the panel of a running sidecar."""

from __future__ import annotations

import asyncio
import itertools
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from signaling_sidecar.drawing.errors import AmbiguousRoom, UnknownRoom
from signaling_sidecar.errors import AdminRefused, NotRunning
from signaling_sidecar.inspection import Admin, EventLog, connect
from signaling_sidecar.inspection.live.view import SHOWN_ROWS
from tests.kit.broken_admin import BROKEN, broken_admin
from tests.kit.programs import until
from tests.kit.sidecar_command import Serving, serving

NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """One sidecar for the tests in this file that do not stop it."""
    with serving(tmp_path_factory.mktemp("state")) as sidecar:
        yield sidecar


@pytest.fixture
def admin(sidecar: Serving) -> Iterator[Admin]:
    """The admin of the shared sidecar, which has no rooms when a test begins."""
    admin = connect(sidecar.ready["state_dir"])
    yield admin
    for _, left in admin.rooms().iterrows():
        admin.close_room(left["room"], left["dialect"])
    admin.close()


@pytest.fixture
def room() -> str:
    """A room name that no other test uses, because the log contains the rooms of earlier tests."""
    return f"room-{next(NUMBERS)}"


async def page(
    session: aiohttp.ClientSession, admin: Admin, room: str, peer: str, name: str | None = None
) -> aiohttp.ClientWebSocketResponse:
    socket = await session.ws_connect(f"{admin.url}/ws/signaling")
    await socket.send_json({"type": "join", "roomId": room, "peerId": peer, "name": name or peer.title()})
    assert (await socket.receive_json())["type"] == "peer_list"
    return socket


async def test_rooms_and_peers_are_returned_as_tables(admin: Admin, room: str) -> None:
    assert (len(admin.rooms()), len(admin.peers())) == (0, 0)
    async with aiohttp.ClientSession() as session:
        pages = [await page(session, admin, room, name) for name in ("ann", "ben")]
        rooms, peers = admin.rooms(), admin.peers(room)
        assert not any(each.closed for each in pages)
    assert rooms[["dialect", "room", "peers", "away", "listed"]].to_numpy().tolist() == [["rooms", room, 2, 0, True]]
    assert peers[["peer", "name", "away"]].to_numpy().tolist() == [["ann", "Ann", False], ["ben", "Ben", False]]
    nobody = admin.peers("nowhere")
    assert peers.dtypes.astype(str).equals(nobody.dtypes.astype(str))
    assert peers["dialect"].cat.categories.dtype == nobody["dialect"].cat.categories.dtype


async def test_the_log_stays_current(admin: Admin, room: str) -> None:
    before = admin.log
    assert admin.log is before
    async with aiohttp.ClientSession() as session:
        await page(session, admin, room, "ann")
        sessions = admin.log.sessions
        assert sessions[sessions["room"] == room]["peer"].tolist() == ["ann"]


async def test_a_peer_can_be_removed_and_a_room_closed(admin: Admin, room: str) -> None:
    async with aiohttp.ClientSession() as session:
        ann, ben = await page(session, admin, room, "ann"), await page(session, admin, room, "ben")
        assert (await ann.receive_json())["type"] == "peer_joined"
        admin.say(room, "closing time")
        assert await ann.receive_json() == {"type": "notice", "text": "closing time"}
        admin.set_rules(room, capacity=2)
        assert admin.rooms()["capacity"].tolist() == [2]
        admin.kick(room, "ben")
        assert (await ann.receive_json())["reason"] == "kicked"
        admin.close_room(room)
        assert (await ann.receive()).data == 4003
        await ben.close()
    assert len(admin.rooms()) == 0


async def test_a_refused_request_is_an_error_with_a_reason(admin: Admin, room: str) -> None:
    with pytest.raises(UnknownRoom, match=r"^the running sidecar has no room 'nowhere'; its rooms are: none$"):
        admin.set_rules("nowhere")
    async with aiohttp.ClientSession() as session:
        ann = await page(session, admin, room, "ann")
        socket = await session.ws_connect(f"{admin.url}/ws/signaling/hosted/{room}")
        await socket.send_json({"type": "CREATE_ROOM", "roomId": room, "userId": "u", "userName": "U", "timestamp": 0})
        await socket.receive_json()
        with pytest.raises(AmbiguousRoom, match=r"^the running sidecar has 2 rooms .*dialect='hosted'"):
            admin.close_room(room)
        with pytest.raises(AdminRefused, match="no-such-peer"):
            admin.kick(room, "nobody", "rooms")
        admin.close_room(room, "hosted")
        assert not ann.closed


def test_a_restarted_sidecar_is_found_again(tmp_path: Path) -> None:
    with serving(tmp_path) as first:
        admin = connect(tmp_path)
        before = admin.url
        first.stop()
    with pytest.raises(NotRunning):
        admin.rooms()
    with serving(tmp_path):
        assert len(admin.rooms()) == 0
        assert admin.url != before


def test_connecting_by_url_requires_the_token(sidecar: Serving, admin: Admin) -> None:
    token = admin._token
    warning = "the token is sent to http://sidecar.invalid without encryption; use https"
    with pytest.warns(UserWarning, match=warning), pytest.raises(NotRunning):
        connect(url="http://sidecar.invalid", token=token)
    admin = connect(url=sidecar.ready["url"], token=token)
    assert len(admin.rooms()) == 0
    with pytest.raises(AdminRefused, match="no-log"):
        _ = admin.log
    with pytest.raises(AdminRefused, match="401"):
        connect(url=sidecar.ready["url"], token="guess")


def test_a_sidecar_that_is_not_running_is_reported_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(NotRunning, match="no sidecar is running"):
        connect(tmp_path)


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN.keys())
def test_a_sidecar_that_does_not_answer_properly_is_reported_in_one_sentence(tmp_path: Path, answer: bytes) -> None:
    with broken_admin(tmp_path, answer), pytest.raises((NotRunning, AdminRefused)) as error:
        connect(tmp_path)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("url", ["nonsense", "http://[", "http://127.0.0.1:port"])
def test_a_url_that_is_none_is_reported_in_one_sentence(url: str) -> None:
    with pytest.raises(NotRunning, match=f"the sidecar at '{re.escape(url)}' has not answered: "):
        connect(url=url)


# --- the panel ---


@pytest.mark.parametrize("package", ["ipywidgets", "anywidget"])
def test_the_panel_says_which_package_it_needs(sidecar: Serving, package: str) -> None:
    code = (
        f"import sys; sys.modules[{package!r}] = None\n"
        "from signaling_sidecar.inspection import connect\n"
        f"connect({sidecar.ready['state_dir']!r}).dashboard()"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    needs = f"inspecting a log needs {package}: pip install 'signaling-sidecar[notebook]'"
    assert run.stderr.splitlines()[-1].endswith(f"NotebookExtraMissing: {needs}")


async def test_the_panel_shows_current_rooms_and_its_button_removes_a_peer(admin: Admin, room: str) -> None:
    dashboard = admin.dashboard()
    assert dashboard.is_live
    async with aiohttp.ClientSession() as session:
        ann, ben = await page(session, admin, room, "ann"), await page(session, admin, room, "ben")
        await until(lambda: len(dashboard._peer.options) == 2, "both are shown")
        assert dashboard._room.options == ((f"{room} · rooms · 2 peers", ("rooms", room)),)
        assert "Ann and Ben" in dashboard._pairs.value
        assert "<svg" in dashboard._ladder.html
        dashboard._peer.value = "ben"
        dashboard._kick.click()
        assert [(await ann.receive_json())["type"] for _ in range(2)] == ["peer_joined", "peer_left"]
        await until(lambda: [value for _, value in dashboard._peer.options] == ["ann"], "ben has gone")
        assert (await ben.receive()).data == 4003


async def test_the_panel_of_a_sidecar_on_another_machine_shows_its_rooms_and_removes_a_peer(
    sidecar: Serving, admin: Admin, room: str
) -> None:
    dashboard = connect(url=admin.url, token=admin._token).dashboard()
    async with aiohttp.ClientSession() as session:
        ann = await page(session, admin, room, "ann")
        await until(lambda: [value for _, value in dashboard._peer.options] == ["ann"], "Ann is shown")
        assert dashboard._pairs.value.startswith("no verdicts and no ladder: the log can only be read on the sidecar's")
        dashboard._peer.value = "ann"
        dashboard._kick.click()
        assert (await ann.receive()).data == 4003
    dashboard.close()


@contextmanager
def hanging(sidecar: Serving) -> Iterator[None]:
    sidecar.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        sidecar.process.send_signal(signal.SIGCONT)


async def test_the_panel_does_not_stop_the_notebook_while_the_sidecar_hangs(
    sidecar: Serving, admin: Admin, room: str
) -> None:
    """If a call waited for the sidecar, the panel would already show an error when the call returns."""
    async with aiohttp.ClientSession() as session:
        ann = await page(session, admin, room, "ann")
        with hanging(sidecar):
            dashboard = admin.dashboard()
            assert (dashboard.is_live, dashboard._status.value) == (True, "")
        await until(lambda: [value for _, value in dashboard._peer.options] == ["ann"], "Ann is shown")
        dashboard._peer.value = "ann"
        with hanging(sidecar):
            dashboard._kick.click()
            assert dashboard._result.value == ""
        await until(lambda: dashboard._result.value == "Ann was removed", "the panel says that Ann was removed")
        assert (await ann.receive()).data == 4003


async def test_a_click_on_a_button_hits_nobody_after_the_selected_peer_and_room_have_gone(
    admin: Admin, room: str
) -> None:
    dashboard = admin.dashboard()
    async with aiohttp.ClientSession() as session:
        ann, ben = await page(session, admin, room, "ann"), await page(session, admin, room, "ben")
        carl = await page(session, admin, f"{room}-b", "carl")
        await until(lambda: len(dashboard._room.options) == 2, "both rooms are shown")
        assert (dashboard._room.value, dashboard._peer.value) == (("rooms", room), None)
        assert dashboard._kick.disabled
        dashboard._peer.value = "ben"
        assert not dashboard._kick.disabled
        await ben.close()
        await until(lambda: len(dashboard._peer.options) == 1, "ben has gone")
        assert (dashboard._peer.value, dashboard._kick.disabled) == (None, True)
        await ann.close()
        await until(lambda: len(dashboard._room.options) == 1, "the room has gone")
        assert (dashboard._room.value, dashboard._room.index) == (None, None)
        assert dashboard._end.disabled
        assert dashboard._say.disabled
        assert not carl.closed
        await page(session, admin, room, "ann")
        await until(lambda: dashboard._room.value == ("rooms", room), "the same room is selected again")


async def test_the_result_of_a_click_stays_until_the_next_one(admin: Admin, room: str) -> None:
    dashboard = admin.dashboard()
    async with aiohttp.ClientSession() as session:
        ann, ben = await page(session, admin, room, "ann"), await page(session, admin, room, "ben")
        await until(lambda: len(dashboard._peer.options) == 2, "both are shown")
        dashboard._say.click()
        await until(lambda: "bad-field" in dashboard._result.value, "an empty notice is refused")
        carl = await page(session, admin, room, "carl")
        await until(lambda: len(dashboard._peer.options) == 3, "the panel was updated")
        assert "bad-field" in dashboard._result.value
        dashboard._text.value = "closing <b>time</b>"
        dashboard._say.click()
        await until(lambda: dashboard._result.value == f"the notice was sent to {room}", "the notice is confirmed")
        assert dashboard._text.value == ""
        dashboard._peer.value = "ben"
        dashboard._kick.click()
        await until(lambda: dashboard._result.value == "Ben was removed", "the panel says that Ben was removed")
        dashboard._end.click()
        await until(lambda: dashboard._result.value == f"the room {room} was closed", "the closing is confirmed")
        assert not any(each.closed for each in (ann, ben, carl))


async def test_the_panel_tells_peers_of_one_name_apart_as_the_verdicts_do(admin: Admin, room: str) -> None:
    dashboard = admin.dashboard()
    async with aiohttp.ClientSession() as session:
        pages = [await page(session, admin, room, peer, "Ann") for peer in ("a", "b", "c")]
        await until(lambda: len(dashboard._peer.options) == 3, "all are shown")
        assert dashboard._peer.options == (("Ann", "a"), ("Ann (2)", "b"), ("Ann (3)", "c"))
        assert "Ann and Ann (2)" in dashboard._pairs.value
        assert not any(each.closed for each in pages)


async def test_the_panel_diagnoses_and_draws_outside_of_the_event_loop(
    admin: Admin, room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dashboard = admin.dashboard()
    drawn_in: list[str] = []
    for view in ("diagnose", "ladder"):
        original = getattr(EventLog, view)

        def seen(*arguments: Any, original: Any = original) -> Any:
            drawn_in.append(threading.current_thread().name)
            return original(*arguments)

        monkeypatch.setattr(EventLog, view, seen)
    async with aiohttp.ClientSession() as session:
        await page(session, admin, room, "ann")
        await until(lambda: "<svg" in dashboard._ladder.html, "the room is drawn")
        ben = await page(session, admin, f"{room}-b", "ben")
        await until(lambda: len(dashboard._room.options) == 2, "both rooms are shown")
        dashboard._peer.value = "ann"
        dashboard._room.value = ("rooms", f"{room}-b")
        assert (dashboard._peer.options, dashboard._kick.disabled) == ((), True)
        await until(lambda: [value for _, value in dashboard._peer.options] == ["ben"], "the other room is shown")
        dashboard._peer.value = "ben"
        dashboard._kick.click()
        assert (await ben.receive()).data == 4003
    assert len(drawn_in) >= 4
    assert threading.current_thread().name not in drawn_in


async def test_the_panel_draws_only_the_newest_rows_of_a_long_ladder(admin: Admin, room: str) -> None:
    dashboard = admin.dashboard()
    async with aiohttp.ClientSession() as session:
        ann = await page(session, admin, room, "ann")
        ben = await page(session, admin, room, "ben")
        for number in range(SHOWN_ROWS):
            await ann.send_json({"type": ("offer", "answer")[number % 2], "to": "ben", "sdp": "v=0"})
            await ben.receive_json()
        await until(lambda: f"the last {SHOWN_ROWS} of " in dashboard._ladder.html, "the ladder is shown")
        assert dashboard._ladder.html.count("data-seq") <= SHOWN_ROWS + 1


async def test_nobody_is_blamed_for_not_answering_after_the_sidecar_was_killed(
    tmp_path: Path, room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(tmp_path) as sidecar:
        admin = connect(sidecar.ready["state_dir"])
        async with aiohttp.ClientSession() as session:
            ann, ben = [await page(session, admin, room, name) for name in ("ann", "ben")]
            await ann.send_json({"type": "offer", "to": "ben", "sdp": "v=0"})
            assert (await ben.receive_json())["type"] == "offer"  # so the log has everything
            assert "may still answer" in admin.log.pairs["sentence"].tolist()[-1]
            sidecar.stop(signal.SIGKILL)
    killed_ts = time.time()
    for later_s in (0, 60):
        monkeypatch.setattr(time, "time", lambda: killed_ts + later_s)  # noqa: B023 - it is called in this round
        assert admin.log.pairs["sentence"].tolist()[-1].endswith("; the log ends before the result")


async def test_a_peer_that_is_away_has_been_away_until_now_in_the_table_and_in_the_timeline(
    admin: Admin, room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with aiohttp.ClientSession() as session:
        ann = await page(session, admin, room, "ann")
        assert ann._response.connection is not None
        assert ann._response.connection.transport is not None
        ann._response.connection.transport.abort()
        await until(lambda: admin.peers(room)["away"].tolist() == [True], "Ann has lost her connection")
        now_ts = time.time()
        for later_s in (10, 20):
            monkeypatch.setattr(time, "time", lambda: now_ts + later_s)  # noqa: B023 - it is called in this round
            log = admin.log
            [away_s] = log.sessions[log.sessions["room"] == room]["away_s"]
            assert later_s <= away_s < later_s + 10
            assert f"away {away_s:.3f} s" in str(log.timeline(room))


async def test_verdicts_change_when_a_deadline_passes_although_the_log_does_not_grow(
    admin: Admin, room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dashboard = admin.dashboard()
    async with aiohttp.ClientSession() as session:
        pages = [await page(session, admin, room, name) for name in ("ann", "ben")]
        await pages[0].send_json({"type": "offer", "to": "ben", "sdp": "v=0"})
        await until(lambda: "Ben may still answer" in dashboard._pairs.value, "the offer is shown")
        log, drawn = admin.log, dashboard._ladder.html
        assert log.pairs["reason"].tolist()[-1] == "in-progress"
        now_ts = time.time()
        monkeypatch.setattr(time, "time", lambda: now_ts + 60)
        await until(lambda: "Ben has not answered" in dashboard._pairs.value, "the new verdict is shown")
        assert admin.log is log
        assert (log.pairs["reason"].tolist()[-1], dashboard._ladder.html) == ("offer-unanswered", drawn)
        assert not any(each.closed for each in pages)


async def test_the_panel_has_only_the_pairs_of_the_selected_dialect(admin: Admin, room: str) -> None:
    dashboard = admin.dashboard()
    async with aiohttp.ClientSession() as session:
        pages = [await page(session, admin, room, name) for name in ("ann", "ben")]
        host = await session.ws_connect(f"{admin.url}/ws/signaling/hosted/{room}")
        frame = {"roomId": room, "userId": "hugo", "userName": "Hugo", "timestamp": 1}
        await host.send_json({"type": "CREATE_ROOM", "roomName": "Films", **frame})
        await until(lambda: len(dashboard._room.options) == 2, "both rooms are shown")
        dashboard._room.value = ("hosted", room)
        await until(lambda: [value for _, value in dashboard._peer.options] == ["hugo"], "the other room is shown")
        assert "ann" not in dashboard._pairs.value.lower()
        dashboard._room.value = ("rooms", room)
        await until(lambda: "Ann and Ben" in dashboard._pairs.value, "the first room is shown again")
        assert not any(each.closed for each in pages)


async def test_running_the_cell_again_leaves_only_one_task(admin: Admin) -> None:
    dashboards = [admin.dashboard() for _ in range(3)]
    await asyncio.sleep(0)
    assert [dashboard.is_live for dashboard in dashboards] == [False, False, True]
    assert sum(task.get_name() == "signaling-dashboard" for task in asyncio.all_tasks()) == 1
    admin.close()
    await asyncio.sleep(0)
    assert not dashboards[-1].is_live


def test_in_a_plain_script_the_panel_shows_the_current_state(admin: Admin) -> None:
    dashboard = admin.dashboard()
    assert not dashboard.is_live
    assert dashboard._status.value == "there are no rooms"
    assert repr(dashboard) == f"Dashboard({admin.url!r}: a panel of Jupyter widgets, which JupyterLab can show)"
    assert dashboard._repr_mimebundle_()["text/plain"] == repr(dashboard)


async def test_no_button_can_be_clicked_before_the_panel_shows_a_room(admin: Admin) -> None:
    dashboard = admin.dashboard()
    assert [button.disabled for button in (dashboard._kick, dashboard._end, dashboard._say)] == [True] * 3


async def test_the_panel_goes_on_when_the_sidecar_is_killed_and_comes_back(tmp_path: Path) -> None:
    with serving(tmp_path) as sidecar:
        dashboard = connect(tmp_path).dashboard()
        await asyncio.to_thread(sidecar.stop, signal.SIGKILL)
    for kind, answer in BROKEN.items():
        await until(lambda: "no sidecar is running" in dashboard._status.value, f"the panel says so before {kind!r}")
        with broken_admin(tmp_path, answer):
            await until(lambda: "no sidecar is running" not in dashboard._status.value, f"{kind!r} has arrived")
            assert dashboard._status.value
        (tmp_path / "runtime.json").unlink()  # it names the server of the broken answers
    with serving(tmp_path):
        await until(lambda: dashboard._status.value == "there are no rooms", "the panel shows the new sidecar")
    assert dashboard.is_live
    dashboard.close()


async def test_the_panel_reports_a_stopped_sidecar(tmp_path: Path) -> None:
    with serving(tmp_path) as sidecar:
        admin = connect(tmp_path)
        dashboard = admin.dashboard()
        await asyncio.to_thread(sidecar.stop)
    await until(lambda: "no sidecar is running" in dashboard._status.value, "the panel says that none runs")
    assert dashboard.is_live
    admin.close()
