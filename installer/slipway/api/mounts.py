"""What is wrong with a host's mounts once its layers are merged; told at the layer that names the mount last."""

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from slipway.errors import Finding
from slipway.findings import FindingCode
from slipway.model.host.items import Host, HostItem, Hosts
from slipway.model.host.mounts import (
    CEPH_SOURCE,
    CEPH_TYPES,
    LUSTRE_SOURCE,
    NFS_SOURCE,
    NFS_TYPES,
    Mount,
)

#: Places that a running system cannot have covered.
SYSTEM = frozenset(
    f"/{name}"
    for name in ("bin", "boot", "etc", "home", "lib", "opt", "root", "sbin", "srv", "tmp", "usr", "var")
) | {"/var/lib", "/var/log", "/usr/local"}
#: Places of which nothing below may be covered either: of the kernel, and of what runs containers.
CLOSED = (
    *("/dev", "/proc", "/run", "/sys", "/etc/kubernetes", "/etc/systemd", "/var/run"),
    *("/var/lib/kubelet", "/var/lib/containerd", "/var/lib/docker", "/var/lib/etcd", "/var/lib/slipway"),
)
SOURCES = (
    (CEPH_TYPES, CEPH_SOURCE, "MONITOR[:PORT],...:/PATH, as 10.0.0.5,10.0.0.6:/volumes/a"),
    (NFS_TYPES, NFS_SOURCE, "SERVER:/EXPORT, as 10.0.0.9:/export/home"),
    (frozenset({"lustre"}), LUSTRE_SOURCE, "NID[:NID]:/NAME, as 10.0.0.9@tcp:/scratch"),
)
#: How fstab calls what has a name of its own here.
NAMES = {"ceph": "cephfs", "fuse.ceph": "ceph-fuse"}
#: Options that are fields, would show a secret, or mean something in fstab only.
OPTIONS = {
    "auto": "automount",
    "noauto": "automount",
    "ro": "readOnly",
    "secret": "secretRef",
    "secretfile": "secretRef",
    "password": "a file of the host's own",
    "pass": "a file of the host's own",
    "ceph.id": "user",
    "ceph.conf": "source",
}


def mount_findings(hosts: Hosts, resolved: Sequence[Host]) -> Iterator[Finding]:
    """Every finding once, also when many hosts have the same layer; `resolved` are the hosts, merged."""
    found: dict[tuple[str, str], Finding] = {}
    for item, host in zip(hosts.items, resolved, strict=True):
        for finding in _host(hosts, item, host):
            found.setdefault((finding.path, finding.code), finding)
    yield from found.values()


def _host(hosts: Hosts, item: HostItem, host: Host) -> Iterator[Finding]:
    places = {disk.path: f"disk {name}" for name, disk in host.settings.disks.items() if disk.path}
    for name, mount in host.settings.mounts.items():
        if not mount.enabled:
            continue
        path = f"{_layer(hosts, item, name)}.mounts.{name}"
        yield from _mount(path, mount, host)
        first = places.setdefault(mount.path or name, f"mount {name}")
        if first != f"mount {name}":
            text = f"{mount.path} is also that of {first} on host {host.name}"
            yield Finding(f"{path}.path", text, expected="a path of its own", code=FindingCode.DUPLICATE_PATH)


def _layer(hosts: Hosts, item: HostItem, name: str) -> str:
    """The last layer of a host that names the mount."""
    if name in item.settings.mounts:
        return f"spec.hosts.items[{hosts.items.index(item)}].settings"
    groups = (group for group in reversed(item.groups) if name in hosts.groups[group].mounts)
    group = next(groups, None)
    return f"spec.hosts.groups.{group}" if group else "spec.hosts.defaults"


def _mount(path: str, mount: Mount, host: Host) -> Iterator[Finding]:
    missing = [name for name in ("type", "source", "path") if getattr(mount, name) is None]
    for name in missing:
        hint = "give it here or in a layer below; enabled: false where these hosts do not have the mount"
        yield Finding(
            f"{path}.{name}", "is missing", expected="a value", hint=hint, code=FindingCode.MISSING_FIELD
        )
    if missing:
        return
    yield from _type(path, mount)
    yield from _place(path, mount.path or "", host)
    for index, option in enumerate(mount.options):
        name = option.partition("=")[0]
        if name in OPTIONS or name.startswith("x-systemd.") or (name == "name" and mount.type in CEPH_TYPES):
            instead = OPTIONS.get(name, "user" if name == "name" else "automount and required")
            text = f"{name} is not given as an option"  # never its value, which may be a secret
            yield Finding(f"{path}.options[{index}]", text, expected=instead, code=FindingCode.MOUNT_OPTION)
    if mount.required and mount.automount:
        text = "is true, and so is automount"
        expected = "one of both: what is mounted when it is looked at cannot be waited for"
        yield Finding(f"{path}.required", text, expected=expected, code=FindingCode.REQUIRED_AUTOMOUNT)


def _type(path: str, mount: Mount) -> Iterator[Finding]:
    kind, source = mount.type or "", mount.source or ""
    if kind in NAMES:
        yield Finding(f"{path}.type", f"is {kind!r}", expected=NAMES[kind], code=FindingCode.BAD_VALUE)
    for kinds, pattern, words in SOURCES:
        if kind in kinds and not re.match(pattern, source):
            yield Finding(f"{path}.source", f"is {source!r}", expected=words, code=FindingCode.MOUNT_SOURCE)
    for field, value in (("user", mount.user), ("secretRef", mount.secret_ref)):
        if kind in CEPH_TYPES and value is None:
            hint = "ceph auth get-or-create client.NAME makes both"
            yield Finding(
                f"{path}.{field}",
                "is missing",
                expected=f"one, as type is {kind}",
                hint=hint,
                code=FindingCode.CEPH_NEEDS_CLIENT,
            )
        if kind not in {*CEPH_TYPES, *NAMES} and value is not None:
            text = f"is given, and type is {kind}"
            yield Finding(
                f"{path}.{field}",
                text,
                expected="only with cephfs and ceph-fuse",
                code=FindingCode.CLIENT_WITHOUT_CEPH,
            )


def _place(path: str, place: str, host: Host) -> Iterator[Finding]:
    whole = PurePosixPath(place)
    closed = (*CLOSED, host.settings.runtime.root)
    inside = next(
        (top for top in closed if whole == PurePosixPath(top) or PurePosixPath(top) in whole.parents), ""
    )
    over = next((top for top in closed if whole in PurePosixPath(top).parents), "")
    if {".", ".."} & set(place.split("/")):
        yield Finding(
            f"{path}.path", f"is {place!r}", expected="a path without . and ..", code=FindingCode.MOUNT_PATH
        )
    elif inside or over or place in SYSTEM:
        why = f"{inside or over} is there" if inside or over else "the system's own files are there"
        expected = "a place that nothing else uses, as /mnt/data"
        yield Finding(
            f"{path}.path", f"is {place!r}, and {why}", expected=expected, code=FindingCode.MOUNT_PATH
        )
