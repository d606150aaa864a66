"""Print each packet on the network that contains records of a sidecar, as one line of JSON.

Tests run this program in the network namespace of a laptop: `python -m tests.lan.listener ADDRESS`.
"""

from __future__ import annotations

import json
import socket
import struct
import sys
from operator import attrgetter

from zeroconf import DNSIncoming, DNSPointer, DNSText

GROUP, PORT = "224.0.0.251", 5353  # RFC 6762 section 3
TYPES = {1: "A", 12: "PTR", 16: "TXT", 28: "AAAA", 33: "SRV"}


def listen(address: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as heard:
        heard.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        heard.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        heard.bind(("", PORT))
        heard.setsockopt(
            socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, struct.pack("4s4s", *map(socket.inet_aton, (GROUP, address)))
        )
        print("listening", flush=True)
        while True:
            data, (source, *_) = heard.recvfrom(9000)
            packet = DNSIncoming(data)
            records = [record for record in packet.answers() if record.type in TYPES]
            if packet.is_response() and any("signaling-" in record.name for record in records):
                lifetimes = {TYPES[record.type]: record.ttl for record in records}
                names = list(map(attrgetter("alias"), (each for each in records if isinstance(each, DNSPointer))))
                txt = [each.text.decode() for each in records if isinstance(each, DNSText)]
                print(json.dumps({"from": source, "names": names, "lifetimes": lifetimes, "txt": txt}), flush=True)


if __name__ == "__main__":
    listen(sys.argv[1])
