"""A session that is lost and resumed at any times receives every frame once and in order, or is told of a gap.

Frames that a killed sidecar could not write are lost, but the hub never confuses later frames with them.
"""

from __future__ import annotations

import json
from itertools import count
from unittest.mock import patch

import msgspec
from hypothesis import settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from signaling_sidecar.dialects import DIALECTS
from signaling_sidecar.hub import Checkpoint, Ending, Hub, Restore, RoomKey, checkpoint, resumption
from signaling_sidecar.hub.commands import Acknowledge, End, Join, Numbered, Relay, SetLogState, Tick
from signaling_sidecar.hub.effects import Effect, Send
from signaling_sidecar.hub.messages import NotResumed, PeerList, Relayed, Resumed
from signaling_sidecar.settings import Settings
from tests.kit.hub_driver import CountedIds

BAR = RoomKey("rooms", "bar")
MAX_FRAMES, MAX_BYTES = 6, 900
ANN = 1


class ReplayMachine(RuleBasedStateMachine):
    """Ann sends numbers. `got` contains the frames that Ben's page has read, and `pipe` those that the hub has sent and
    the page has not read yet."""

    def __init__(self) -> None:
        super().__init__()
        limits = {"MAX_KEPT_FRAMES": MAX_FRAMES, "MAX_KEPT_BYTES": MAX_BYTES}
        self.patches = [patch.object(resumption, name, value) for name, value in limits.items()]
        for each in self.patches:
            each.start()
        self.now_s = 0.0
        self.ids = CountedIds()
        self.hub = self.new_hub()
        self.numbers, self.connections = count(1), count(2)
        self.sent: list[tuple[int, int]] = []
        """The number and size of each frame, except for frames that were lost in a gap."""
        self.got: list[int] = []
        self.pipe: list[tuple[int, int | None]] = []
        """For each frame, the number that the session gives it, and Ann's number, or None for a frame of the hub
        itself."""
        self.after = 0
        self.gap = False
        self.in_log: tuple[bytes, int] | None = None
        """While the disk is full: the state that the log contains, and how many frames were in `sent` at that time."""
        self.forgot = False
        """Whether Ben has not returned since a sidecar was killed while it could not write its log."""
        self.ben: int | None = next(self.connections)
        self.token = ""
        self.hub.handle(Join(connection=ANN, room=BAR, at_ms=0, peer="ann"), 0)
        self.read(self.hub.handle(Join(connection=self.ben, room=BAR, at_ms=0, peer="ben", resumable=True), 0))

    def new_hub(self) -> Hub:
        return Hub({"rooms": DIALECTS["rooms"].rules(Settings(grace_s=3600))}, 10, self.ids)

    def read(self, effects: list[Effect]) -> None:
        """Put the frames for Ben into the pipe, and handle answers to his join at once."""
        for send in effects:
            if not isinstance(send, Send) or self.ben not in send.connections:
                continue
            message = send.message
            if send.marks is not None:
                number = json.loads(message.payload)["n"] if isinstance(message, Relayed) else None
                self.pipe.append((send.marks[self.ben].s, number))
            elif isinstance(message, PeerList | Resumed):
                assert message.ticket is not None
                self.token = message.ticket.token
                assert message.ticket.durable is (self.in_log is None)
                if isinstance(message, Resumed):
                    self.forgot = False
                else:
                    self.start_anew_after(message.sent or 0)
            elif isinstance(message, NotResumed):
                assert message.why == "gap"
                self.gap = True

    def start_anew_after(self, s: int) -> None:
        """Ben gets a list of peers instead of the frames up to `s`, which must have been too many to keep."""
        missing = [size for _, size in self.sent[len(self.got) :]]
        notices = s - self.after - len(missing)
        if self.gap and not self.forgot:
            size = sum(missing) + notices * resumption.FRAME_BYTES
            assert s - self.after > MAX_FRAMES or size > MAX_BYTES, "nothing had to be dropped"
        elif not self.gap:
            assert s == 0
        self.after, self.gap, self.forgot = s, False, False
        del self.sent[len(self.got) :]

    @rule(padding=strategies.integers(0, 400))
    def ann_says_something(self, padding: int) -> None:
        number = next(self.numbers)
        payload = json.dumps({"n": number, "x": "x" * padding}).encode()
        self.sent.append((number, len(payload)))
        self.read(self.hub.handle(Relay(ANN, "signal", "ben", None, payload), self.now_s))

    @rule(frames=strategies.integers(1, 5))
    def ben_reads(self, frames: int) -> None:
        for s, number in self.pipe[:frames]:
            assert s == self.after + 1
            self.after = s
            self.got += [] if number is None else [number]
        del self.pipe[:frames]
        assert self.got == [number for number, _ in self.sent[: len(self.got)]]

    @precondition(lambda self: self.ben is not None)
    @rule()
    def ben_acknowledges(self) -> None:
        assert self.ben is not None
        self.read(self.hub.handle(Numbered(self.ben, Acknowledge(self.ben), a=self.after, c=None), self.now_s))

    @precondition(lambda self: self.ben is not None)
    @rule()
    def the_connection_is_lost(self) -> None:
        assert self.ben is not None
        self.hub.handle(End(self.ben, Ending.LOST), self.now_s)
        self.pipe.clear()
        self.ben = None

    @rule()
    def ben_resumes(self) -> None:
        """Ben may resume while the hub still treats his old connection as alive."""
        self.pipe.clear()
        self.ben = next(self.connections)
        join = Join(
            connection=self.ben,
            room=BAR,
            at_ms=0,
            peer="ben",
            token=self.token,
            after=self.after,
        )
        self.read(self.hub.handle(join, self.now_s))

    @precondition(lambda self: self.in_log is None)
    @rule()
    def the_disk_is_full(self) -> None:
        self.in_log = msgspec.json.encode(checkpoint(self.hub, self.now_s)), len(self.sent)
        self.read(self.hub.handle(SetLogState(is_written=False), self.now_s))

    @precondition(lambda self: self.in_log is not None)
    @rule()
    def the_disk_has_space(self) -> None:
        self.in_log = None
        self.read(self.hub.handle(SetLogState(is_written=True), self.now_s))

    @rule()
    def the_sidecar_is_killed(self) -> None:
        text = msgspec.json.encode(checkpoint(self.hub, self.now_s))
        if self.in_log is not None:
            text, count = self.in_log
            del self.sent[max(count, len(self.got)) :]
            self.in_log, self.forgot = None, True
        self.hub = self.new_hub()
        restore = Restore(self.hub)
        restore.start(msgspec.json.decode(text, type=Checkpoint), self.now_s)
        restore.finish(self.now_s)
        self.pipe.clear()
        self.ben = None
        ann = Join(connection=ANN, room=BAR, at_ms=0, peer="ann")
        self.hub.handle(ann, self.now_s)

    @rule(seconds=strategies.sampled_from((0.5, 2.0)))
    def time_passes(self, seconds: float) -> None:
        self.now_s += seconds
        self.read(self.hub.handle(Tick(), self.now_s))

    def teardown(self) -> None:
        try:
            self.ben_resumes()
            self.ben_reads(len(self.pipe))
            assert self.got == [number for number, _ in self.sent]
        finally:
            for each in self.patches:
                each.stop()


def test_a_waiting_frame_is_not_confused_with_a_lost_one() -> None:
    """Both frames have number 1. An old version forgot after the second restart which of them had been sent."""
    story = ReplayMachine()
    story.the_disk_is_full()
    story.ann_says_something(padding=0)
    story.ben_reads(frames=1)
    story.the_sidecar_is_killed()
    story.ann_says_something(padding=0)  # Ben is away, so the hub keeps this frame for him
    story.the_sidecar_is_killed()
    story.teardown()  # asserts that Ben resumes, and then has every frame


ReplayMachine.TestCase.settings = settings(stateful_step_count=40)
TestReplay = ReplayMachine.TestCase
