"""Mounts of a host as systemd units: what each looks like, and what has to be done to get there. Pure.

Used by slipway_mounts, which carries it out, and by slipway_reset. A unit of ours carries the mount's name. Only what a
unit says is ever mounted by Slipway, and a unit changes only while its mount is not there: so what is mounted and what
the unit says agree at any moment, also after a kill.
"""

from __future__ import annotations

import shlex
from typing import Any

UNITS = "/etc/systemd/system"
#: Secrets and settings of clients; 0700.
SETTINGS = "/etc/slipway-mounts"
AGAIN_SCRIPT, AGAIN_UNIT = f"{SETTINGS}/again", "slipway-mounts.service"
#: What serves containers; a unit that is not there is ordered after nothing.
RUNTIMES = ("containerd.service", "docker.service")
KUBELET = "kubelet.service"
DROP_IN = "60-slipway-mounts.conf"
NAME_MARK, REQUIRED_MARK = "X-SlipwayName=", "X-SlipwayRequired="
#: Seconds after which a mount is given up: more than a server's restart of nfsd, less than a person waits for a boot.
TIMEOUT = 60
#: Seconds between tries for what could not be mounted at boot.
AGAIN_SECONDS = 30

CEPH, CEPH_FUSE = "cephfs", "ceph-fuse"
#: Types whose own name is not that of the file system.
KERNEL_TYPES = {CEPH: "ceph", CEPH_FUSE: "fuse.ceph"}
NETWORK_TYPES = frozenset(
    {CEPH, CEPH_FUSE, "nfs", "nfs4", "lustre", "cifs", "smb3", "glusterfs", "fuse.glusterfs", "beegfs", "9p"}
)
_PLAIN = frozenset("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ:_.")


def escape(path: str) -> str:
    """A path as part of a unit's name, as `systemd-escape --path` has it."""
    text = "/".join(part for part in path.split("/") if part)
    if not text:
        return "-"
    found = []
    for index, byte in enumerate(text.encode()):
        char = chr(byte)
        if char == "/":
            found.append("-")
        elif char in _PLAIN and not (char == "." and index == 0):
            found.append(char)
        else:
            found.append(f"\\x{byte:02x}")
    return "".join(found)


def mount_unit(path: str) -> str:
    """The unit that mounts there."""
    return f"{escape(path)}.mount"


def automount_unit(path: str) -> str:
    """The unit that waits for somebody to look there."""
    return f"{escape(path)}.automount"


def boot_unit(mount: dict[str, Any]) -> str:
    """The one of both that starts at boot."""
    return automount_unit(mount["path"]) if mount["automount"] else mount_unit(mount["path"])


def plain(text: str) -> str:
    """A value in a unit file, where % begins a specifier."""
    return text.replace("%", "%%")


def key_of(secret: str) -> str:
    """The key itself, of a file that holds it alone or of a keyring."""
    for line in secret.splitlines():
        name, separator, value = line.partition("=")
        if separator and name.strip() == "key":
            return value.strip()
    return secret.strip()


def secret_path(mount: dict[str, Any]) -> str:
    """Where a mount's key is kept."""
    return f"{SETTINGS}/{mount['name']}.{'keyring' if mount['type'] == CEPH_FUSE else 'secret'}"


def options(mount: dict[str, Any]) -> list[str]:
    """All options, ours first. nofail: no boot waits for it; its own timeout ends it."""
    found = ["nofail"]
    found += ["_netdev"] if mount["type"] in NETWORK_TYPES else []
    found += ["ro"] if mount["read_only"] else []
    if mount["type"] == CEPH:
        found += [f"name={mount['user']}", f"secretfile={secret_path(mount)}"]
    if mount["type"] == CEPH_FUSE:
        found += [f"ceph.id={mount['user']}", f"ceph.conf={SETTINGS}/{mount['name']}.conf"]
    return found + [option for option in mount["options"] if option not in found]


def secret_files(mount: dict[str, Any]) -> dict[str, str]:
    """Files that nobody but root reads."""
    if mount["type"] == CEPH:
        return {secret_path(mount): key_of(mount["secret"]) + "\n"}
    if mount["type"] == CEPH_FUSE:
        text = f"[client.{mount['user']}]\n\tkey = {key_of(mount['secret'])}\n"
        return {secret_path(mount): text}
    return {}


def plain_files(mount: dict[str, Any]) -> dict[str, str]:
    """Units and settings of one mount."""
    found = {f"{UNITS}/{mount_unit(mount['path'])}": _mount_text(mount)}
    if mount["automount"]:
        found[f"{UNITS}/{automount_unit(mount['path'])}"] = _automount_text(mount)
    if mount["type"] == CEPH_FUSE:
        found[f"{SETTINGS}/{mount['name']}.conf"] = _ceph_text(mount)
    return found


def _marks(mount: dict[str, Any]) -> str:
    required = "yes" if mount["required"] else "no"
    return f"{NAME_MARK}{mount['name']}\n{REQUIRED_MARK}{required}\n"


def _mount_text(mount: dict[str, Any]) -> str:
    source = "ceph-fuse" if mount["type"] == CEPH_FUSE else plain(mount["source"])
    before = " ".join([*RUNTIMES, KUBELET])
    install = "" if mount["automount"] else "\n[Install]\nWantedBy=multi-user.target\n"
    return (
        f"# Written by Slipway.\n[Unit]\nDescription=Mount {mount['name']}\n{_marks(mount)}Before={before}\n\n"
        f"[Mount]\nWhat={source}\nWhere={plain(mount['path'])}\n"
        f"Type={KERNEL_TYPES.get(mount['type'], mount['type'])}\nOptions={plain(','.join(options(mount)))}\n"
        f"TimeoutSec={TIMEOUT}\n{install}"
    )


def _automount_text(mount: dict[str, Any]) -> str:
    before = " ".join([*RUNTIMES, KUBELET])
    return (
        f"# Written by Slipway.\n[Unit]\nDescription=Mount {mount['name']} when it is looked at\n{_marks(mount)}"
        f"Before={before}\n\n[Automount]\nWhere={plain(mount['path'])}\n\n[Install]\nWantedBy=multi-user.target\n"
    )


def _ceph_text(mount: dict[str, Any]) -> str:
    """What ceph-fuse reads instead of /etc/ceph/ceph.conf."""
    monitors, _, directory = mount["source"].partition(":/")
    return (
        f"# Written by Slipway.\n[client]\nmon host = {monitors}\nkeyring = {secret_path(mount)}\n"
        f"client mountpoint = /{directory}\nlog file =\nadmin socket =\n"
    )


def shared_files(mounts: list[dict[str, Any]]) -> dict[str, str]:
    """What several mounts have together: the second try after a boot, and what may not start without them."""
    booted = sorted(mount_unit(mount["path"]) for mount in mounts if not mount["automount"])
    required = sorted(mount["path"] for mount in mounts if mount["required"])
    found = {}
    if booted:
        found[AGAIN_SCRIPT] = _again_text(booted, bool(required))
        found[f"{UNITS}/{AGAIN_UNIT}"] = (
            "# Written by Slipway.\n[Unit]\nDescription=Mounts that failed at boot, tried again\n"
            f"After={' '.join(booted)}\n\n[Service]\nExecStart=/bin/sh {AGAIN_SCRIPT}\n\n"
            "[Install]\nWantedBy=multi-user.target\n"
        )
    if required:
        units = " ".join(mount_unit(path) for path in required)
        asserts = "".join(f"AssertPathIsMountPoint={plain(path)}\n" for path in required)
        text = f"# Written by Slipway.\n[Unit]\nWants={units}\nAfter={units}\n{asserts}"
        found.update({f"{UNITS}/{unit}.d/{DROP_IN}": text for unit in (*RUNTIMES, KUBELET)})
    return found


def _again_text(units: list[str], required: bool) -> str:
    names = " ".join(shlex.quote(unit) for unit in units)
    lines = [
        "# Written by Slipway: mounts whose server was not there yet at boot.",
        f"until systemctl --quiet start {names} 2>/dev/null; do sleep {AGAIN_SECONDS}; done",
    ]
    if required:
        lines += [
            f"for unit in {' '.join([*RUNTIMES, KUBELET])}; do",
            '    if systemctl is-enabled --quiet "$unit" 2>/dev/null; then systemctl start --no-block "$unit"; fi',
            "done",
        ]
    return "\n".join(lines) + "\n"


def meaning(text: str) -> list[str]:
    """The lines of a unit whose change needs another mount: what, where, how."""
    section, found = "", []
    for line in text.splitlines():
        section = line if line.startswith("[") else section
        if section == "[Mount]" and line.split("=")[0] in {"What", "Where", "Type", "Options"}:
            found.append(line)
    return found


def name_in(text: str) -> str:
    """The mount that a unit of ours is for; empty: it is somebody else's."""
    return next((line[len(NAME_MARK) :] for line in text.splitlines() if line.startswith(NAME_MARK)), "")


def required_in(text: str) -> bool:
    """Whether runtimes wait for the mount of this unit."""
    return f"{REQUIRED_MARK}yes" in text.splitlines()


def where_in(text: str) -> str:
    """Where a unit mounts."""
    lines = (line for line in text.splitlines() if line.startswith("Where="))
    return next(lines, "Where=")[len("Where=") :].replace("%%", "%")


def unescape(text: str) -> str:
    """A field of mountinfo, where blanks are written in octal."""
    head, *rest = text.split("\\")
    data = head.encode()
    for part in rest:
        data += bytes([int(part[:3], 8)]) + part[3:].encode()
    return data.decode(errors="replace")


def mount_table(mountinfo: str) -> list[dict[str, Any]]:
    """The lines of /proc/PID/mountinfo that matter here; a later one at the same place covers an earlier one."""
    found = []
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        fields, kind = left.split(" "), right.split(" ")
        found.append(
            {
                "id": fields[0],
                "device": fields[2],
                "path": unescape(fields[4]),
                "follows": any(tag.startswith(("shared:", "master:")) for tag in fields[6:]),
                "type": kind[0],
                "source": unescape(kind[1]),
            }
        )
    return found


def mounted_at(table: list[dict[str, Any]], path: str) -> dict[str, Any] | None:
    """What is mounted there; what only waits to be looked at is not."""
    found = [entry for entry in table if entry["path"] == path and entry["type"] != "autofs"]
    return found[-1] if found else None


def same_source(mount: dict[str, Any], entry: dict[str, Any]) -> bool:
    """Whether what somebody mounted there is what is wanted."""
    kind = KERNEL_TYPES.get(mount["type"], mount["type"])
    kinds = {"nfs", "nfs4"} if kind in {"nfs", "nfs4"} else {kind}
    return entry["type"] in kinds and entry["source"].rstrip("/") == mount["source"].rstrip("/")


def decide(
    mount: dict[str, Any], unit: str | None, automatic: bool, table: list[dict[str, Any]]
) -> list[str]:
    """What one wanted mount needs, of unmount and mount, in this order.

    `unit`: the text of its mount unit as it is, if that is ours; `automatic`: whether it has an automount unit.
    """
    entry = mounted_at(table, mount["path"])
    waits = any(e["path"] == mount["path"] and e["type"] == "autofs" for e in table)
    wanted = meaning(_mount_text(mount))
    other = unit is not None and (meaning(unit) != wanted or automatic != mount["automount"])
    verbs = []
    if other and (entry or waits):
        verbs.append("unmount")
    there = waits if mount["automount"] else entry is not None
    if not there or verbs:
        verbs.append("mount")
    return verbs
