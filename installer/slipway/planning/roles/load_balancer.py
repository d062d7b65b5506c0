"""load_balancer: the API's address, always on a control plane whose API server answers."""

from typing import Any

from slipway.model.configuration import Configuration
from slipway.model.host.items import Host
from slipway.planning.roles.base import ITEM, Given, Role

#: Of VRRP, which goes to 254; what is taken off for an API server that does not answer must exceed any difference.
HIGHEST_PRIORITY = 200


def _wanted(configuration: Configuration, host: Host) -> bool:
    kubernetes = configuration.spec.kubernetes
    return host.control_plane and kubernetes is not None and kubernetes.endpoint.load_balancer == "keepalived"


def _packages(configuration: Configuration, host: Host) -> tuple[str, ...]:
    return ("curl", "keepalived") if _wanted(configuration, host) else ()


def _variables(given: Given) -> dict[str, Any]:
    """The first control plane has the address as long as its API server answers, then the next one."""
    host, planes, endpoint = given.host, given.configuration.control_planes, given.kubernetes.endpoint
    if not _wanted(given.configuration, host):
        return {"name": host.name, "address": host.address}
    return {
        "name": host.name,
        "address": host.address,
        "port": endpoint.port,
        "vip": endpoint.vip,
        "virtual_router_id": endpoint.virtual_router_id,
        "priority": HIGHEST_PRIORITY - planes.index(host),
        "peers": [plane.address for plane in planes if plane != host],
    }


ROLE = Role(
    name="load_balancer",
    wanted=_wanted,
    packages=_packages,
    variables=_variables,
    optional=True,
    fields={
        "name": f"{ITEM}.name",
        "address": f"{ITEM}.address",
        "port": "spec.kubernetes.endpoint.port",
        "vip": "spec.kubernetes.endpoint.vip",
        "virtual_router_id": "spec.kubernetes.endpoint.virtualRouterID",
        "priority": "spec.hosts.items",
        "peers": "spec.hosts.items",
    },
)
