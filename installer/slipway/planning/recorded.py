"""What is recorded of a host's roles, wherever that was read."""

from slipway.model.observed import Observed
from slipway.model.record import Intent, StepRecord


def records_of(observed: Observed, host: str) -> dict[str, StepRecord]:
    """The host's own records where it was read, else their mirror in the record of its Node."""
    seen = observed.hosts.get(host)
    if seen and seen.reachable:
        return seen.records
    node = observed.cluster.nodes.get(host)
    return node.records if node else {}


def intents_of(observed: Observed, host: str) -> tuple[Intent, ...]:
    """What was begun there and has not ended, of the same source; the mirror does not say what it was for."""
    seen = observed.hosts.get(host)
    if seen and seen.reachable:
        return seen.intents
    node = observed.cluster.nodes.get(host)
    return node.begun if node else ()
