"""node_mounts: file systems of a host that has any, there before anything that runs containers."""

from typing import Any

from slipway.model.configuration import Configuration
from slipway.model.host.items import Host
from slipway.model.host.mounts import Mount
from slipway.model.placeholders import SecretValue
from slipway.planning.mounts import mounts_of, servers
from slipway.planning.roles.base import SETTINGS, Given, Role, secret_path

#: Packages with the programs that mount. Lustre's come from its makers, and fit one kernel each.
PACKAGES = {"cephfs": "ceph-common", "ceph-fuse": "ceph-fuse", "nfs": "nfs-common", "nfs4": "nfs-common"}


def _wanted(_configuration: Configuration, host: Host) -> bool:
    return bool(mounts_of(host))


def _packages(_configuration: Configuration, host: Host) -> tuple[str, ...]:
    types = {mount.type or "" for mount in mounts_of(host).values()}
    return tuple(sorted({PACKAGES[kind] for kind in types & set(PACKAGES)}))


def _variables(given: Given) -> dict[str, Any]:
    return {"mounts": [_mount(name, mount) for name, mount in mounts_of(given.host).items()]}


def _mount(name: str, mount: Mount) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": name,
        "type": mount.type,
        "source": mount.source,
        "path": mount.path,
        "options": list(mount.options),
        "read_only": mount.read_only,
        "automount": mount.automount,
        "required": mount.required,
        "servers": [{"address": address, "port": port} for address, port in servers(mount)],
    }
    if mount.user:
        found["user"] = mount.user
    if mount.secret_ref:
        found["secret"] = SecretValue(secret_path(mount.secret_ref))
    return found


ROLE = Role(
    name="node_mounts",
    wanted=_wanted,
    packages=_packages,
    variables=_variables,
    optional=True,
    fields={"mounts": f"{SETTINGS}.mounts"},
)
