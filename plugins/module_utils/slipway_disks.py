"""Data disks: what is on one, what may be done with it, and the unit that mounts it. Decisions without effects.

A partition carries our marks in its GPT name: `slipway-NAME.new` from before it is formatted until that has ended,
`slipway-NAME` from then on. So a killed run is recognised by the disk itself, and a finished one is never formatted.

Runs on the target with Python >= 3.9 and the standard library only.
"""

from __future__ import annotations

import glob
import os
import re
from typing import Any

from ansible.module_utils.slipway_error import HostError
from ansible.module_utils.slipway_host import must, read_text, run, tail
from ansible.module_utils.slipway_lvm import MEMBER
from ansible.module_utils.slipway_paths import unlink

UNITS = "/etc/systemd/system"
HEADER = "# Written by Slipway: data disk "
#: Whatever may keep its data on a disk starts after it.
BEFORE = (
    "containerd.service",
    "cri-docker.service",
    "crio.service",
    "docker.service",
    "kubelet.service",
    "slipway-registry-push.service",
    "slipway-registry.service",
)
EMPTY, UNFINISHED, OURS, FOREIGN = "empty", "unfinished", "ours", "foreign"
#: Signatures of a partition table alone: all that a partitioning of ours can leave when it is killed.
TABLE = frozenset({"gpt", "PMBR"})


def mark(name: str, *, finished: bool) -> str:
    """Name of the partition of an entry."""
    return f"slipway-{name}" if finished else f"slipway-{name}.new"


def state(name: str, seen: dict[str, Any], *, begun: bool = False) -> str:
    """What a disk is to the entry `name`. `begun`: our note says that an empty disk was to be partitioned."""
    labels = [part["label"] for part in seen["partitions"]]
    if labels == [mark(name, finished=True)]:
        return OURS
    if labels == [mark(name, finished=False)]:
        return UNFINISHED
    if not seen["signatures"] and not seen["partitions"]:
        return EMPTY
    torn = begun and not seen["partitions"] and set(seen["signatures"]) <= TABLE
    return EMPTY if torn else FOREIGN


def decide(disk: dict[str, Any], seen: dict[str, Any], *, begun: bool = False) -> list[str]:
    """What has to be done until the disk can be mounted: some of wipe, partition, format.

    Raises HostError where that could lose somebody's data.
    """
    found = state(disk["name"], seen, begun=begun)
    if found == OURS:
        refuse_other(disk, seen["device"], seen["partitions"][0]["filesystem"], kind(disk))
        return []
    # A volume on it that a killed run of ours made is no user.
    with_volume = found == UNFINISHED and disk["lvm"]
    users = [use for use in seen["uses"] if not (with_volume and use.endswith(" (lvm)"))]
    if users:
        raise HostError(f"{about(disk, seen)} is in use", why=", ".join(users))
    if found == UNFINISHED:
        return ["format"]
    if found == EMPTY:
        return ["partition", "format"]
    if disk["wipe"] and disk["wipe"] == seen["serial"]:
        return ["wipe", "partition", "format"]
    raise HostError(
        f"{about(disk, seen)} is not empty and stays as it is: {contents(seen)}",
        why=f"if nothing of it is needed, consent with disks.{disk['name']}.wipe: {seen['serial'] or 'SERIAL'}",
    )


def kind(disk: dict[str, Any]) -> str:
    """What blkid finds on the partition of an entry."""
    return MEMBER if disk["lvm"] else disk["filesystem"]


def refuse_other(disk: dict[str, Any], device: str, have: str, wanted: str) -> None:
    """What may hold data is as it is."""
    if have != wanted:
        raise HostError(
            f"disk {disk['name']} ({device}) is formatted with {have or 'nothing that is known'},"
            f" not {wanted}: a disk that may hold data is never formatted again",
            why=f"set disks.{disk['name']}.filesystem to what it has, or give it a new name and `wipe`",
        )


def about(disk: dict[str, Any], seen: dict[str, Any]) -> str:
    """A disk in words."""
    serial = f", serial {seen['serial']}" if seen["serial"] else ", without a serial number"
    return f"disk {disk['name']} ({seen['device']}, {seen['size'] >> 20} MiB{serial})"


def contents(seen: dict[str, Any]) -> str:
    """What is on a disk in words."""
    parts = [f"{part['node']} {part['filesystem'] or part['label']}".strip() for part in seen["partitions"]]
    return ", ".join([*dict.fromkeys(seen["signatures"]), *parts])


def unit_text(disk: dict[str, Any], uuid: str) -> str:
    """The unit. Without the disk the host boots and can be logged into, but nothing starts that has its data there."""
    lines = [
        f"{HEADER}{disk['name']}",
        "[Unit]",
        f"Description=Data disk {disk['name']}",
        f"Before={' '.join(BEFORE)}",
        "",
        "[Mount]",
        f"What=/dev/disk/by-uuid/{uuid}",
        f"Where={disk['path']}",
        f"Type={disk['filesystem']}",
        f"Options={','.join(['nofail', *disk['options']])}",
        "",
        "[Install]",
        "WantedBy=multi-user.target",
        *([f"RequiredBy={' '.join(disk['units'])}"] if disk["units"] else []),
    ]
    return "\n".join(lines) + "\n"


def our_units() -> dict[str, dict[str, Any]]:
    """Name of an entry -> the unit that we wrote for it: its name and path, and where it mounts."""
    found = {}
    for path in sorted(glob.glob(f"{UNITS}/*.mount")):
        text = read_text(path) or ""
        if text.startswith(HEADER):
            name = text.splitlines()[0][len(HEADER) :]
            where = re.search(r"^Where=(.+)$", text, re.MULTILINE)
            found[name] = {
                "unit": os.path.basename(path),
                "file": path,
                "path": where.group(1) if where else "",
            }
    return found


def release(unit: dict[str, Any]) -> None:
    """Unmount, and take the unit away; the disk keeps what is on it. Refused while somebody works there."""
    users = users_of(unit["path"])
    if users:
        raise HostError(f"{unit['path']} is in use: it cannot be unmounted", why=", ".join(users))
    done = run(["systemctl", "stop", unit["unit"]], timeout=120)
    if done.returncode:
        raise HostError(f"{unit['path']} cannot be unmounted", why=tail(done.stderr))
    must(["systemctl", "disable", unit["unit"]])
    unlink(unit["file"])
    must(["systemctl", "daemon-reload"])


def users_of(path: str) -> list[str]:
    """Processes that have something open below a mount point, and mounts below it."""
    if not os.path.ismount(path):
        return []
    below = [point for point in mount_points() if point.startswith(f"{path}/")]
    device = os.stat(path).st_dev
    return [f"mount {point}" for point in below] + [
        f"{(read_text(f'/proc/{pid}/comm') or '').strip()} (pid {pid})"
        for pid in filter(str.isdigit, os.listdir("/proc"))
        if any(_on(device, link) for link in _links(pid))
    ]


def _links(pid: str) -> list[str]:
    return [f"/proc/{pid}/cwd", f"/proc/{pid}/root", *glob.glob(f"/proc/{pid}/fd/*")]


def _on(device: int, link: str) -> bool:
    try:
        return os.stat(link).st_dev == device
    except OSError:  # a thread of the kernel, or gone
        return False


def mount_points() -> dict[str, str]:
    """Mount point -> source, the uppermost of each."""
    lines = (line.split() for line in (read_text("/proc/self/mounts") or "").splitlines())
    return {fields[1]: fields[0] for fields in lines}
