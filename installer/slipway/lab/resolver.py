"""The site's name server: knows no name, says so at once, and writes down who asked for what.

Started by `Lab` as `python -m slipway.lab.resolver LAB`. Names that never leave a site (single labels,
`.internal`, reverse look-ups and the like) are answered the same way but are not counted as outside
questions.
"""

import json
import selectors
import socket
import struct
import sys
from collections import Counter
from pathlib import Path
from typing import Final, TextIO

from slipway.clock import utc_text
from slipway.lab import cgroups, state
from slipway.lab.machine import LabError, wait_until
from slipway.lab.state import Site
from slipway.model.egress import Asked

HELPER: Final = "resolver"
PORT: Final = 53
#: The positive control's question: reserved by RFC 2606, so nobody asks it by accident.
CONTROL_NAME: Final = "control.slipway.invalid"
#: Suffixes that belong to the site or to nobody (RFC 6761, 6762, 8375; `internal`: ICANN 2024).
INSIDE: Final = ("internal", "local", "localhost", "home.arpa", "in-addr.arpa", "ip6.arpa")
#: CoreDNS's plugin `loop` asks its upstream one HINFO question with a random name to see whether it comes
#: back.
HINFO: Final = 13
TYPES: Final = {
    1: "A",
    5: "CNAME",
    6: "SOA",
    12: "PTR",
    HINFO: "HINFO",
    15: "MX",
    16: "TXT",
    28: "AAAA",
    33: "SRV",
}
HEADER: Final = struct.Struct("!6H")
NXDOMAIN: Final = 3
READY_SECONDS: Final = 10


def start(site: Site) -> None:
    """Start the name server unless it runs, and wait until it answers."""
    if not cgroups.members(cgroups.helper_group(site.ident, HELPER)):
        argv = (sys.executable, "-m", "slipway.lab.resolver", site.name)
        cgroups.start(cgroups.helper_group(site.ident, HELPER), argv, site.directory / "resolver.log")
    if not wait_until(lambda: _answers(site.gateway), seconds=READY_SECONDS):
        words = (site.directory / "resolver.log").read_text(encoding="utf-8").strip().splitlines()[-1:]
        raise LabError(
            "the lab's name server does not start", where=f"{site.gateway}:53", why=" ".join(words)
        )


def counted(path: Path) -> tuple[Asked, ...]:
    """Questions for outside names: who asked for what, and how often."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        entry = json.loads(line)
        if entry["outside"]:
            counts[entry["node"], entry["name"], entry["type"]] += 1
    return tuple(Asked(*who, count) for who, count in counts.items())


def is_outside(name: str, kind: int) -> bool:
    """Whether only somebody outside the site could answer."""
    labels = name.split(".")
    loop_check = kind == HINFO and all(label.isdigit() for label in labels)
    inside = any(name == suffix or name.endswith(f".{suffix}") for suffix in INSIDE)
    return len(labels) > 1 and not loop_check and not inside


def answer(query: bytes) -> tuple[bytes, str, int] | None:
    """The reply (no such name), the name and the type asked for; None when it is no question."""
    try:
        ident, flags, questions, *_ = HEADER.unpack_from(query)
        name, end = _read_name(query, HEADER.size)
        kind, _ = struct.unpack_from("!2H", query, end)
    except (struct.error, IndexError, UnicodeDecodeError):
        return None
    if flags & 0x8000 or questions != 1:
        return None
    reply_flags = 0x8000 | (flags & 0x7900) | 0x0080 | NXDOMAIN
    reply = HEADER.pack(ident, reply_flags, 1, 0, 0, 0) + query[HEADER.size : end + 4]
    return reply, name.lower(), kind


def main(lab: str) -> None:
    """Serve until killed."""
    site = state.load(lab)
    if site is None:
        raise LabError(f"no lab {lab!r}")
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind((site.gateway, PORT))
    tcp = socket.create_server((site.gateway, PORT))
    with site.questions.open("a", encoding="utf-8") as log, selectors.DefaultSelector() as selector:
        selector.register(udp, selectors.EVENT_READ)
        selector.register(tcp, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is udp:
                    _serve_datagram(udp, log)
                else:
                    _serve_stream(tcp, log)


def _serve_datagram(udp: socket.socket, log: TextIO) -> None:
    query, client = udp.recvfrom(4096)
    reply = _reply(query, client[0], log)
    if reply:
        udp.sendto(reply, client)


def _serve_stream(tcp: socket.socket, log: TextIO) -> None:
    """One question a connection: clients come here only after a truncated answer, which we never give."""
    connection, client = tcp.accept()
    with connection:
        connection.settimeout(1)
        try:
            framed = connection.recv(4096)
            reply = _reply(framed[2:], client[0], log)
            if reply:
                connection.sendall(struct.pack("!H", len(reply)) + reply)
        except OSError:  # a client that goes away asked nothing
            return


def _reply(query: bytes, client: str, log: TextIO) -> bytes | None:
    answered = answer(query)
    if answered is None:
        return None
    reply, name, kind = answered
    entry = {
        "time": utc_text(),
        "node": client,
        "name": name,
        "type": TYPES.get(kind, str(kind)),
        "outside": is_outside(name, kind),
    }
    log.write(json.dumps(entry) + "\n")
    log.flush()
    return reply


def _read_name(query: bytes, offset: int) -> tuple[str, int]:
    """Labels of a question (never compressed there) and the offset behind them."""
    labels = []
    while length := query[offset]:
        labels.append(query[offset + 1 : offset + 1 + length].decode("ascii"))
        offset += length + 1
    return ".".join(labels), offset + 1


def _answers(address: str) -> bool:
    try:
        with socket.create_connection((address, PORT), timeout=1):
            return True
    except OSError:
        return False


if __name__ == "__main__":
    main(*sys.argv[1:])
