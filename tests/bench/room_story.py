"""Generate the records of one room in which every peer connects to every other peer.

The records have the types, fields and sizes of the recorded logs in `notebooks/recorded`. A tenth of them contain a
session description of 1.5 kB, which is the size that a browser produces for audio and a data channel.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from typing import Any

import msgspec

from signaling_sidecar.hub.effects import Record

NAMES = ("Ann", "Ben", "Cleo", "Dan", "Eve", "Finn", "Gus", "Hal")
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/156.0.0.0 Safari/537.36"
_CODECS = (
    *("111 opus/48000/2", "63 red/48000/2", "9 G722/8000", "0 PCMU/8000", "8 PCMA/8000", "13 CN/8000"),
    *("110 telephone-event/48000", "126 telephone-event/8000", "0 L16/44100/2", "10 L16/44100", "101 CN/16000"),
)
_EXTENSIONS = (
    "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
    "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
    "urn:ietf:params:rtp-hdrext:sdes:mid",
)
_TRANSPORT = "c=IN IP4 0.0.0.0\r\na=ice-ufrag:{ufrag}\r\na=ice-pwd:{pwd}\r\na=ice-options:trickle\r\na=fingerprint:sha-256 {print}\r\na=setup:actpass\r\n"  # noqa: E501
_SDP = (
    "v=0\r\no=- {origin} 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\na=extmap-allow-mixed\r\n"
    "a=msid-semantic: WMS\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126\r\n" + _TRANSPORT + "a=mid:0\r\n"
    + "".join(f"a=extmap:{number} {name}\r\n" for number, name in enumerate(_EXTENSIONS, 1))
    + "a=sendrecv\r\na=rtcp-mux\r\na=rtcp-rsize\r\n" + "".join(f"a=rtpmap:{codec}\r\n" for codec in _CODECS)
    + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n" + _TRANSPORT
    + "a=mid:1\r\na=sctp-port:5000\r\na=max-message-size:262144\r\n"
)  # fmt: skip
_STATES = (
    {"connection": "new", "ice": "checking", "gathering": "gathering", "signaling": "stable", "dtls": "new"},
    {
        "connection": "connected",
        "ice": "connected",
        "gathering": "complete",
        "signaling": "stable",
        "dtls": "connected",
    },
)
_connections = itertools.count(1)
_encode = msgspec.json.Encoder().encode


class StoryPeer:
    """A peer in the room."""

    def __init__(self, name: str, rng: random.Random) -> None:
        self.id, self.page, self.session = _hex(rng, 24), _hex(rng, 24), _hex(rng, 16)
        self.name = name
        self.connection = next(_connections)
        self.frames = 0


class RoomStory:
    """One room. `records()` yields its records, and `present` contains the peers that are in the room at that time."""

    def __init__(self, room: str, rng: random.Random) -> None:
        self.room, self.dialect = room, rng.choices(("rooms", "mesh", "hosted"), (8, 1, 1))[0]
        self.present: list[StoryPeer] = []
        self._rng = rng

    def records(self) -> Iterator[Record]:
        rng = self._rng
        for name in NAMES[: rng.randint(2, len(NAMES))]:
            yield from self._comes(StoryPeer(name, rng))
            yield from self._passes_time(rng.choice(self.present))
        rng.shuffle(self.present)
        while self.present:
            yield from self._passes_time(rng.choice(self.present))
            yield from self._leaves(self.present[-1])
        yield self._of_room("room.ended", {"reason": "empty"})

    def _comes(self, peer: StoryPeer) -> Iterator[Record]:
        yield self._opened(peer)
        if not self.present:
            yield self._of_room("room.created", {"capacity": 100, "listed": True})
        token = _hex(self._rng, 64)
        self.present.append(peer)
        yield self._of(peer, "peer.joined", {"name": peer.name, "instance": peer.page, "token": token})
        yield self._trace(peer, {"event": "page", "secure": True, "media": True})
        for other in self.present[:-1]:
            yield from self._negotiate(peer, other)

    def _negotiate(self, peer: StoryPeer, other: StoryPeer) -> Iterator[Record]:
        ufrags, pcs = [_hex(self._rng, 8) for _ in range(2)], [_hex(self._rng, 24) for _ in range(2)]
        yield self._describes(peer, other, "offer", ufrags[0])
        yield self._describes(other, peer, "answer", ufrags[1])
        for one, two, ufrag in ((peer, other, ufrags[0]), (other, peer, ufrags[1])):
            for place in range(4):
                yield self._names_address(one, two, ufrag, place)
        # One pair in ten never connects.
        reached = _STATES[: 1 if self._rng.random() < 0.1 else 2]
        for state in reached:
            for side, (one, two) in enumerate(((peer, other), (other, peer))):
                ends = {"localUfrag": ufrags[side], "remoteUfrag": ufrags[1 - side]}
                yield self._trace(one, {"event": "state", **state, **ends, "pc": pcs[side], "peerId": two.id})

    def _passes_time(self, peer: StoryPeer) -> Iterator[Record]:
        rng = self._rng
        for _ in range(rng.randint(1, 6)):
            yield self._sends(peer, None, "broadcast", {"payload": {"x": rng.random(), "y": rng.random()}})
        if rng.random() < 0.2:
            yield self._of(peer, "connection.closed", {"ending": "lost", "by": "peer", "reason": "lost"})
            yield self._of(peer, "peer.away", {"ending": "lost", "grace_s": 30.0})
            peer.connection = next(_connections)
            yield self._opened(peer)
            yield self._of(peer, "peer.resumed", {"instance": peer.page})
        if rng.random() < 0.1:
            yield self._of(peer, "peer.updated", {"name": peer.name})
        if rng.random() < 0.05:
            refusal = {"code": "no-such-peer", "message": "no other peer 'zoe' in this room", "count": 1}
            yield self._of(peer, "signal.refused", refusal, to="zoe", kind="candidate")

    def _leaves(self, peer: StoryPeer) -> Iterator[Record]:
        self.present.remove(peer)
        yield self._of(peer, "peer.left", {"reason": "left"})
        yield self._of(peer, "connection.closed", {"ending": "left", "by": "peer", "reason": "left"})

    # --- records ------------------------------------------------------------------------------------------------------

    def _opened(self, peer: StoryPeer) -> Record:
        data = {"remote": "127.0.0.1", "origin": "http://localhost:5173", "user_agent": AGENT}
        return Record("connection.opened", self.dialect, connection=peer.connection, data=data)

    def _describes(self, peer: StoryPeer, to: StoryPeer, kind: str, ufrag: str) -> Record:
        rng = self._rng
        fingerprint = ":".join(f"{byte:02X}" for byte in rng.randbytes(32))
        sdp = _SDP.format(origin=rng.getrandbits(62), ufrag=ufrag, pwd=_hex(rng, 24), print=fingerprint)
        return self._sends(peer, to, kind, {"sdp": sdp, "round": 1, "link": _hex(rng, 24)})

    def _names_address(self, peer: StoryPeer, to: StoryPeer, ufrag: str, place: int) -> Record:
        rng = self._rng
        where = f"{_hex(rng, 32)}.local" if place < 3 else f"203.0.113.{rng.randint(1, 254)}"
        kind = "host" if place < 3 else "srflx raddr 0.0.0.0 rport 0"
        line = (
            f"candidate:{rng.getrandbits(32)} 1 udp 2113937151 {where} {rng.randint(1024, 65535)} typ {kind}"
            f" generation 0 ufrag {ufrag} network-cost 999"
        )
        candidate = {"candidate": line, "sdpMid": "0", "sdpMLineIndex": 0, "usernameFragment": ufrag}
        return self._sends(peer, to, "candidate", {"candidate": candidate, "link": _hex(rng, 24)})

    def _sends(self, peer: StoryPeer, to: StoryPeer | None, kind: str, frame: dict[str, Any]) -> Record:
        receivers = [each for each in self.present if each is not peer] if to is None else [to]
        for receiver in receivers:
            receiver.frames += 1
        numbers = {receiver.session: receiver.frames for receiver in receivers}
        named = {} if to is None else {"to": to.id}
        data = _encode({**frame, "type": kind, **named})
        return self._of(
            peer, "signal.relayed", data, to=to and to.id, kind=kind, size=len(data), numbers=numbers or None
        )

    def _trace(self, peer: StoryPeer, report: dict[str, Any]) -> Record:
        data = _encode({"type": "trace", **report, "page": peer.page[:16], "at": 1_795_000_000_000})
        return self._of(peer, "trace.state", data, size=len(data))

    def _of_room(self, type_: str, data: dict[str, Any]) -> Record:
        return Record(type_, self.dialect, self.room, data=data)

    def _of(self, peer: StoryPeer, type_: str, data: dict[str, Any] | bytes, **fields: Any) -> Record:
        who = {"peer": peer.id, "connection": peer.connection, "session": peer.session}
        return Record(type_, self.dialect, self.room, **who, data=data, **fields)


def _hex(rng: random.Random, digits: int) -> str:
    return f"{rng.getrandbits(4 * digits):0{digits}x}"
