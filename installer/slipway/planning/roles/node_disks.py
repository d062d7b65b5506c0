"""node_disks: a host's data disks, before anything keeps its data there."""

from collections.abc import Iterator
from typing import Any

from slipway.model.configuration import Configuration
from slipway.model.host.disks import Disk
from slipway.model.host.items import Host
from slipway.model.observed import Drift
from slipway.planning.disks import disk_consequences
from slipway.planning.roles.base import SETTINGS, Given, Role, registry_access

#: What makes a file system that Debian's standard packages cannot make.
PACKAGES = {"lvm": "lvm2", "xfs": "xfsprogs"}
REGISTRY_UNITS = ("slipway-registry-push.service", "slipway-registry.service")


def packages(_configuration: Configuration, host: Host) -> tuple[str, ...]:
    """Packages that its disks need."""
    disks = host.settings.disks.values()
    kinds = {disk.filesystem for disk in disks} | {"lvm" for disk in disks if disk.lvm}
    return tuple(sorted(PACKAGES[kind] for kind in kinds if kind in PACKAGES))


def _wanted(_configuration: Configuration, host: Host) -> bool:
    return bool(host.settings.disks)


def _variables(given: Given) -> dict[str, Any]:
    """Hosts of the registry cannot fetch from it: their packages come from the controller."""
    host, names = given.host, packages(given.configuration, given.host)
    here = host in given.configuration.registry_hosts
    return {
        "disks": {name: _disk(given, disk) for name, disk in sorted(host.settings.disks.items())},
        "packages": list(names),
        "repositories": given.repositories() if names else {},
        "registry": registry_access(given.configuration, given.host) if names and not here else {},
    }


def _disk(given: Given, disk: Disk) -> dict[str, Any]:
    places = _places(given)
    below = f"{disk.path}/"
    return {
        "id": disk.id,
        "path": disk.path,
        "filesystem": disk.filesystem,
        "options": list(disk.options),
        "wipe": disk.wipe or "",
        **({"lvm": disk.lvm.model_dump(exclude_none=True)} if disk.lvm else {}),
        "units": sorted({unit for place, unit in places if f"{place}/".startswith(below)}),
    }


def _places(given: Given) -> Iterator[tuple[str, str]]:
    """(directory, unit that has its data there): without the disk it would begin anew beside the data."""
    settings = given.host.settings
    yield settings.runtime.root, f"{settings.runtime.type}.service"
    yield from ((place, "kubelet.service") for place in ("/var/lib/kubelet", "/var/lib/etcd"))
    if given.host in given.configuration.registry_hosts:
        yield from ((given.configuration.spec.registry.data_root, unit) for unit in REGISTRY_UNITS)


def _drift_unmounts(_host: Host, drift: Drift) -> bool:
    """What lies on a disk is stopped before the disk is where it should be."""
    return not drift.what.startswith("package ")


ROLE = Role(
    name="node_disks",
    wanted=_wanted,
    variables=_variables,
    packages=packages,
    optional=True,
    consequences=disk_consequences,
    disruptive=frozenset({"disks"}),
    disruptive_drift=_drift_unmounts,
    fields={
        "disks": f"{SETTINGS}.disks",
        "packages": f"{SETTINGS}.disks",
        "repositories": "bundle: packages",
        "registry": "spec.registry",
    },
)
