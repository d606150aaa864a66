"""Send requests to the admin API of a running sidecar."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError

from signaling_sidecar.errors import AdminRefused, NotAnswered, NotRunning
from signaling_sidecar.eventlog.secure_context import is_insecure
from signaling_sidecar.eventlog.state_dir import is_running
from signaling_sidecar.untrusted_text import visible

TIMEOUT_S = 5.0  # seconds until a request fails because the sidecar does not respond
SHOWN_BYTES = 1000  # bytes of an error response that are read; other servers may respond with a whole page


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Does not follow redirects, because another server must not get the token."""

    def redirect_request(self, *_: Any) -> None:
        return None


# Proxies from the environment (`http_proxy`) are not used: they may apply to loopback too, and could read the token.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)


def warning_of_plain_http(url: str) -> str | None:
    """Return a warning if requests to this URL send the token over a network without encryption, or else None."""
    return f"the token is sent to {visible(url)} without encryption; use https" if is_insecure(url) else None


def ask_admin(
    url: str,
    token: str,
    method: str,
    path: str,
    body: dict[str, Any] | None = None,
    state_dir: Path | None = None,
) -> Any:
    """Send a request for `path` below `/admin/v1/`, and return the decoded JSON of the response.

    Raises `AdminRefused` for an error status, and `NotAnswered` if there is no valid response. If `state_dir` is given
    and the sidecar with this state folder has ended, `NotRunning` is raised instead of these errors, because the
    response may be from another program that uses the same port now.
    """
    try:
        with answering(url):
            return _ask(url, token, method, path, body)
    except (AdminRefused, NotAnswered):
        if state_dir is not None and not is_running(state_dir):
            raise NotRunning(str(state_dir)) from None
        raise


def _ask(url: str, token: str, method: str, path: str, body: dict[str, Any] | None) -> Any:
    try:
        with open_admin(url, token, method, path, body) as answer:
            return json.load(answer)
    except HTTPError as error:
        raise AdminRefused(*refusal_of(error)) from None


@contextmanager
def answering(url: str) -> Iterator[None]:
    """In the `with` block, replace the exceptions of a request by NotAnswered. HTTPError is not replaced.

    urllib raises URLError only for errors while it connects and sends the request. Errors while the response is read
    are exceptions of several other types.
    """
    if not url.startswith(("http://", "https://")):
        raise NotAnswered(url, "the URL must begin with http:// or https://")
    try:
        yield
    except HTTPError:
        raise
    except URLError as error:
        raise NotAnswered(url, str(error.reason)) from None
    except (
        OSError,
        HTTPException,
        ValueError,
    ) as error:  # the connection was lost, the response is not HTTP, or the port is invalid
        raise NotAnswered(url, visible(str(error) or type(error).__name__)) from None


def open_admin(
    url: str,
    token: str,
    method: str,
    path: str,
    body: dict[str, Any] | None = None,
    timeout_s: float | None = TIMEOUT_S,
) -> HTTPResponse:
    """Send a request and return the response without reading it. The exceptions of urllib are not converted.

    If `timeout_s` is None, reading the response may take any time, for example when it is a stream of records.
    """
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{url.rstrip('/')}/admin/v1/{path}", data, headers, method=method)
    response: HTTPResponse = _opener.open(request, timeout=timeout_s)
    return response


def refusal_of(error: HTTPError) -> tuple[str, str]:
    """Return the code and the sentence with which the sidecar has refused a request, and close the response.

    If a server that is not a sidecar has answered, the code is the HTTP status.
    """
    with error:
        text = error.read(SHOWN_BYTES).decode(errors="replace").strip()
    try:
        said = json.loads(text)
        return visible(str(said["code"])), visible(str(said["message"]))
    except (ValueError, KeyError, TypeError):
        return str(error.code), visible(text or error.reason)
