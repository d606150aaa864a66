"""Announce invalid or hostile DNS records every half second. Each argument is a record as JSON.

Tests run this program in a network namespace: `python -m tests.lan.hostile '{"name": …, "address": …, "txt": {…}}' …`.
A record with `count` is announced that many times, under different names.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from zeroconf import DNSOutgoing, IPVersion, ServiceInfo
from zeroconf.asyncio import AsyncZeroconf

from signaling_sidecar.lan.record import SERVICE_TYPE

RESPONSE = 0x8400  # RFC 6762 section 18: an authoritative answer
EVERY_S = 0.5


def records(said: dict[str, Any]) -> list[ServiceInfo]:
    return [
        ServiceInfo(
            SERVICE_TYPE,
            f"{said['name']}{number}.{SERVICE_TYPE}",
            port=1,
            server=f"{said['name']}{number}.local.",
            properties={key: text.replace("{number}", str(number)) for key, text in said["txt"].items()},
            parsed_addresses=[said["address"]],
        )
        for number in range(said.get("count", 1))
    ]


async def announce(all_said: list[dict[str, Any]]) -> None:
    infos = [info for said in all_said for info in records(said)]
    dns = AsyncZeroconf(ip_version=IPVersion.All)
    await dns.zeroconf.async_wait_for_start()
    while True:
        for info in infos:
            out = DNSOutgoing(RESPONSE)
            for record in (info.dns_pointer(), info.dns_service(), info.dns_text(), *info.dns_addresses()):
                out.add_answer_at_time(record, 0)
            dns.zeroconf.async_send(out)
        print(f"announced {len(infos)}", flush=True)
        await asyncio.sleep(EVERY_S)


if __name__ == "__main__":
    asyncio.run(announce([json.loads(word) for word in sys.argv[1:]]))
