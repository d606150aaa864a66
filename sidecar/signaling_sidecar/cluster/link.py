"""The two connections of an instance to Redis: one runs scripts, and one waits for new entries of streams."""

from __future__ import annotations

import asyncio
import logging
import re
import ssl
from collections.abc import Awaitable, Mapping
from typing import Any, NamedTuple

from signaling_sidecar.cluster.round_trips import RoundTrips
from signaling_sidecar.cluster.scripts import digest_of
from signaling_sidecar.errors import MissingExtra, RedisUnusable

OLDEST = (6, 2)  # the version of Redis; older ones have no XTRIM with MINID, and no ZADD with GT
PAGE = 1000  # the most entries in one answer
ANSWER_WITHIN_S = 5.0  # seconds; after this time a command is sent again on another connection

_TOO_OLD = "its version is {}, and version 6.2 or a later one is needed"
_OTHER_MODES = {
    "cluster": "it is a node of a Redis Cluster, and only a single server can be used",
    "sentinel": "it is a Sentinel, and the URL must name the server itself or a proxy that forwards to it",
}
_NO_FILE = "a file that the query of the URL names cannot be read: {}"
_NOT_TRUSTED = (
    "its certificate is not accepted: {}; the query of the URL can name a file of authorities as ssl_ca_certs"
)
_NOT_ENCRYPTED = (
    f"there is no answer within {ANSWER_WITHIN_S:g} s: if the server does not encrypt, the URL must begin with redis://"
)
_ENCRYPTED = "it closed the connection: if it expects encryption, the URL must begin with rediss://"

logger = logging.getLogger("signaling_sidecar")


class RedisAway(Exception):
    """Redis does not answer, or refuses every command at the moment. It may have carried out the command nevertheless.

    The text of the exception is only for operators. `what` is a sentence without details, which anybody may read.
    """

    def __init__(self, reason: str, what: str = "Redis does not answer") -> None:
        super().__init__(reason)
        self.what = what


class Server(NamedTuple):
    version: str
    maxmemory_policy: str
    """The Redis setting `maxmemory-policy`: what Redis does when its memory is full."""


class Entry(NamedTuple):
    """An entry of a stream."""

    id: str
    fields: Mapping[bytes, bytes]


def place_of(id_: str) -> tuple[int, int]:
    """Return the two numbers in the id of an entry. Unlike the id, they sort in the order of the entries."""
    ms, _, number = id_.partition("-")
    return int(ms), int(number)


def just_before(id_: str) -> str:
    """Return the highest id below `id_`. Reading the entries after the returned id begins with the entry `id_`."""
    ms, number = place_of(id_)
    if number:
        return f"{ms}-{number - 1}"
    return f"{ms - 1}-{2**64 - 1}"


class Link:
    """Must be created in a running event loop. Raises MissingExtra, or RedisUnusable for a URL that cannot be used.

    Scripts use one connection, and blocking reads use another one, so a cluster of N instances has 2 N connections. The
    Redis client is told not to retry commands, because only the caller knows which of them may be carried out twice.
    """

    def __init__(self, url: str, password: str | None) -> None:
        try:
            from redis import asyncio as redis
            from redis.asyncio.retry import Retry
            from redis.backoff import NoBackoff
            from redis.exceptions import AuthenticationError, BusyLoadingError, NoScriptError, RedisError, ResponseError
        except ImportError as error:
            raise MissingExtra("a cluster", "cluster") from error
        # RuntimeError: uvloop cannot write, because the server has closed the connection a moment ago.
        self._errors = (RedisError, OSError, asyncio.TimeoutError, RuntimeError)
        self._no_script, self._not_let_in = NoScriptError, AuthenticationError
        self._refuses = (ResponseError, BusyLoadingError)
        self._has_password = password is not None
        self._is_encrypted = url.startswith("rediss:")
        try:
            # `Any`, because redis-py's types do not say that all answers are bytes when decode_responses is not set.
            clients: list[Any] = [
                redis.Redis.from_url(
                    url,
                    password=password,
                    single_connection_client=True,
                    retry=Retry(NoBackoff(), 0),
                    socket_timeout=ANSWER_WITHIN_S,
                    socket_connect_timeout=ANSWER_WITHIN_S,
                )
                for _ in range(2)
            ]
        except ValueError as error:
            raise RedisUnusable(str(error)) from error
        self._scripts, self._reads = clients
        self._one_at_a_time = asyncio.Lock()
        self._time = asyncio.get_running_loop().time
        self.round_trips = RoundTrips()
        """How long Redis takes to answer scripts."""

    async def check_server(self) -> Server:
        """Return the version of Redis and its setting `maxmemory-policy`. Raises RedisUnusable if Redis does not
        answer, is too old, is a node of a Redis Cluster, or is a Sentinel."""
        try:
            told = await self._scripts.info()  # before version 7, INFO accepts only one section
        except self._errors as error:
            await self._drop(self._scripts)
            raise RedisUnusable(self._reason(error)) from error
        version = str(told.get("redis_version", ""))
        numbers = tuple(int(each) for each in version.split(".")[:2] if each.isdigit())
        if numbers < OLDEST:
            raise RedisUnusable(_TOO_OLD.format(version))
        mode = told.get("redis_mode", told.get("server_mode"))  # Valkey has only the second name
        if mode in _OTHER_MODES:
            raise RedisUnusable(_OTHER_MODES[mode])
        return Server(version, str(told.get("maxmemory_policy", "")))

    def _reason(self, error: Exception) -> str:
        """Return the reason why the first command to Redis has failed, for operators."""
        text = str(error)
        if "HELLO" in text and "unknown command" in text:
            return _TOO_OLD.format("5 or older")
        if (trouble := self._password_trouble(error)) is not None:
            return f"it {trouble}"
        match error.__context__:
            case ssl.SSLCertVerificationError(verify_message=why):
                return _NOT_TRUSTED.format(why.rstrip("."))
            case FileNotFoundError() | PermissionError() | IsADirectoryError() as unreadable if self._is_encrypted:
                return _NO_FILE.format(unreadable.strerror)
            case TimeoutError() if self._is_encrypted:
                return _NOT_ENCRYPTED
            case ConnectionResetError() if not self._is_encrypted:
                return _ENCRYPTED
        if isinstance(error, RuntimeError) and not self._is_encrypted:
            return _ENCRYPTED
        return _short(error).rstrip(".")

    def _password_trouble(self, error: Exception) -> str | None:
        if isinstance(error, self._not_let_in) or str(error).startswith(("HELLO must be called", "NOAUTH")):
            return "does not accept the password" if self._has_password else "requires a password"
        return None

    def _what_is_wrong(self, error: Exception) -> str:
        """Return the reason why a command to Redis, other than the first one, has failed. Anybody may read it, so it
        has no details."""
        if "'maxmemory'" in str(error):
            return "the memory of Redis is full"
        trouble = self._password_trouble(error)
        if trouble is None:
            trouble = "refuses commands" if isinstance(error, self._refuses) else "does not answer"
        return f"Redis {trouble}"

    async def close(self) -> None:
        for client in (self._scripts, self._reads):
            await client.aclose()

    async def run(self, script: str, *arguments: str | bytes | int) -> list[Any]:
        """Run a script, and return its result. Raises RedisAway."""
        async with self._one_at_a_time:
            began_s = self._time()
            try:
                result = await self._answer(self._scripts, self._scripts.evalsha(digest_of(script), 0, *arguments))
            except self._no_script:  # Redis has not seen this script since it started
                result = await self._answer(self._scripts, self._scripts.eval(script, 0, *arguments))
            self.round_trips.add(began_s, self._time())
        return result  # type: ignore[no-any-return]

    async def read(self, places: Mapping[str, str], block_ms: int | None) -> dict[str, list[Entry]]:
        """Return new entries. `places` maps each stream to the id after which its entries are read. Waits up to
        `block_ms` for the first entry, or does not wait if `block_ms` is None. Raises RedisAway."""
        found = await self._answer(self._reads, self._reads.xread(dict(places), count=PAGE, block=block_ms))
        return {name.decode(): [Entry(id_.decode(), fields) for id_, fields in entries] for name, entries in found}

    async def fetch(self, stream: str, after: str) -> list[Entry]:
        """Return the next entries of a stream after the id `after`, without waiting. Raises RedisAway."""
        async with self._one_at_a_time:
            found = await self._answer(self._scripts, self._scripts.xrange(stream, min=f"({after}", count=PAGE))
        return [Entry(id_.decode(), fields) for id_, fields in found]

    async def _answer(self, client: Any, command: Awaitable[Any]) -> Any:
        """Return the answer to a command of this client. Raises RedisAway.

        After a failure, this closes the connection. Otherwise a late answer to this command could be read as the answer
        to the next one.
        """
        try:
            answer = await command
        except self._no_script:
            raise
        except self._errors as error:
            await self._drop(client)
            _raise_if_cancelled()
            raise RedisAway(_short(error), self._what_is_wrong(error)) from error
        except asyncio.CancelledError:
            await self._drop(client)
            raise
        _raise_if_cancelled()
        return answer

    @staticmethod
    async def _drop(client: Any) -> None:
        """Close the connection of a client. The client opens a new one for its next command."""
        if client.connection is not None:
            await client.connection.disconnect(nowait=True)


def _short(error: Exception) -> str:
    """Return the text of an error without the line of the Lua script, and without the arguments of an unknown command,
    which may contain secrets."""
    if isinstance(error, RuntimeError):  # its text describes an object of uvloop
        return "it closed the connection"
    return re.split(" script: |, with args beginning with: ", str(error), maxsplit=1)[0]


def _raise_if_cancelled() -> None:
    """Raise CancelledError if this task was cancelled. redis-py uses asyncio's wait_for, which loses some cancellations
    before Python 3.12."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
