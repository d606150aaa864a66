"""Clients of the dialect `hosted`, for tests with real sockets."""

from __future__ import annotations

from typing import Any

from tests.kit.serving import Peer, Served

ROOM = "living-room"
CANONICAL = f"/ws/signaling/hosted/{ROOM}"
AT_MS = 1735171200000


class User:
    """The connection of one user. It adds to every frame the fields that all frames need."""

    def __init__(self, peer: Peer, user: str) -> None:
        self.peer, self.user = peer, user

    def frame(self, kind: str, **more: Any) -> dict[str, Any]:
        return {"type": kind, "roomId": ROOM, "userId": self.user, "timestamp": AT_MS, **more}

    async def send(self, kind: str, **more: Any) -> None:
        await self.peer.send(self.frame(kind, **more))

    async def ask(self, kind: str, **more: Any) -> dict[str, Any]:
        return await self.peer.ask(self.frame(kind, **more))

    async def receive(self) -> dict[str, Any]:
        return await self.peer.receive()

    async def hears(self, kind: str) -> dict[str, Any]:
        frame = await self.receive()
        assert frame["type"] == kind, frame
        return frame

    async def hears_nothing(self) -> None:
        await self.peer.hears_nothing()

    async def closed(self) -> tuple[int | None, str | None]:
        return await self.peer.closed()

    async def goes(self) -> None:
        """Close the connection. The user is then away, because in this dialect only LEAVE_ROOM is a leave."""
        await self.peer.socket.close()
        await self.peer.settled()


async def connected(served: Served, user: str, path: str = CANONICAL, **options: Any) -> User:
    return User(await served.connect(path, **options), user)


async def host(served: Served, user: str = "hugo", **options: Any) -> User:
    """Connect a user who creates the room."""
    creator = await connected(served, user, **options)
    assert (await creator.ask("CREATE_ROOM", userName=user.title(), roomName="Films"))["type"] == "ROOM_CREATED"
    return creator


async def guest(served: Served, user: str, *present: User, **options: Any) -> User:
    """Connect a user who joins the room, and read the announcement that each user in `present` receives."""
    joiner = await connected(served, user, **options)
    assert (await joiner.ask("JOIN_ROOM", userName=user.title()))["type"] == "ROOM_JOINED"
    for other in present:
        assert (await other.hears("USER_JOINED"))["joinedUser"]["id"] == user
    return joiner


async def room_of(served: Served, *users: str) -> list[User]:
    """Create a room. The first user is the host, and the others join in this order."""
    members = [await host(served, users[0])]
    for user in users[1:]:
        members.append(await guest(served, user, *members))
    return members


def error_of(frame: dict[str, Any]) -> str:
    """Return the text of an ERROR, and check its fields."""
    assert frame["type"] == "ERROR", frame
    assert {"type", "error", "code", "timestamp"} <= set(frame) <= {"type", "error", "details", "code", "timestamp"}
    assert isinstance(frame["timestamp"], int)
    assert isinstance(frame["code"], str)
    text: str = frame["error"]
    return text


def users_of(frame: dict[str, Any]) -> dict[str, bool]:
    """Return the users in the room that a frame describes, in their order, and whether each is connected."""
    return {user["id"]: user["isConnected"] for user in frame["roomState"]["users"]}
