"""Write an event log with the hub and the log writer of a sidecar, but without connections."""

from __future__ import annotations

import itertools
import random
from contextlib import suppress
from pathlib import Path

from signaling_sidecar.dialects import DIALECTS
from signaling_sidecar.eventlog import LogWriter, state_dir
from signaling_sidecar.eventlog.boot_ids import new_boot_id
from signaling_sidecar.eventlog.retention import SEGMENT_GLOB
from signaling_sidecar.hub import Hub, checkpoint, commands
from signaling_sidecar.hub.commands import Command
from signaling_sidecar.hub.effects import Record, Send
from signaling_sidecar.hub.rules import RoomKey
from signaling_sidecar.server.random_ids import RandomIds
from signaling_sidecar.settings import Settings

ROOMS, PEERS = 250, 4
"""The number of rooms, and of peers in each room. So a restart has to restore a thousand sessions."""
PAYLOAD_BYTES = (150, 150, 150, 1500)
"""The sizes of the relayed frames: three candidates for each description."""
FRAMES_OF_A_PEER = 200  # frames after which a peer leaves its room, and another one joins in its place
FRAMES_OF_A_TICK = 20
STEP_S = 0.001
LAST_SHARE = 0.97
"""How full the last segment is at the end. A restart reads the last segment."""


class _Peer:
    def __init__(self, room: RoomKey, number: int) -> None:
        self.room, self.id, self.connection = room, f"peer-{number}", number
        self.relayed = 0
        self.arrived = 0
        """The number of the last frame that was sent to this peer."""


class _Sidecar:
    """Simulates a busy sidecar in which the sessions of all clients can be resumed."""

    def __init__(self, folder: Path) -> None:
        settings = Settings()
        self._hub = Hub({name: each.rules(settings) for name, each in DIALECTS.items()}, ROOMS, RandomIds())
        self._now_s = 0.0
        self._rng = random.Random(1)
        self._numbers = itertools.count(1)
        self._peers: dict[int, _Peer] = {}
        """Maps the number of each connection to its peer."""
        self.log = LogWriter(
            folder,
            new_boot_id(folder),
            header={},
            checkpoint=lambda: checkpoint(self._hub, self._now_s),
            payloads=settings.payloads,
            segment_bytes=settings.log_segment_bytes,
            total_bytes=settings.log_total_bytes,
            keep_s=0.0,
            complain=print,
        )
        self.log.open()
        rooms = [RoomKey("rooms", f"room-{number}") for number in range(ROOMS)]
        self._rooms = [[self._join(room) for _ in range(PEERS)] for room in rooms]

    def tick(self) -> None:
        for _ in range(FRAMES_OF_A_TICK):
            self._now_s += STEP_S
            self._relay(self._rng.choice(self._rooms))
        self._do(commands.Tick())
        self.log.flush()

    def _join(self, room: RoomKey) -> _Peer:
        peer = _Peer(room, next(self._numbers))
        self._peers[peer.connection] = peer
        join = commands.Join(
            connection=peer.connection, room=room, at_ms=0, peer=peer.id, instance=f"page-{peer.id}", resumable=True
        )
        self._do(join)
        return peer

    def _relay(self, room: list[_Peer]) -> None:
        sender, receiver = self._rng.sample(room, 2)
        sender.relayed += 1
        text = self._rng.randbytes(self._rng.choice(PAYLOAD_BYTES) // 2).hex()
        payload = b'{"type":"offer","from":"%s","sdp":"%s"}' % (sender.id.encode(), text.encode())
        relay = commands.Relay(sender.connection, "offer", receiver.id, None, payload)
        self._do(commands.Numbered(sender.connection, relay, a=sender.arrived, c=sender.relayed))
        if sender.relayed == FRAMES_OF_A_PEER:
            self._do(commands.Leave(connection=sender.connection))
            del self._peers[sender.connection]
            room[room.index(sender)] = self._join(sender.room)

    def _do(self, command: Command) -> None:
        for effect in self._hub.handle(command, self._now_s):
            if isinstance(effect, Record):
                self.log.append(effect)
            elif isinstance(effect, Send):
                for connection, mark in (effect.marks or {}).items():
                    self._peers[connection].arrived = mark.s


def write_full_log(folder: Path, total_bytes: int) -> None:
    """Write the log of one run, until it has at least this size and its last segment is nearly full."""
    state_dir.create(folder)
    sidecar = _Sidecar(folder)
    full_bytes = LAST_SHARE * Settings().log_segment_bytes
    while size_of_log(folder) < total_bytes or sidecar.log.path.stat().st_size < full_bytes:
        sidecar.tick()
    sidecar.log.close()


def size_of_log(folder: Path) -> int:
    size = 0
    for path in folder.glob(SEGMENT_GLOB):
        with suppress(FileNotFoundError):  # meanwhile, the writer of the log may have compressed or deleted the segment
            size += path.stat().st_size
    return size
