"""`sidecar doctor` reports a missing network as an error only if other devices should connect."""

from __future__ import annotations

import os
import socket
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest

from signaling_sidecar.doctor import Level, check_vite_and_network, checks
from signaling_sidecar.doctor.network import check_addresses, check_reachability
from signaling_sidecar.doctor.vite import Vite
from signaling_sidecar.site import Site

NOBODY_THERE = "http://localhost:9/"  # the discard port, on which no program listens


@pytest.mark.parametrize(("for_others", "level"), [(False, Level.NOTE), (True, Level.WRONG)])
def test_a_missing_network_is_an_error_only_if_other_devices_should_connect(for_others: bool, level: Level) -> None:
    finding = check_addresses([], for_others=for_others)
    assert (finding.code, finding.level) == ("no-lan-address", level)


@pytest.mark.parametrize(("for_others", "level"), [(False, Level.NOTE), (True, Level.WRONG)])
def test_vite_on_localhost_only_is_an_error_only_if_other_devices_should_connect(
    for_others: bool, level: Level
) -> None:
    [finding] = check_reachability(Vite(NOBODY_THERE), [NOBODY_THERE], [], for_others=for_others)
    assert (finding.code, finding.level) == ("vite-localhost-only", level)


@pytest.mark.parametrize(("lan", "network"), [(True, []), (False, ["https://192.0.2.9:5173/"])])
def test_other_devices_should_connect_if_the_flag_is_given_or_vite_listens_on_the_network(
    lan: bool, network: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "own_addresses", list)
    site = Site(os.getpid(), "app", [NOBODY_THERE], network, "s" * 43)
    levels = {each.code: each.level for each in check_vite_and_network(None, site, lan=lan)}
    assert levels["no-lan-address"] is Level.WRONG


@pytest.mark.parametrize("host", ["app.localhost", "127.0.0.2"])
def test_a_name_or_address_that_only_works_on_this_machine_is_not_on_the_network(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "own_addresses", list)
    monkeypatch.setattr(socket, "getaddrinfo", partial(_at_loopback, socket.getaddrinfo))
    with HTTPServer(("127.0.0.1" if host == "app.localhost" else host, 0), BaseHTTPRequestHandler) as server:
        Thread(target=server.serve_forever).start()
        url = f"http://{host}:{server.server_port}/"
        site = Site(
            os.getpid(), "app", [], [url], "s" * 43
        )  # Vite lists each configured host among the URLs in `network`
        levels = {each.code: each.level for each in check_vite_and_network(None, site)}
        server.shutdown()
    assert levels["vite-found"] is Level.OK
    assert Level.WRONG not in levels.values(), levels
    assert "on-the-network" not in levels


def _at_loopback(getaddrinfo: Any, host: str, *rest: Any, **more: Any) -> Any:
    """Resolve names such as `app.localhost` to the loopback address, because not every system does this."""
    return getaddrinfo("127.0.0.1" if host.endswith(".localhost") else host, *rest, **more)
