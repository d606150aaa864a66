"""Defines the settings of the sidecar, each with its type, its default and its help text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any

from signaling_sidecar.allow_list import HOSTS, ORIGINS, host_entry, origin_entry
from signaling_sidecar.settings.kinds import (
    JWT_SECRET,
    SHARED_SECRET,
    Kind,
    dialects,
    existing_folder,
    file,
    folder,
    ice_servers,
    list_of,
    networks,
    one_of,
    redis_url,
    seconds,
    secret,
    switch,
    text,
    whole,
)

DEFAULT_PORT = 8765
MIB = 1024 * 1024
MAX_DRAIN_S = 300  # seconds; the sidecar may keep running for that long after SIGTERM
MAX_GRACE_S = 3600  # seconds; a longer grace period would also keep the segments of the event log for longer


def _setting(kind: Kind, default: Any, help_: str, *, live: bool = True) -> Any:
    """`live` tells whether a running sidecar uses a new value of the setting as soon as the settings file is saved."""
    return field(default=default, repr=not kind.is_secret, metadata={"kind": kind, "help": help_, "live": live})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The values of all settings. PROTOCOLS.md, "Limits", lists the default limits."""

    host: str = _setting(
        text(), "127.0.0.1", "the address to listen on; `::` listens on all IPv4 and IPv6 addresses", live=False
    )
    port: int = _setting(whole(0, 65535), DEFAULT_PORT, "the port to listen on; 0 chooses a free port", live=False)
    project: Path = _setting(
        existing_folder(),
        Path(),
        "the folder of the project (default: the current folder); each project has a state folder of its own",
        live=False,
    )
    state_dir: Path | None = _setting(
        folder(),
        None,
        "the folder for the event log (default: that of the project); it must be outside every folder that Vite serves",
        live=False,
    )
    private: bool = _setting(
        switch(),
        False,
        "hide this sidecar, which serves only the tests of an app, from commands that look for the project's sidecar",
        live=False,
    )
    allow_origin: tuple[str, ...] = _setting(
        list_of(origin_entry, ORIGINS, "ORIGIN"),
        (),
        "also accept connections from pages of this origin; `vscode-webview://*` accepts any id after the slashes, and "
        "`*` accepts the pages of every website that is open in a browser on this machine",
    )
    allow_host: tuple[str, ...] = _setting(
        list_of(host_entry, HOSTS, "NAME"),
        (),
        "also accept requests with this name in the Host header; `.example.com` accepts the name and its subdomains, "
        "and `*` accepts every name, including one that a website points at this machine (DNS rebinding)",
    )
    auth: str = _setting(
        one_of("none", "token", "jwt"),
        "none",
        "what a client must send to connect: nothing, the secret in SIDECAR_AUTH_TOKEN or --auth-token-file, or a JSON "
        "Web Token that another program has signed",
        live=False,
    )
    auth_token: str | None = _setting(
        SHARED_SECRET, None, 'the secret that every client must send with `auth = "token"`', live=False
    )
    auth_token_file: Path | None = _setting(
        file(), None, "a file with the secret that every client must send with --auth token", live=False
    )
    jwt_algorithm: str | None = _setting(
        one_of("HS256", "RS256", "ES256"),
        None,
        "the only algorithm by which tokens may be signed; required with --auth jwt",
        live=False,
    )
    jwt_secret: str | None = _setting(
        JWT_SECRET, None, "the secret by which tokens are signed with the algorithm HS256", live=False
    )
    jwt_key_file: Path | None = _setting(
        file(),
        None,
        "the key for verifying tokens, which is read again when the file changes: a public key (PEM), a set of public "
        "keys (JWKS), or for HS256 the secret, if it is not in SIDECAR_JWT_SECRET",
        live=False,
    )
    jwt_audience: str | None = _setting(
        text(), None, "the audience (`aud`) that a token must name; required with --auth jwt", live=False
    )
    jwt_issuer: str | None = _setting(
        text(), None, "the issuer (`iss`) that a token must name; by default every issuer is accepted", live=False
    )
    insecure: bool = _setting(
        switch(),
        False,
        "listen on an address that other machines can reach, although --auth, --allow-host or --allow-origin is not "
        "set: then everybody who can reach the port, and any website that is open in the browser of a machine that can "
        "reach it, can read and send in every room",
        live=False,
    )
    trusted_proxies: tuple[str, ...] = _setting(
        networks(),
        (),
        "the addresses of reverse proxies; only their X-Forwarded-For header is trusted to tell a client's address",
    )
    advice: str = _setting(
        one_of("flags", "plugin"),
        "flags",
        "whether messages about refused connections advise to set flags of this command or options of the Vite plugin",
    )
    dialects: tuple[str, ...] = _setting(
        dialects(()),
        (),
        "the wire protocols that clients can use; by default all that `sidecar dialects` lists",
        live=False,
    )
    cluster: str | None = _setting(
        redis_url(),
        None,
        "the URL of the Redis server by which several sidecars share their rooms, such as redis://localhost:6379/0",
        live=False,
    )
    cluster_password: str | None = _setting(secret(), None, "the password of the cluster's Redis server", live=False)
    cluster_lease_s: float = _setting(
        seconds(60.0, 0.5),
        3.0,
        "how long a sidecar of a cluster may be silent until another one takes over its work",
        live=False,
    )
    hooks: Path | None = _setting(
        file(),
        None,
        "a Python file with hooks, which is loaded again whenever it is saved",
        live=False,
    )
    announce: bool = _setting(
        switch(),
        False,
        "announce this project's page on the local network by multicast DNS, and find the pages of other projects",
        live=False,
    )
    grace_s: float = _setting(
        seconds(MAX_GRACE_S),
        30.0,
        "how long a peer of the protocols `rooms`, `hosted` and `peerjs` that lost its connection stays in its room",
    )
    drain_s: float = _setting(
        seconds(MAX_DRAIN_S),
        0.0,
        "how long the sidecar may take to close its connections in waves after SIGTERM, so that its clients do not all "
        "come back at once; Ctrl-C and a second SIGTERM close them at once",
    )
    log_format: str = _setting(
        one_of("text", "json"),
        "text",
        "whether messages are written to stderr as text, or as one JSON object in each line",
        live=False,
    )
    payloads: str = _setting(
        one_of("full", "summary", "none"), "full", "what the event log records of the payload of each signal"
    )
    max_peers_per_room: int = _setting(
        whole(1, 10_000, "peers"),
        100,
        "the most peers in one room; it applies to the protocol `peerjs` only with --peerjs-rooms-by-prefix",
    )
    max_rooms: int = _setting(
        whole(1, 1_000_000, "rooms"), 10_000, "the most rooms; in a cluster, of all its sidecars together"
    )
    max_connections: int = _setting(whole(1, 1_000_000, "connections"), 5_000, "the most connections to this sidecar")
    pairing_cross_code: bool = _setting(
        switch(), False, "allow a peer of the protocol `pairing` to send to a pairing code other than its own"
    )
    pairing_codes_per_minute: int = _setting(
        whole(1, 1_000_000, "codes"), 10, "the most pairing codes that one connection may try per minute"
    )
    pairing_codes_per_minute_per_address: int = _setting(
        whole(1, 1_000_000, "codes"),
        100,
        "the most pairing codes that all connections from one address may try per minute, not counting the first three "
        "of each connection",
    )
    peerjs_key: str | None = _setting(
        text(), None, "the only API key that clients of the protocol `peerjs` may use; by default any key is accepted"
    )
    peerjs_discovery: bool = _setting(
        switch(), False, "let pages list the ids of the connected peers of the protocol `peerjs` (`listAllPeers`)"
    )
    peerjs_rooms_by_prefix: bool = _setting(
        switch(),
        False,
        "put peers of the protocol `peerjs` whose ids begin with the same word and a hyphen, such as `bar-alice` and "
        "`bar-bob`, into a room of that name; peers in different rooms cannot call each other",
    )
    peerjs_expire_unknown_ids: bool = _setting(
        switch(),
        False,
        "tell a peer of the protocol `peerjs` at once, instead of after 5 seconds, that the peer it calls is "
        "unavailable, if no peer with this id has ever been connected",
    )
    hosted_idle_s: float = _setting(
        seconds(30 * 86_400),
        86_400.0,
        "how long a room of the protocol `hosted` is kept when no peer in it sends a frame; 0 keeps it for ever",
    )
    ice_servers: tuple[str, ...] = _setting(
        ice_servers(),
        (),
        "the STUN and TURN servers that pages should use; by default there is none, so pages contact no server outside "
        "the local network; TURN servers need SIDECAR_TURN_SECRET too",
    )
    turn_secret: str | None = _setting(
        secret(), None, "coturn's `static-auth-secret`, from which passwords for TURN servers are generated", live=False
    )
    metrics_token: str | None = _setting(
        SHARED_SECRET, None, "a token that allows to read `/metrics` and nothing else, for Prometheus", live=False
    )
    turn_password_s: float = _setting(
        seconds(30 * 86_400),
        86_400.0,
        "how long a generated TURN password is valid; our browser client asks for another one in time, and any other "
        "client must join again for one",
    )
    max_frame_bytes: int = _setting(whole(1024, 16 * MIB, "bytes"), 262_144, "the largest frame, in bytes")
    max_frames_per_s: int = _setting(
        whole(1, 1_000_000, "frames"), 100, "the most frames per second from one connection, on average"
    )
    max_frames_burst: int = _setting(
        whole(1, 1_000_000, "frames"), 500, "the most frames that one connection may send at once"
    )
    max_outbox_bytes: int = _setting(
        whole(1024, 1024 * MIB, "bytes"),
        262_144,
        "the most bytes waiting to be sent to a client; a client that reads too slowly is disconnected",
    )
    log_segment_bytes: int = _setting(
        whole(1024, 1024 * MIB, "bytes"),
        8 * MIB,
        "the size in bytes at which the event log begins a new file (a segment); a restart reads the last segment",
    )
    log_total_bytes: int = _setting(
        whole(1024, 1024 * 1024 * MIB, "bytes"),
        256 * MIB,
        "the most bytes of finished segments that are kept; older segments are deleted",
    )


def all_settings() -> Iterator[tuple[Field[Any], Kind]]:
    for each in fields(Settings):
        yield each, each.metadata["kind"]
