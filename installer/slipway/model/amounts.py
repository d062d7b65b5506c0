"""Processor and memory as numbers: what modules ask for, what nodes have."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

_CPU: Final = re.compile(r"([0-9]+)m|([0-9]+(?:\.[0-9]{1,3})?)")
_BYTES: Final = re.compile(r"([0-9]+)(Ki|Mi|Gi|Ti|k|M|G|T|m)?")
_UNITS: Final = {
    "": 1.0,
    "m": 0.001,
    **{unit: float(1000**power) for power, unit in enumerate("kMGT", 1)},
    **{f"{unit}i": float(1024**power) for power, unit in enumerate("KMGT", 1)},
}
_GIB: Final = 1 << 30
_MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Amount:
    """`cpu` in thousandths of a processor, `memory` in bytes."""

    cpu: int = 0
    memory: int = 0

    @classmethod
    def parse(cls, cpu: str, memory: str) -> Self:
        """Of texts as Kubernetes has them: `100m` or `1.5`, `50Mi`; an empty one is nothing.

        Raises:
            ValueError: one is written otherwise.
        """
        processors, size = _CPU.fullmatch(cpu or "0"), _BYTES.fullmatch(memory or "0")
        if processors is None:
            raise ValueError("processors, as 100m or 1.5")
        if size is None:
            raise ValueError("a size, as 50Mi or 2Gi")
        thousandths = processors[1] or round(float(processors[2]) * 1000)
        return cls(int(thousandths), int(int(size[1]) * _UNITS[size[2] or ""]))

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(self.cpu + other.cpu, self.memory + other.memory)

    def __mul__(self, times: int) -> "Amount":
        return Amount(self.cpu * times, self.memory * times)

    def beyond(self, other: "Amount") -> "Amount":
        """What of it is more than the other one has."""
        return Amount(max(0, self.cpu - other.cpu), max(0, self.memory - other.memory))

    def share_of(self, other: "Amount") -> float:
        """The larger of both shares: 1.0 is all that the other one has."""
        pairs = ((self.cpu, other.cpu), (self.memory, other.memory))
        return max((part / whole if whole else float(part > 0)) for part, whole in pairs)

    def __bool__(self) -> bool:
        return bool(self.cpu or self.memory)

    def __str__(self) -> str:
        parts = [f"{self.cpu / 1000:.4g} CPU"] if self.cpu else []
        if self.memory >= _GIB:
            parts.append(f"{self.memory / _GIB:.1f} GiB")
        elif self.memory:
            parts.append(f"{self.memory / _MIB:.0f} MiB")
        return " and ".join(parts) or "nothing"


def total(amounts: Iterable[Amount]) -> Amount:
    """All of them together."""
    return sum(amounts, Amount())


@dataclass(frozen=True, slots=True)
class PodRequests:
    """What a module's pods ask of the cluster, or of each node; `times`: the setting that counts them."""

    amount: Amount
    per_node: bool = False
    times: str = ""
