"""A node's connection table, as `conntrack -L` and /proc/net/nf_conntrack print it."""

import re
from collections.abc import Iterator
from typing import Final

from slipway.model.egress import Flow

#: The protocol's name stands before its number: `tcp 6 118 SYN_SENT ...`, in /proc with `ipv4 2` before it.
_PROTOCOL: Final = re.compile(r"^(?:ipv[46]\s+\d+\s+)?(\S+)\s+\d+\s")
_FIELD: Final = re.compile(r"\b(src|dst|dport)=(\S+)")


def parse_flows(node: str, text: str) -> Iterator[Flow]:
    """Connections as they were begun: the first of the two directions that each line has. Other lines say nothing."""
    for line in text.splitlines():
        protocol = _PROTOCOL.match(line)
        first: dict[str, str] = {}
        for key, value in _FIELD.findall(line):
            if key in first:
                break
            first[key] = value
        if protocol and {"src", "dst"} <= first.keys():
            port = first.get("dport", "0")
            yield Flow(node, first["src"], first["dst"], protocol[1], int(port) if port.isdigit() else 0)
