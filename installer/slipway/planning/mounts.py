"""Where a mount's source is served: what preflight tries to reach, and the role before it mounts."""

import re

from slipway.model.host.items import Host
from slipway.model.host.mounts import CEPH_SOURCE, CEPH_TYPES, NFS_SOURCE, NFS_TYPES, Mount

#: https://docs.ceph.com/en/latest/rados/configuration/network-config-ref/: the port of messenger v1.
CEPH_PORT = 6789
NFS_PORT = 2049
#: https://wiki.lustre.org/Lustre_Networking_(LNET)_Configuration_Options: acceptor_port.
LUSTRE_PORT = 988


def mounts_of(host: Host) -> dict[str, Mount]:
    """The mounts that a host has, by name."""
    return {name: mount for name, mount in sorted(host.settings.mounts.items()) if mount.enabled}


def servers(mount: Mount) -> list[tuple[str, int]]:
    """Addresses and TCP ports of which one has to answer; none where this cannot be told."""
    source = mount.source or ""
    if mount.type in CEPH_TYPES and (found := re.match(CEPH_SOURCE, source)):
        return [_place(monitor, CEPH_PORT) for monitor in found["monitors"].split(",")]
    if mount.type in NFS_TYPES and (found := re.match(NFS_SOURCE, source)):
        return _nfs(found["server"], mount.options)
    if mount.type == "lustre":
        nids = re.split(r"[:,]", source.partition(":/")[0])
        parts = [nid.partition("@") for nid in nids]
        return [(address, LUSTRE_PORT) for address, _, net in parts if not net or net.startswith("tcp")]
    return []


def _place(text: str, port: int) -> tuple[str, int]:
    address, _, own = text.partition(":")
    return address, int(own or port)


def _nfs(server: str, options: tuple[str, ...]) -> list[tuple[str, int]]:
    values = dict(option.partition("=")[::2] for option in options)
    if values.get("proto", "tcp") != "tcp" or not values.get("port", "1").isdigit():
        return []
    return [(server, int(values.get("port", NFS_PORT)))]
