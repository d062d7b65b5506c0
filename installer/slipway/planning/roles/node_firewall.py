"""node_firewall: the ports of a host that are open, or nobody's filter at all."""

from typing import Any

from slipway.model.configuration import Configuration
from slipway.model.host.items import Host
from slipway.planning.ports import ports_to_open
from slipway.planning.roles.base import SETTINGS, Given, Role


def _wanted(_configuration: Configuration, host: Host) -> bool:
    return host.settings.firewall.mode != "keep"


def _variables(given: Given) -> dict[str, Any]:
    """By ports and ranges, never by other hosts' addresses: one more host changes nothing here."""
    firewall = given.host.settings.firewall
    if firewall.mode != "ports":
        return {"mode": firewall.mode}
    tcp, udp = ports_to_open(given.configuration, given.host)
    for port in firewall.open_ports:
        number, _, protocol = port.partition("/")
        (tcp if protocol == "tcp" else udp).append(number)
    balanced = given.kubernetes.endpoint.load_balancer == "keepalived" and given.host.control_plane
    return {
        "mode": firewall.mode,
        "tcp": tcp,
        "udp": udp,
        "vrrp": balanced,
        "pods": given.kubernetes.network.pod_cidr,
        "sources": list(firewall.sources),
    }


ROLE = Role(
    name="node_firewall",
    wanted=_wanted,
    variables=_variables,
    optional=True,
    fields={
        "mode": f"{SETTINGS}.firewall.mode",
        "tcp": f"{SETTINGS}.firewall.openPorts, or a role's port,",
        "udp": f"{SETTINGS}.firewall.openPorts, or a role's port,",
        "vrrp": "spec.kubernetes.endpoint.loadBalancer",
        "pods": "spec.kubernetes.network.podCIDR",
        "sources": f"{SETTINGS}.firewall.sources",
    },
)
