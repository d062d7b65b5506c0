"""What planning knows of a host besides its settings: what a probe saw, or, where none did, what its records say."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from slipway.model.observed import HostObserved
from slipway.model.plan import StepId
from slipway.model.record import StepRecord
from slipway.planning.digests import parts

NVIDIA: Final = "node_nvidia"
#: The variable of that role by which its record tells whether the host had GPUs.
NVIDIA_ENABLED: Final = f"{NVIDIA}_enabled"


@dataclass(frozen=True, slots=True)
class Facts:
    """Without any: a host that nobody looked at and that has no records."""

    begun: frozenset[str] = frozenset()
    """Roles that its records or intents name."""
    gpus: bool = False
    """Whether it has NVIDIA GPUs."""
    keys: tuple[str, ...] = ()
    """Of a control plane, the keys of Secrets that it is to have now, that which writes first; empty: as in the end."""


#: Of a host that nobody looked at.
UNSEEN: Final = Facts()


def facts_of(seen: HostObserved | None, records: Mapping[str, StepRecord]) -> Facts:
    """The host as it was seen; `records` are its own, or their mirror where it was not read."""
    intents = seen.intents if seen else ()
    begun = frozenset({*records, *(StepId.parse(intent.step).action for intent in intents)})
    gpus = bool(seen.survey.gpus) if seen and seen.reachable else _had_gpus(records)
    return Facts(begun=begun, gpus=gpus)


def _had_gpus(records: Mapping[str, StepRecord]) -> bool:
    record = records.get(NVIDIA)
    return bool(
        record and record.parts.get(NVIDIA_ENABLED) == parts({NVIDIA_ENABLED: True}, {})[NVIDIA_ENABLED]
    )
