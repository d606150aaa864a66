"""The live panel of a running sidecar: rooms, peers, verdicts, and the ladder of the selected room."""

from __future__ import annotations

import asyncio
import html
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from signaling_sidecar.errors import SidecarError
from signaling_sidecar.inspection.live.drawing_widget import DrawingWidget
from signaling_sidecar.inspection.live.view import View, key_of, line_of_peer, line_of_room, look
from signaling_sidecar.inspection.notebook_extra import notebook_extra
from signaling_sidecar.untrusted_text import visible

with notebook_extra():
    import ipywidgets as widgets

if TYPE_CHECKING:
    from signaling_sidecar.inspection.live.running_sidecar import RunningSidecar

UPDATE_S = 0.5  # seconds between updates; an update is one small request, and reads the log only if the log has grown
_WRAPPED = {"flex_flow": "row wrap"}  # otherwise a narrow page cuts off the texts of the buttons
_open: dict[str, Dashboard] = {}
"""The open panels, by `RunningSidecar.identity`. If a cell is run again, the new panel stops the earlier panel."""


class Dashboard:
    """Updates itself until `close` is called, or until another panel of the same sidecar is made.

    All requests to the sidecar are sent in threads, because a sidecar that hangs must not stop the notebook.
    """

    def __init__(self, sidecar: RunningSidecar) -> None:
        self._sidecar = sidecar
        self._room = widgets.Select(description="Rooms", layout={"width": "360px", "height": "140px"})
        self._peer = widgets.Select(description="Peers", layout={"width": "360px", "height": "140px"})
        self._kick = widgets.Button(
            description="Kick", tooltip="Remove the selected peer; its id cannot join again for a minute"
        )
        self._end = widgets.Button(description="Close room", tooltip="Close the room for all its peers")
        self._text = widgets.Text(placeholder="notice to all peers in the room")
        self._say = widgets.Button(description="Send")
        self._result = widgets.HTML()
        """A sentence about what the last click on a button has done, which is shown until the next click."""
        self._status = widgets.HTML()
        self._pairs = widgets.HTML()
        self._ladder = DrawingWidget()
        self._box = widgets.VBox([
            widgets.HBox([self._room, self._peer], layout=_WRAPPED),
            widgets.HBox([self._kick, self._end, self._text, self._say], layout=_WRAPPED),
            *(self._result, self._status, self._pairs, self._ladder),
        ])  # fmt: skip
        self._kick.on_click(lambda _: self._kick_peer())
        self._end.on_click(lambda _: self._close_room())
        self._say.on_click(lambda _: self._say_text())
        self._room.observe(lambda _: self._choose(), "value")
        self._peer.observe(lambda _: self._enable(), "value")
        self._wanted: tuple[str, str] | None = None
        """The room that was selected last. If it ends, and a room with the same id and dialect begins later, the new
        room is selected."""
        self._view: View | None = None
        self._is_showing = False
        self.is_due = asyncio.Event()
        self._started: set[asyncio.Task[Any]] = set()
        if (previous := _open.get(sidecar.identity)) is not None:
            previous.close()
        _open[sidecar.identity] = self
        self._enable()
        self._task = _follow(self)
        self._update_soon()

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return self._box._repr_mimebundle_(**options) | {"text/plain": repr(self)}

    def __repr__(self) -> str:
        """Return what a terminal and a page without widgets show instead of the panel."""
        return f"Dashboard({self._sidecar.url!r}: a panel of Jupyter widgets, which JupyterLab can show)"

    def close(self) -> None:
        """Stop the updates. After this, the panel keeps showing its last state."""
        if self._task is not None:
            self._task.cancel()
        if _open.get(self._sidecar.identity) is self:
            del _open[self._sidecar.identity]

    @property
    def is_live(self) -> bool:
        return self._task is not None and not self._task.done()

    @property
    def _key(self) -> tuple[str, str]:
        dialect, room = self._room.value or ("", "")
        return dialect, room

    async def update(self) -> bool:
        """Show the current state. Returns whether the sidecar has answered."""
        try:
            self.show(await asyncio.to_thread(self.look))
        except (SidecarError, OSError) as error:  # OSError: a file of the log has been deleted
            self._status.value = _bold(error)
            return False
        return True

    def look(self) -> View:
        """Fetch the rooms, and read and draw the log if it has grown. Can be called in any thread."""
        return look(self._sidecar, self._wanted, self._view)

    def show(self, view: View) -> None:
        if self._wanted not in (None, view.wanted):
            return  # while `look` was running, the user has selected another room
        self._wanted = view.wanted
        self._is_showing = True
        try:
            self._show(view)
        finally:
            self._is_showing = False

    def _choose(self) -> None:
        """Show the room that the user has selected. Ignores the changes that `show` itself makes in the list."""
        if not self._is_showing:
            self._wanted = self._room.value
            _set_options(self._peer, [], None)  # a click must not remove a peer of the previous room from this one
            self._update_soon()

    def _update_soon(self) -> None:
        if self.is_live:
            self.is_due.set()
        else:
            self._start(self.update())

    def _start(self, work: Coroutine[Any, Any, Any]) -> None:
        """Do some work in the background, or at once in a plain script, which has no event loop."""
        try:
            task = asyncio.get_running_loop().create_task(work)
        except RuntimeError:
            with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
                runner.run(work)
        else:
            self._started.add(task)  # the event loop itself keeps no reference to a task
            task.add_done_callback(self._started.discard)

    def _enable(self) -> None:
        """Disable the buttons that need a selected peer or room if none is selected."""
        self._kick.disabled = self._peer.value is None
        self._end.disabled = self._say.disabled = self._room.value is None

    def _show(self, view: View) -> None:
        _set_options(self._room, [(line_of_room(room), key_of(room)) for room in view.rooms], view.wanted)
        peers = view.chosen["peers"] if view.chosen is not None else []
        _set_options(self._peer, [(line_of_peer(peer, view.ladder), peer["peer"]) for peer in peers], self._peer.value)
        self._enable()
        self._status.value = "" if view.rooms else "there are no rooms"
        if self._view is None or view.pairs != self._view.pairs or not view.is_drawn_like(self._view):
            self._pairs.value = view.pairs
            self._ladder.show(view.ladder, view.html)
        self._view = view

    def _kick_peer(self) -> None:
        if self._peer.value is None:  # the peer has left before the click arrived here
            return
        (dialect, room), peer = self._key, self._peer.value
        self._try(lambda: self._sidecar.kick(room, peer, dialect), f"{self._peer.label} was removed")

    def _close_room(self) -> None:
        if self._room.value is None:
            return
        dialect, room = self._key
        self._try(lambda: self._sidecar.close_room(room, dialect), f"the room {visible(room)} was closed")

    def _say_text(self) -> None:
        if self._room.value is None:
            return
        (dialect, room), text = self._key, self._text.value

        def empty() -> None:
            if self._text.value == text:  # otherwise the next notice is being written already
                self._text.value = ""

        self._try(lambda: self._sidecar.say(room, text, dialect), f"the notice was sent to {visible(room)}", empty)

    def _try(self, act: Callable[[], None], done: str, then: Callable[[], None] = lambda: None) -> None:
        self._result.value = ""
        self._start(self._carry_out(act, done, then))

    async def _carry_out(self, act: Callable[[], None], done: str, then: Callable[[], None]) -> None:
        """Carry out the action of a button, show the sentence `done` and call `then`, or show the reason of a
        refusal."""
        try:
            await asyncio.to_thread(act)
        except SidecarError as error:
            self._result.value = _bold(error)
            return
        self._result.value = html.escape(done)
        then()
        self._update_soon()


def _follow(dashboard: Dashboard) -> asyncio.Task[None] | None:
    """Start the updates. A plain script has no event loop, so a panel in a script shows only its first state."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return None
    return loop.create_task(_keep_current(dashboard), name="signaling-dashboard")


async def _keep_current(dashboard: Dashboard) -> None:
    pause_s = UPDATE_S
    while True:
        with suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await dashboard.is_due.wait()
        dashboard.is_due.clear()
        began_s = time.monotonic()
        has_answered = await dashboard.update()
        # After a long update, the pause is as long as the update, so that the notebook can run cells half of the time.
        pause_s = max(UPDATE_S, time.monotonic() - began_s) if has_answered else UPDATE_S


def _set_options(select: widgets.Select, options: list[tuple[str, Any]], chosen: Any) -> None:
    """Change the options, and send nothing to the browser if they are the same.

    If `chosen` is not one of them, nothing is selected: the next click on a button must not affect another peer or
    room.
    """
    if list(select.options) == options:
        return
    with select.hold_sync():
        select.index = None  # otherwise ipywidgets selects the first option
        select.options = options
        if any(value == chosen for _, value in options):
            select.value = chosen


def _bold(error: Exception) -> str:
    return f"<b>{html.escape(str(error))}</b>"
