"""Sends HTTP and WebSocket requests to servers on this machine, and says why if there is no response."""

from __future__ import annotations

import base64
import http.client
import os
import socket
import ssl
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from signaling_sidecar.untrusted_text import visible

# The timeout of a request in seconds. It is short, because the servers are on this machine, and because Vite never
# answers an upgrade that no proxy rule matches.
ANSWERS_WITHIN_S = 2.0
MAX_BODY_BYTES = 65_536  # bytes; the sidecar's status has 4 KB
MAX_SHOWN_CHARS = 200  # characters of a response that are quoted in a sentence
GOODBYE = b"\x88\x82\0\0\0\0\x03\xe8"  # RFC 6455 5.5.1: a Close with code 1000, masked with zeros


class Answer(NamedTuple):
    status: int
    body: bytes
    location: str = ""
    challenge: str = ""
    """The header WWW-Authenticate, which names the kind of authentication that a request needs."""

    @property
    def needs_token(self) -> bool:
        """Whether a sidecar has refused the request because it had no access token."""
        return self.status == http.HTTPStatus.UNAUTHORIZED and self.challenge == "Bearer"

    @property
    def text(self) -> str:
        """The first line of the body, safe to print."""
        return visible(self.body.decode(errors="replace").partition("\n")[0][:MAX_SHOWN_CHARS])


class NoAnswer(Exception):
    """There was no HTTP response."""


class UnknownName(NoAnswer):
    """The host name cannot be resolved on this machine."""


class Refused(NoAnswer):
    """No program listens at the address."""


class Silent(NoAnswer):
    """The connection was accepted, but no response came in time."""


def get(url: str, *, accept: str = "application/json", by: str | None = None, token: str | None = None) -> Answer:
    """Send a GET request, with an access token if one is given.

    `by` is the host to connect to instead of that of the URL. Raises NoAnswer.
    """
    return _ask(url, {"Accept": accept} | ({} if token is None else {"Authorization": f"Bearer {token}"}), by)


def upgrade(url: str, *, by: str | None = None) -> Answer:
    """Open a WebSocket with the header Origin of a page at the URL, then close it. Raises NoAnswer."""
    key = base64.b64encode(os.urandom(16)).decode()
    headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": key}
    return _ask(url, headers | {"Origin": origin_of(url)}, by)


def origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _ask(url: str, headers: dict[str, str], by: str | None) -> Answer:
    parts = urlsplit(url)
    connection = _connection(parts, by or parts.hostname or "")
    path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
    try:
        connection.request("GET", path, headers={"Host": parts.netloc, **headers})
        response = connection.getresponse()
        body = response.read(MAX_BODY_BYTES)
        if response.status == http.HTTPStatus.SWITCHING_PROTOCOLS:
            connection.sock.sendall(GOODBYE)
        headers_of = response.headers.get
        return Answer(response.status, body, headers_of("Location", ""), headers_of("WWW-Authenticate", ""))
    except (socket.gaierror, UnicodeError) as error:  # UnicodeError: a part of the name is empty or too long
        raise UnknownName(str(error)) from error
    except ConnectionRefusedError as error:
        raise Refused(str(error)) from error
    except TimeoutError as error:
        raise Silent(str(error)) from error
    except (OSError, http.client.HTTPException) as error:
        raise NoAnswer(str(error) or type(error).__name__) from error
    finally:
        connection.close()


def _connection(parts: SplitResult, host: str) -> http.client.HTTPConnection:
    if parts.scheme != "https":
        return http.client.HTTPConnection(host, parts.port, timeout=ANSWERS_WITHIN_S)
    # The certificate is not verified, because dev servers use self-signed ones and the request stays on this machine.
    # `certificate_fault` checks separately whether devices trust it. `create_default_context` is not used,
    # because it loads the certificates of all authorities, which takes 25 ms of CPU time for each request.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(host, parts.port, timeout=ANSWERS_WITHIN_S, context=context)


def certificate_fault(url: str) -> str | None:
    """Return why this machine cannot get the certificate of an https URL or does not trust the certificate.

    Returns None if this machine trusts the certificate.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        with (
            socket.create_connection((host, parts.port or http.client.HTTPS_PORT), ANSWERS_WITHIN_S) as raw,
            ssl.create_default_context().wrap_socket(raw, server_hostname=host),
        ):
            return None
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    except (OSError, UnicodeError) as error:
        return str(error)
