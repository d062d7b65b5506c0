"""What a role took out of force and what is in force again, by whatever way: a unit nobody knew of, zram, an upgrade.

It stands in no record, since a record tells what a role made. Only a host that was read tells.
"""

from collections.abc import Iterator

from slipway.model.host.items import Host
from slipway.model.observed import Drift, HostObserved
from slipway.model.plan import StepKind
from slipway.planning.ports import FIREWALLS


def returned(host: Host, seen: HostObserved, role: str) -> Iterator[Drift]:
    """As drift of the role that would do it again. A container shows its machine's swap."""
    step = f"{StepKind.HOST}/{host.name}/{role}"
    if role == "node_prepare" and host.settings.swap == "off" and not seen.survey.container:
        yield from (Drift(step, f"swap {device}", "in use again") for device in seen.survey.swaps)
    if role == "node_firewall" and host.settings.firewall.mode != "keep":
        units = (unit for unit in seen.survey.services if unit in FIREWALLS)
        yield from (Drift(step, f"unit {unit}.service", "runs again") for unit in units)
