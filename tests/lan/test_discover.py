"""Sidecars on one LAN find each other over real multicast DNS, and hostile announcements do no harm."""

from __future__ import annotations

import json
import signal
import sys
import time
from typing import Any
from urllib.parse import urlsplit

import pytest
import segno

from tests.kit import readme
from tests.kit.programs import Program
from tests.kit.site_file import write_site
from tests.kit.sites import VITE, write_project
from tests.kit.ways import serve_over_https
from tests.lan.laptops import PYTHON, SIDECAR, Laptop, laptops

__all__ = ["laptops"]
Laptops = tuple[Laptop, Laptop]
LINK_LOCAL = "fe80::77"
STRANGER = "10.77.0.66"
GONE_WITHIN_S = 60  # seconds; the lifetime of a record


async def meeting(laptop: Laptop, room: str = "bar") -> None:
    """Let a peer join a room of this laptop's sidecar, and lose its connection. Its session is kept."""
    join = f"""
import asyncio, json, aiohttp
from pathlib import Path
async def main():
    url = json.loads(Path("state/runtime.json").read_text())["url"]
    async with aiohttp.ClientSession() as session, session.ws_connect(url + "/ws/signaling") as socket:
        await socket.send_json({{"type": "join", "roomId": {room!r}, "peerId": "ann"}})
        await socket.receive_json()
        await socket.close(code=4999)
asyncio.run(main())"""
    await laptop.run(*PYTHON, "-c", join)


async def both_announce(laptops: Laptops) -> tuple[list[Program], list[str]]:
    sidecars, urls = [], []
    for laptop, name in zip(laptops, ("ann's app", "ben's app"), strict=True):
        sidecars.append(await laptop.serve())
        urls.append(await laptop.put_a_page_on_the_network(name))
    for sidecar in sidecars:
        await sidecar.line("announced on the LAN as")
    return sidecars, urls


async def test_sidecars_find_each_others_rooms_until_one_is_killed(laptops: Laptops, measured: list[str]) -> None:
    ann, ben = laptops
    sidecars, urls = await both_announce(laptops)
    await meeting(ben)
    [neighbour] = await ann.neighbours(1)
    rooms = [{"roomId": "bar", "peers": 1}]
    assert neighbour == {"name": "ben's app", "url": urls[1], "rooms": rooms, "peers": 1}
    [neighbour] = await ben.neighbours(1)
    assert neighbour["url"] == urls[0]
    assert [found["own"] for found in await ann.discovers(*urls)] == [True, False]

    sidecars[1].process.send_signal(signal.SIGKILL)
    killed_s = time.monotonic()
    await ann.neighbours(0, GONE_WITHIN_S)
    measured.append(f"a killed sidecar was gone from its neighbour's list after {time.monotonic() - killed_s:.1f} s")
    await ann.discovers(urls[0])


async def test_a_disconnected_laptop_disappears_and_returns(laptops: Laptops) -> None:
    ann, ben = laptops
    await both_announce(laptops)
    await ann.neighbours(1)
    await leave_the_network(ben)
    await ann.neighbours(0, GONE_WITHIN_S)
    await come_to_the_network(ben)
    await ann.neighbours(1)


async def leave_the_network(laptop: Laptop) -> None:
    await laptop.run("ip", "link", "set", "eth0", "down")
    await laptop.run("ip", "addr", "flush", "dev", "eth0")


async def come_to_the_network(laptop: Laptop) -> None:
    await laptop.run("ip", "link", "set", "eth0", "up")
    for address, bits in zip(laptop.addresses, (24, 64), strict=True):
        await laptop.run("ip", "addr", "add", f"{address}/{bits}", "dev", "eth0")


async def test_a_laptop_that_joins_the_network_later_finds_existing_pages(laptops: Laptops) -> None:
    ann, ben = laptops
    await leave_the_network(ben)
    code = """
import asyncio
from signaling_sidecar.lan import discover
discover.ASK_AGAIN_S = 0.5
async def main():
    async with discover.browsing() as browser:
        print(await browser.neighbours(), flush=True)
        while not (found := await browser.neighbours()):
            await asyncio.sleep(0.1)
        print(found[0].url)
asyncio.run(main())"""
    browsing = await ben.start(*PYTHON, "-c", code)
    await browsing.line(r"^\[\]$")
    await ann.serve()
    url = await ann.put_a_page_on_the_network("ann's app")
    await come_to_the_network(ben)
    await browsing.line(f"^{url}$")


async def test_pages_are_found_over_ipv6_alone(laptops: Laptops) -> None:
    ann, ben = laptops
    await ann.serve()
    url = await ann.put_a_page_on_the_network("ann's app", ann.addresses[1])
    assert url.startswith("http://[fd77::1]:")
    await ben.discovers(url)


async def test_a_link_local_address_is_requested_on_the_network_of_its_announcement(laptops: Laptops) -> None:
    ann, ben = laptops
    await ann.serve()
    port = urlsplit(await ann.put_a_page_on_the_network("ann's app", "::")).port
    await ann.run("ip", "addr", "add", f"{LINK_LOCAL}/64", "dev", "eth0")
    await flood(ann, announced("link-local", LINK_LOCAL, f"http://[{LINK_LOCAL}]:{port}/"))
    await ben.discovers(f"http://[{LINK_LOCAL}]:{port}/")


SHOWN = """
import io, os, pty, sys
shown = io.BytesIO()
def read(descriptor):
    data = os.read(descriptor, 1024)
    shown.write(data)
    return data
pty.spawn(sys.argv[1:], read)
lines = [line for line in shown.getvalue().decode().splitlines() if "█" in line]
assert lines and all(line.startswith("\\x1b[97;40m") and line.endswith("\\x1b[0m") for line in lines), lines
"""
"""A program that runs another one in a terminal, and checks that the QR code is white on black, whatever the terminal's
colours are."""


async def test_the_command_lists_pages_and_shows_the_qr_code_of_one(laptops: Laptops) -> None:
    ann, ben = laptops
    nobody = (
        "no page is announced on this network: `sidecar serve --announce` announces one while Vite runs with --host"
    )
    assert await ann.run(*SIDECAR, "discover", "--timeout", "0.5") == nobody
    assert json.loads(await ann.run(*SIDECAR, "discover", "--timeout", "0.5", "--json")) == []
    _, urls = await both_announce(laptops)
    await meeting(ben, "central \u202e bar")
    lines = (await ann.run(*SIDECAR, "discover")).splitlines()
    assert [line.split() for line in lines] == [
        ["name", "URL", "peers", "rooms"],
        ["1", "ann's", "app", urls[0], "0", "this", "machine"],
        ["2", "ben's", "app", urls[1], "1", "central", "\\u202e", "bar", "(1)"],
    ]
    code = await ann.run(*SIDECAR, "discover", "--qr", "2")
    assert drawn_modules(code) == [list(row) for row in segno.make_qr(urls[1]).matrix_iter(border=4)]
    assert code.splitlines()[-1] == f"ben's app: {urls[1]}"
    await ann.run(sys.executable, "-c", SHOWN, *SIDECAR, "discover", "--qr", "2")
    program = await ann.start(*SIDECAR, "discover", "--timeout", "0.5", "--qr", "3")
    assert await program.ended(within_s=30) == 2
    assert "sidecar: there is no page with the number 3: 2 pages are announced on this network" in program.lines


def drawn_modules(code: str) -> list[list[int]]:
    """Read the dark (1) and light (0) modules of a QR code that is drawn with block characters.

    These characters draw the light modules.
    """
    upper_and_lower = {"█": (0, 0), "▀": (0, 1), "▄": (1, 0), " ": (1, 1)}
    rows: list[list[int]] = []
    for line in code.splitlines():
        if line and set(line) <= set(upper_and_lower):
            rows += [list(row) for row in zip(*(upper_and_lower[cell] for cell in line), strict=True)]
    return rows[: len(rows[0])]


async def test_a_page_of_a_real_vite_with_its_own_certificate_is_found(laptops: Laptops) -> None:
    ann, ben = laptops
    if not VITE.exists():
        pytest.skip("Vite is not installed: `make test` does")
    await ann.serve(port=8765)
    project = write_project(ann.folder / "app", readme.code("vite.config.js, object"))
    serve_over_https(project)
    vite = await ann.start("node", VITE, "--host", "10.77.0.1", cwd=project, env={"NO_COLOR": "1"})
    url = (await vite.line(r"(https://10\.77\.0\.1:\d+/)"))[1]
    await meeting(ann)
    write_site(ann.state_dir, "my-app", url)
    [found] = await ben.discovers(url)
    assert found["peers"] == 1


# --- what strangers announce ------------------------------------------------------------------------------------------


async def test_a_flood_of_announcements_hides_no_page(laptops: Laptops) -> None:
    ann, ben = laptops
    await ben.run("ip", "addr", "add", f"{STRANGER}/24", "dev", "eth0")
    _, urls = await both_announce(laptops)
    await ann.neighbours(1)
    await flood(
        ben,
        announced("many", STRANGER, f"http://{STRANGER}:1/{{number}}/", count=500),
        announced("public", "203.0.113.9", "http://203.0.113.9/"),
        announced("third-party", STRANGER, urls[0]),
        announced("escapes", STRANGER, f"http://{STRANGER}:2/", name="\x1b[2J"),
        announced("no-url", STRANGER, ""),
    )
    for _ in range(3):
        assert [neighbour["url"] for neighbour in await ann.neighbours(1)] == [urls[1]]
    await ann.discovers(*urls)

    # Pages that have responded before are checked first, even if hostile records have the same address.
    await flood(ben, announced("same", ben.addresses[0], f"http://{ben.addresses[0]}:1/{{number}}/", count=100))
    for _ in range(3):
        assert [neighbour["url"] for neighbour in await ann.neighbours(1)] == [urls[1]]


async def flood(laptop: Laptop, *records: dict[str, Any]) -> None:
    hostile = await laptop.start(*PYTHON, "-m", "tests.lan.hostile", *map(json.dumps, records))
    await hostile.line("announced", nth=2)


def announced(instance: str, address: str, url: str, *, name: str = "my-app", count: int = 1) -> dict[str, Any]:
    txt = {"txtvers": "1", "url": url, "name": name}
    return {"name": instance, "address": address, "txt": txt, "count": count}
