"""Would a host's firewall shut out whoever sets it, or the hosts that its roles need?"""

from collections.abc import Iterator
from ipaddress import AddressValueError, IPv4Address, IPv4Network

from slipway.errors import Finding
from slipway.findings import FindingCode
from slipway.model.configuration import Configuration
from slipway.model.host.items import Host
from slipway.model.observed import HostObserved


def lockout(path: str, configuration: Configuration, host: Host, seen: HostObserved) -> Iterator[Finding]:
    """SSH has to come in by the same way again once the rules are in force, and so have the other hosts."""
    firewall, peer = host.settings.firewall, seen.survey.peer
    if firewall.mode != "ports" or not firewall.sources:
        return
    ranges = (*firewall.sources, *_pods(configuration))
    if peer and peer not in seen.facts.addresses and not _within(peer, ranges):
        who = "the bastion" if configuration.spec.hosts and configuration.spec.hosts.ssh.bastion else "SSH"
        text = f"is reached from {peer}, which firewall.sources would shut out"
        hint = f"add {peer}/32, or its network, to settings.firewall.sources"
        yield Finding(
            path,
            text,
            expected=f"a range from which {who} comes",
            hint=hint,
            code=FindingCode.FIREWALL_SOURCES,
        )
    others = [other for other in configuration.hosts if other.name != host.name]
    out = [other.name for other in others if not any(_within(one, ranges) for one in other.all_addresses)]
    if out:
        text = f"would shut out {', '.join(out)} by firewall.sources"
        hint = "add the hosts' networks to settings.firewall.sources"
        yield Finding(
            path, text, expected="ranges with all hosts in them", hint=hint, code=FindingCode.FIREWALL_SOURCES
        )


def _pods(configuration: Configuration) -> tuple[str, ...]:
    """From where everything comes in, the operator too."""
    kubernetes = configuration.spec.kubernetes
    return (kubernetes.network.pod_cidr,) if kubernetes else ()


def _within(address: str, ranges: tuple[str, ...]) -> bool:
    try:
        found = IPv4Address(address)
    except AddressValueError:  # the rules' sources are of IPv4 only
        return False
    return found.is_loopback or any(found in IPv4Network(one) for one in ranges)
