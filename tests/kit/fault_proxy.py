"""A TCP proxy that can break connections as networks do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

CHUNK_BYTES = 65_536
Pair = tuple[asyncio.StreamWriter, asyncio.StreamWriter]


class FaultProxy:
    """Forwards every connection to a port of this machine. A test can break or delay the connections."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.upstream = port
        """The port to which new connections are forwarded."""
        self._pairs: list[Pair] = []
        self._flows = asyncio.Event()
        self._flows.set()
        self._tasks: set[asyncio.Task[None]] = set()

    def reset(self) -> None:
        """Reset every connection at both ends."""
        for pair in self._pairs:
            _reset(pair)

    def half_close(self) -> None:
        """Close the direction from the server to the clients. Data of the clients still arrives."""
        for client, _ in self._pairs:
            with suppress(OSError):
                client.write_eof()

    def hold(self) -> None:
        """Hold all data back in both directions from now on."""
        self._flows.clear()

    async def stall(self, seconds: float) -> None:
        """Hold all data back in both directions for this time, and then let it pass."""
        self.hold()
        await asyncio.sleep(seconds)
        self._flows.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self.upstream)
        except OSError:  # the server is down, so this connection is closed
            writer.transport.abort()
            return
        finally:
            self._tasks.discard(task)
        pair = (writer, server_writer)
        self._pairs.append(pair)
        self._tasks.add(task)
        try:
            await asyncio.gather(self._pump(reader, server_writer, pair), self._pump(server_reader, writer, pair))
        finally:
            self._pairs.remove(pair)
            self._tasks.discard(task)
            _reset(pair)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pair: Pair) -> None:
        try:
            while chunk := await reader.read(CHUNK_BYTES):
                await self._flows.wait()
                writer.write(chunk)
                await writer.drain()
            if not writer.is_closing():
                writer.write_eof()
        except (OSError, RuntimeError):  # one end was reset, or `half_close` has closed this direction
            _reset(pair)

    async def stop(self) -> None:
        """Break all connections, and wait until the tasks that served them have ended."""
        self._flows.set()
        while self._tasks:
            self.reset()
            await asyncio.sleep(0.01)


def _reset(pair: Pair) -> None:
    for writer in pair:
        writer.transport.abort()


@asynccontextmanager
async def fault_proxy(upstream: int) -> AsyncIterator[FaultProxy]:
    proxy = FaultProxy(upstream)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.stop()
