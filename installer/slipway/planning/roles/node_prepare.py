"""node_prepare: names, resolver, kernel, and the packages that the host's other roles need."""

from collections.abc import Callable
from typing import Any

from slipway.model.configuration import Configuration
from slipway.model.host.items import Host
from slipway.planning.roles.base import ITEM, SETTINGS, Given, Role, registry_access


def role(packages: Callable[[Configuration, Host], tuple[str, ...]]) -> Role:
    """The role, told what the others need."""

    def variables(given: Given) -> dict[str, Any]:
        settings = given.host.settings
        return {
            "hostname": given.host.name,
            "hosts_entries": _hosts_entries(given),
            "dns": {"servers": list(settings.dns.servers), "search": list(settings.dns.search)},
            "kernel_modules": list(settings.kernel_modules),
            "sysctl": dict(settings.sysctl),
            # Unsaid where it is off, as records of earlier releases have it.
            **({"swap": "keep"} if settings.swap == "keep" else {}),
            "packages": [*settings.packages, *packages(given.configuration, given.host)],
            "repositories": given.repositories(),
            "registry": registry_access(given.configuration, given.host),
        }

    return Role(name="node_prepare", variables=variables, fields=_FIELDS)


def _hosts_entries(given: Given) -> list[dict[str, Any]]:
    """Endpoint, registry, the host itself, and what the user adds: never the list of all hosts."""
    host, configuration = given.host, given.configuration
    # The full name first: it is what `hostname --fqdn` says.
    entries = [
        {"address": host.address, "names": list(dict.fromkeys((host.name, host.name.partition(".")[0])))}
    ]
    endpoint = given.kubernetes.endpoint
    if not endpoint.address.replace(".", "").isdigit():
        target = endpoint.vip or configuration.control_planes[0].address
        entries.append({"address": target, "names": [endpoint.address]})
    name = configuration.spec.registry.name
    entries += [{"address": one.address_for(host), "names": [name]} for one in configuration.registry_hosts]
    entries += [{"address": e.address, "names": list(e.names)} for e in host.settings.extra_hosts]
    return entries


_FIELDS = {
    "hostname": f"{ITEM}.name",
    "hosts_entries": f"{SETTINGS}.extraHosts, spec.kubernetes.endpoint, spec.registry, spec.hosts.items",
    "dns": f"{SETTINGS}.dns",
    "kernel_modules": f"{SETTINGS}.kernelModules",
    "sysctl": f"{SETTINGS}.sysctl",
    "swap": f"{SETTINGS}.swap",
    "packages": f"{SETTINGS}.packages",
    "repositories": "bundle: packages",
    "registry": "spec.registry",
}
