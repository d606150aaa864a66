"""Builds the list of STUN and TURN servers that each client gets with its peer list."""

from __future__ import annotations

import base64
import hmac
from urllib.parse import quote

import msgspec

from signaling_sidecar.hub.views import JsonText
from signaling_sidecar.settings import Settings


class _IceServer(msgspec.Struct, omit_defaults=True):
    """An `RTCIceServer` of WebRTC 1.0."""

    urls: list[str]
    username: str | None = None
    credential: str | None = None


class IceServers:
    """The configured STUN and TURN servers. A new TURN password is generated for each peer list, and is not stored."""

    def __init__(self, settings: Settings) -> None:
        self._stun = [url for url in settings.ice_servers if url.startswith("stun")]
        self._turn = [url for url in settings.ice_servers if url.startswith("turn")]
        self._secret = settings.turn_secret
        self._password_s = settings.turn_password_s

    def for_peer(self, peer: str, now_ts: float) -> JsonText:
        """Return the list of servers as JSON text, or UNSET if there are none. `now_ts` is in seconds since the
        epoch."""
        servers = [_IceServer(self._stun)] if self._stun else []
        if self._turn and self._secret is not None:
            # The peer id is quoted, because TURN servers apply SASLprep to it, which refuses some characters.
            username = f"{int(now_ts + self._password_s)}:{quote(peer, safe='')}"
            servers.append(_IceServer(self._turn, username, _password(self._secret, username)))
        return msgspec.Raw(msgspec.json.encode(servers)) if servers else msgspec.UNSET


def _password(secret: str, username: str) -> str:
    """Compute the password for a user name that contains the time at which the password expires.

    TURN servers compute it in the same way: draft-uberti-behave-turn-rest-00, section 2.2; coturn's `use-auth-secret`.
    """
    return base64.b64encode(hmac.digest(secret.encode(), username.encode(), "sha1")).decode()
