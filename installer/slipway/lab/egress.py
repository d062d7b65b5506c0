"""What nodes tried beyond the site: by target, as one asks first, and by source, as it takes to explain it."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

from slipway.model.egress import Asked, EgressRecords, Sent


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
