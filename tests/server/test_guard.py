"""Which Host and Origin headers are accepted, tested with the function `check_access` and with real requests.

See PROTOCOLS.md, "Who may connect".
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import json
import os
import re
import shlex
import string
from pathlib import Path
from typing import Any

import pytest
from aiohttp import WSServerHandshakeError
from hypothesis import given
from hypothesis import strategies as st
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.cli.serve import add_to
from signaling_sidecar.errors import SettingsError
from signaling_sidecar.server.http.guard import Barred, check_access
from signaling_sidecar.settings import Settings, Sources
from tests.kit.serving import Served, serve

ALLOW_HOST, ALLOW_ORIGIN = ("dev.lan",), ("http://app.lan:3000", "chrome-extension://abcdef")
ORIGINS = json.loads((Path(__file__).parent / "origins.json").read_text("utf-8"))
"""Entries of the setting `allow_origin`, and the origins that they match. The tests of the Vite plugin use the same
file."""


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost:5173", None),
        ("localhost", None),
        ("LOCALHOST:5173", None),
        ("app.localhost:5173", None),
        ("127.0.0.1:8765", None),
        ("192.168.1.5:5173", None),
        ("[::1]:8765", None),
        ("[fe80::1]:5173", None),
        ("dev.lan:5173", None),
        ("dev.lan", "http://dev.lan"),
        ("localhost:5173", "http://localhost:5173"),
        ("192.168.1.5:5173", "http://192.168.1.5:5173"),
        ("192.168.1.5:5173", "https://192.168.1.5:5173"),
        ("192.168.1.5", "http://192.168.1.5"),
        ("192.168.1.5", "https://192.168.1.5"),
        ("192.168.1.5:443", "https://192.168.1.5"),
        ("127.0.0.1:8765", "http://localhost:5173"),
        ("127.0.0.1:8765", "https://127.0.0.1:5173"),
        ("127.0.0.1:8765", "http://[::1]:5173"),
        ("192.168.1.5:5173", "http://localhost:9"),
        ("localhost:8765", "http://app.lan:3000"),
        ("localhost:8765", "HTTP://APP.LAN:3000"),
        ("localhost:8765", "chrome-extension://abcdef"),
    ],
)
def test_own_hosts_and_origins_are_accepted(host: str, origin: str | None) -> None:
    assert check_access([host], [origin] if origin else [], ALLOW_HOST, ALLOW_ORIGIN) is None


@pytest.mark.parametrize(
    ("hosts", "origins", "header"),
    [
        ([], [], "Host"),
        ([""], [], "Host"),
        (["evil.example"], [], "Host"),
        (["evil.example"], ["http://evil.example"], "Host"),
        (["evil.example:5173"], ["http://localhost:5173"], "Host"),
        (["localhost.:5173"], [], "Host"),
        (["dev.lan."], [], "Host"),
        (["localhost.evil.example"], [], "Host"),
        (["evillocalhost"], [], "Host"),
        (["localhost:port"], [], "Host"),
        (["localhost@evil.example"], [], "Host"),
        (["localhost", "evil.example"], [], "Host"),
        (["localhost:5173"], ["null"], "Origin"),
        (["localhost:5173"], [""], "Origin"),
        (["localhost:5173"], ["http://evil.example"], "Origin"),
        (["localhost:5173"], ["http://app.localhost:5174"], "Origin"),
        (["192.168.1.5:5173"], ["http://192.168.1.5:5174"], "Origin"),
        (["192.168.1.5:5173"], ["http://192.168.1.5"], "Origin"),
        (["192.168.1.5:5173"], ["http://192.168.1.6:5173"], "Origin"),
        (["192.168.1.5"], ["http://192.168.1.5:8080"], "Origin"),
        (["localhost:5173"], ["file://localhost:5173"], "Origin"),
        (["localhost:5173"], ["http://localhost:5173/"], "Origin"),
        (["localhost:5173"], ["http://localhost@evil.example"], "Origin"),
        (["localhost:5173"], ["http://evil.example#localhost"], "Origin"),
        (["localhost:5173"], ["http://localhost.evil.example"], "Origin"),
        (["localhost:8765"], ["http://app.lan:3001"], "Origin"),
        (["localhost:8765"], ["chrome-extension://other"], "Origin"),
        (["localhost:5173"], ["http://localhost:5173", "http://evil.example"], "Origin"),
        (["localhost:5173"], ["http://[oops"], "Origin"),
    ],
)
def test_other_hosts_and_origins_are_refused(hosts: list[str], origins: list[str], header: str) -> None:
    barred = check_access(hosts, origins, ALLOW_HOST, ALLOW_ORIGIN)
    assert barred is not None
    assert barred.header == header


def test_the_origin_null_is_refused_even_if_it_is_listed() -> None:
    assert check_access(["localhost"], ["null"], (), ("null",)) is not None


@functools.cache
def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser()
    add_to(made.add_subparsers())
    return made


def with_flags(flags: str) -> Settings:
    """The settings of `sidecar serve` with these flags, which are written as in a shell."""
    arguments = vars(parser().parse_args(["serve", *shlex.split(flags)]))
    return Sources({name: arguments.get(name) for name in ("allow_host", "allow_origin")}, {}).load()


@pytest.mark.parametrize("case", ORIGINS["entries"], ids=lambda case: case["entry"])
def test_an_allowed_origin_accepts_only_what_it_describes(case: dict[str, Any]) -> None:
    allowed = with_flags(shlex.join(["--allow-origin", case["entry"]])).allow_origin
    host = ["192.168.1.5:1"]  # no origin in the file is a page of this host
    loopback = {"http://localhost:5173"}
    assert [o for o in case["lets_in"] if check_access(host, [o], (), allowed) is not None] == []
    assert [o for o in case["keeps_out"] if o not in loopback and check_access(host, [o], (), allowed) is None] == []


@pytest.mark.parametrize("entry", ORIGINS["wrong"])
def test_an_invalid_origin_entry_is_refused_in_one_sentence(entry: str) -> None:
    if entry == "":
        return  # a list without entries
    with pytest.raises(SettingsError, match="allow_origin must be origins as browsers send them"):
        with_flags(shlex.join(["--allow-origin", entry]))


@pytest.mark.parametrize(
    ("entry", "lets_in", "keeps_out"),
    [
        (
            "dev.example",
            ["dev.example", "DEV.example:80"],
            ["x.dev.example", "dev.example.", "dev.example.evil.example"],
        ),
        (".example.com", ["example.com", "a.example.com", "a.b.example.com"], ["evilexample.com", "a.example.com."]),
        ("*.example.com", ["a.example.com:5173", "a.b.example.com"], ["example.com", "evilexample.com"]),
        ("Müller.example", ["xn--mller-kva.example"], ["muller.example"]),
        ("*", ["evil.example", "evil.example:1"], ["", "[oops", "a:b"]),
    ],
)
def test_an_allowed_host_accepts_what_it_describes(entry: str, lets_in: list[str], keeps_out: list[str]) -> None:
    allowed = with_flags(shlex.join(["--allow-host", entry])).allow_host
    assert [host for host in lets_in if check_access([host], [], allowed, ()) is not None] == []
    assert [host for host in keeps_out if check_access([host], [], allowed, ()) is None] == []


@pytest.mark.parametrize(
    "entry",
    [
        "https://x.test",
        "x.test:80",
        "x.test.",
        "[::1]",
        "a.*",
        "dev*.example",
        "*example.com",
        "*.",
        ".",
        "straße.example",
    ],
)
def test_an_invalid_host_entry_is_refused_in_one_sentence(entry: str) -> None:
    with pytest.raises(SettingsError, match="allow_host must be host names without a scheme"):
        with_flags(shlex.join(["--allow-host", entry]))


SENT_BY_REAL_PAGES = [
    *["file://", "http://localhost:5173/", "vscode-webview://0a1b2c", "chrome-extension://abcdefgh", "app://."],
    *["moz-extension://9ab3c1e0-0c0a-4f0c-9c07-0d6b1f1f7a10", "safari-web-extension://C0FFEE", "capacitor://localhost"],
    *["tauri://localhost", "ionic://localhost", "http://tauri.localhost", "https://abc-5173.app.github.dev"],
    *["http://evil.example:8080", "https://xn--mller-kva.example", "http://$(reboot).example", "http://it's.example"],
]


def does_what_is_advised(barred: Barred, hosts: list[str], origins: list[str]) -> bool:
    """Whether the advice contains a flag. If it does, assert that with this flag, the header is accepted."""
    advised = re.search(r"--allow-\S+ .*", barred.remedy)
    if advised is None:
        assert "cannot be allowed" in barred.remedy or "without the dot" in barred.remedy
        return False
    settings = with_flags(advised[0])
    after = check_access(hosts, origins, settings.allow_host, settings.allow_origin)
    assert after is None or after.header != barred.header
    return True


@pytest.mark.parametrize("origin", SENT_BY_REAL_PAGES)
def test_the_advised_flag_allows_the_origin_of_the_page(origin: str) -> None:
    barred = check_access(["192.168.1.5:5173"], [origin], (), ())
    assert barred is not None
    assert does_what_is_advised(barred, ["192.168.1.5:5173"], [origin])


NAMES = st.text(string.ascii_letters + string.digits + ".-_*:/[]@,'$ \x00ü", max_size=12)


@pytest.mark.fuzz
@given(host=NAMES, scheme=st.sampled_from(["http", "https", "file", "x-y", "vscode-webview"]), name=NAMES)
def test_the_advised_flag_is_valid_and_allows_any_request(host: str, scheme: str, name: str) -> None:
    for hosts, origins in ([host], []), (["localhost"], [f"{scheme}://{name}"]), (["localhost"], [name]):
        barred = check_access(hosts, origins, (), ())
        if barred is not None:
            does_what_is_advised(barred, hosts, origins)


@pytest.mark.parametrize(
    ("hosts", "origins", "why"),
    [
        (["localhost"], ["null"], "every website can make such a page"),
        (["localhost"], ["http://localhost@evil.example"], "no browser sends such an origin"),
        (["localhost"], ["x" * 10_000], "no browser sends such an origin"),
        (["dev.lan."], [], "open the page under this name without the dot at its end"),
        (["a/b"], [], "a request needs exactly one Host header, with a host name in it"),
        ([], [], "a request needs exactly one Host header, with a host name in it"),
    ],
)
def test_a_request_that_cannot_be_allowed_is_explained(hosts: list[str], origins: list[str], why: str) -> None:
    for advice in ("flags", "plugin"):
        barred = check_access(hosts, origins, (), (), advice)
        assert barred is not None
        assert why in str(barred)
        assert len(str(barred)) < 500


def test_with_the_plugin_the_advice_names_an_option_instead_of_a_flag() -> None:
    host = check_access(["dev.lan:5173"], [], (), (), "plugin")
    assert str(host) == (
        "refused a request with Host 'dev.lan:5173': "
        "if it is yours, add 'dev.lan' to server.allowedHosts in vite.config.js"
    )
    origin = check_access(["localhost"], ["vscode-webview://0a1b"], (), (), "plugin")
    assert str(origin) == (
        "refused a request with Origin 'vscode-webview://0a1b': "
        "if it is yours, add 'vscode-webview://*' to the allowedOrigins of signaling() in vite.config.js"
    )


async def test_a_refused_page_gets_403_before_the_upgrade_and_one_line_explains_how_to_allow_it(
    aiohttp_client: AiohttpClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    served = await serve(aiohttp_client, tmp_path, allow_origin=("http://app.lan:3000",))
    for _ in range(3):
        with pytest.raises(WSServerHandshakeError) as refused:
            await served.connect(headers={"Origin": "http://evil.example"})
        assert refused.value.status == 403
    answer = await served.client.get("/health", headers={"Host": "evil.example"})
    assert (answer.status, await answer.text()) == (403, caplog.records[-1].getMessage() + "\n")
    messages = [record.getMessage() for record in caplog.records if record.name == "signaling_sidecar"]
    assert [("--allow-origin http://evil.example" in m, "--allow-host evil.example" in m) for m in messages] == [
        (True, False),
        (False, True),
    ]
    assert served.records("connection.opened") == []
    peer = await served.connect(headers={"Origin": "http://app.lan:3000"})
    assert (await peer.join("a"))["type"] == "peer_list"


async def test_a_changing_origin_is_reported_once(
    aiohttp_client: AiohttpClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    served = await serve(aiohttp_client, tmp_path)
    for number in range(3):
        headers = {"Origin": f"vscode-webview://{number}"}
        assert (await served.client.get("/health", headers=headers)).status == 403
    assert caplog.text.count("--allow-origin 'vscode-webview://*'") == 1


SITE = {"pid": os.getpid(), "name": "app", "local": [], "network": [], "secret": "s" * 43}


async def test_names_and_origins_from_the_plugin_are_accepted_while_vite_runs(
    aiohttp_client: AiohttpClient, tmp_path: Path
) -> None:
    served = await serve(aiohttp_client, tmp_path, allow_host=("own.example",))

    async def status(host: str, origin: str | None = None) -> int:
        headers = {"Host": host} | ({"Origin": origin} if origin else {})
        return (await served.client.get("/health", headers=headers)).status

    assert await status("abc.ngrok-free.app") == 403
    told = {"allowedHosts": [".ngrok-free.app", "x.test.", "https://y.test"], "allowedOrigins": ["app://.", "wrong"]}
    (tmp_path / "site.json").write_text(json.dumps(SITE | told))
    let_in = [("abc.ngrok-free.app", "https://abc.ngrok-free.app"), ("x.test.", None), ("own.example", "app://.")]
    assert [await status(*case) for case in let_in] == [200, 200, 200]
    assert [await status(host) for host in ("x.test", "y.test", "evil.example")] == [403, 403, 403]
    (tmp_path / "site.json").unlink()
    assert await status("abc.ngrok-free.app") == 403
    assert await status("own.example") == 200


async def test_names_and_origins_of_several_vites_are_accepted(aiohttp_client: AiohttpClient, tmp_path: Path) -> None:
    served = await serve(aiohttp_client, tmp_path)
    first = SITE | {"allowedHosts": ["first.test"], "allowedOrigins": ["app://first"]}
    second = SITE | {"allowedHosts": ["second.test"], "allowedOrigins": ["app://second"], "others": [first]}
    (tmp_path / "site.json").write_text(json.dumps(second))
    for name in ("first", "second"):
        headers = {"Host": f"{name}.test", "Origin": f"app://{name}"}
        assert (await served.client.get("/health", headers=headers)).status == 200


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"allow_host": ("*",)}, "DNS rebinding"),
        ({"allow_origin": ("*",)}, "every website that you visit"),
        ({"allow_origin": ("https://*",)}, "every website that you visit"),
    ],
)
async def test_a_wildcard_causes_a_warning(
    aiohttp_client: AiohttpClient,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    settings: dict[str, Any],
    said: str,
) -> None:
    await serve(aiohttp_client, tmp_path, **settings)
    assert caplog.text.count(said) == 1


@pytest.mark.parametrize("path", ["/health", "/ws/signaling", "/ws/signaling/rooms", "/nothing"])
async def test_every_path_is_guarded(aiohttp_client: AiohttpClient, tmp_path: Path, path: str) -> None:
    served = await serve(aiohttp_client, tmp_path)
    for headers in ({"Host": "evil.example"}, {"Origin": "null"}):
        assert (await served.client.get(path, headers=headers)).status == 403


async def raw_upgrade(served: Served, header: bytes) -> bytes:
    """Send an upgrade with a header of arbitrary bytes, as no client library would, and return the status line."""
    reader, writer = await asyncio.open_connection(served.client.host, served.client.port)
    lines = [b"GET /ws/signaling HTTP/1.1", b"Host: localhost", b"Upgrade: websocket", b"Connection: Upgrade"]
    lines += [b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", header, b"", b""]
    writer.write(b"\r\n".join(lines))
    status = await reader.readline()
    writer.close()
    return status


async def test_invalid_utf8_in_a_header_is_harmless(aiohttp_client: AiohttpClient, tmp_path: Path) -> None:
    served = await serve(aiohttp_client, tmp_path)
    assert b" 403 " in await raw_upgrade(served, b"Origin: http://evil\xff\xe2\x80\xae.example")
    assert b" 101 " in await raw_upgrade(served, b"User-Agent: \xff\xfe")
    peer = await served.connect()
    assert (await peer.join("a"))["type"] == "peer_list"
    assert served.records("connection.opened")[0]["data"]["user_agent"] == "\\udcff\\udcfe"


async def test_the_record_of_a_connection_has_the_id_of_its_request(served: Served) -> None:
    await served.connect(headers={"X-Request-ID": "proxy-7"})
    await served.connect()
    given, made = (record["data"]["request_id"] for record in served.records("connection.opened"))
    assert given == "proxy-7"
    assert re.fullmatch("[0-9a-f]{16}", made)
