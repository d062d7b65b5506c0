"""What nodes tried beyond the site: by target, as one asks first, and by source, as it takes to explain it."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Self

from slipway.lab import resolver
from slipway.model.egress import Asked, EgressRecords, Sent

#: TEST-NET-3 (RFC 5737): nobody has this address, so the control's packet could reach nobody anyway.
CONTROL_ADDRESS: Final = "203.0.113.1"
CONTROL_PROGRAM: Final = f"""
import socket
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"control", ("{CONTROL_ADDRESS}", 9))
try:
    socket.getaddrinfo("{resolver.CONTROL_NAME}", None)
except socket.gaierror:
    pass
"""


@dataclass(frozen=True, slots=True)
class Egress:
    """Counts since the counters were last reset. As JSON it is what `slipway egress report --records` reads."""

    packets: int = 0
    destinations: dict[str, int] = field(default_factory=dict)
    questions: int = 0
    names: dict[str, int] = field(default_factory=dict)
    sent: tuple[Sent, ...] = ()
    asked: tuple[Asked, ...] = ()

    @classmethod
    def of(cls, packets: int, sent: Iterable[Sent], asked: Iterable[Asked]) -> Self:
        """Added up by target."""
        sent, asked = tuple(sent), tuple(asked)
        destinations: Counter[str] = Counter()
        names: Counter[str] = Counter()
        for one in sent:
            destinations[one.destination] += one.count
        for question in asked:
            names[question.name] += question.count
        return cls(packets, dict(destinations), names.total(), dict(names), sent, asked)

    @property
    def records(self) -> EgressRecords:
        """The same for who explains it."""
        return EgressRecords(self.sent, self.asked, self.packets, self.questions)


def has_control(seen: Egress) -> bool:
    """Whether the packet and the question of the control program were counted."""
    return CONTROL_ADDRESS in seen.destinations and resolver.CONTROL_NAME in seen.names and seen.packets > 0
