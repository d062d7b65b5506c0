"""A logical volume on a data disk's partition: made, found again, made larger. Its volume group has nothing else.

Runs on the target with Python >= 3.9 and the standard library only.
"""

from __future__ import annotations

import os
from typing import Any

from ansible.module_utils.slipway_blocks import SETTLE_SECONDS, probe
from ansible.module_utils.slipway_error import HostError
from ansible.module_utils.slipway_host import must, run

#: What blkid calls a partition that belongs to a volume group.
MEMBER = "LVM2_member"
_UNITS = {"M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def device(lvm: dict[str, Any]) -> str:
    """Where the volume is."""
    return f"/dev/{lvm['volume_group']}/{lvm['logical_volume']}"


def refuse_without_mapper() -> None:
    """A kernel without it makes volume groups, and then no volume."""
    there = os.path.exists("/sys/class/misc/device-mapper")
    if not there and run(["modprobe", "--dry-run", "--quiet", "dm_mod"]).returncode:
        raise HostError(
            f"kernel {os.uname().release} has no device mapper",
            why="install the package with the kernel's modules, or leave out disks.NAME.lvm",
        )


def refuse_taken(lvm: dict[str, Any], nodes: list[str]) -> None:
    """A volume group of that name that is not on these partitions is somebody else's. Without LVM there is none."""
    listed = run(["vgs", "--noheadings", "--options", "vg_name,pv_name"]).stdout.splitlines()
    pairs = [line.split() for line in listed if len(line.split()) > 1]
    others = [place for group, place in pairs if group == lvm["volume_group"] and place not in nodes]
    if others:
        raise HostError(
            f"the host has a volume group {lvm['volume_group']} already, on {', '.join(others)}",
            why="give the disk's own another name: disks.NAME.lvm.volumeGroup",
        )


def make(node: str, lvm: dict[str, Any]) -> str:
    """A new volume on a partition on which nobody has ever written; its device."""
    _clear(node)
    group, volume = lvm["volume_group"], lvm["logical_volume"]
    must(["pvcreate", "--quiet", "--yes", node])
    must(["vgcreate", "--quiet", group, node])
    size = ["--size", lvm["size"]] if lvm["size"] else ["--extents", "100%FREE"]
    must(["lvcreate", "--quiet", "--yes", "--wipesignatures", "y", *size, "--name", volume, group])
    return device(lvm)


def _clear(node: str) -> None:
    """What a killed run left there."""
    groups = run(["pvs", "--noheadings", "--options", "vg_name", node]).stdout.split()
    for group in groups:
        places = must(["vgs", "--noheadings", "--options", "pv_name", group]).split()
        if places != [node]:
            raise HostError(f"the volume group {group} is also on other disks than {node}")
        must(["vgchange", "--quiet", "--activate", "n", group])
        must(["vgremove", "--quiet", "--force", "--yes", group])
    must(["wipefs", "--all", "--quiet", node])


def found(lvm: dict[str, Any], node: str) -> dict[str, Any]:
    """The volume of a partition of ours: its device, file system and UUID."""
    refuse_taken(lvm, [node])
    if not os.path.exists(device(lvm)):
        run(["vgchange", "--quiet", "--activate", "y", lvm["volume_group"]])
        run(["udevadm", "settle", f"--timeout={SETTLE_SECONDS}"])
    if not os.path.exists(device(lvm)):
        raise HostError(f"{node} has no logical volume {lvm['volume_group']}/{lvm['logical_volume']}")
    volume = {"node": device(lvm), "label": "", **probe(device(lvm))}
    _name(volume)
    return volume


def _name(volume: dict[str, Any]) -> None:
    """Its link by UUID, by which it is mounted: udev may have looked before there was a file system, and not since."""
    if volume["uuid"] and not os.path.exists(f"/dev/disk/by-uuid/{volume['uuid']}"):
        node = os.path.realpath(volume["node"])
        run(["udevadm", "trigger", "--action=change", f"--name-match={node}"])
        run(["udevadm", "settle", f"--timeout={SETTLE_SECONDS}"])


def growth(lvm: dict[str, Any]) -> list[str]:
    """Arguments of lvextend that bring the volume to its size; none where it has it. It is never made smaller."""
    columns = "lv_size,vg_free,vg_extent_size"
    place = f"{lvm['volume_group']}/{lvm['logical_volume']}"
    shown = must(["lvs", "--noheadings", "--units", "b", "--nosuffix", "--options", columns, place])
    have, free, extent = (int(word) for word in shown.split())
    if not lvm["size"]:
        return ["--extents", "+100%FREE"] if free >= extent else []
    wanted = int(lvm["size"][:-1]) * _UNITS[lvm["size"][-1]]
    if have - wanted >= extent:
        text = f"{place} has {have >> 20} MiB and is never made smaller, to {lvm['size']}"
        raise HostError(text, why="set disks.NAME.lvm.size to what it has, or to more")
    return ["--size", lvm["size"]] if wanted > have else []


def grow(lvm: dict[str, Any], arguments: list[str]) -> None:
    """The volume and the file system on it, which is mounted."""
    must(["lvextend", "--quiet", "--resizefs", *arguments, device(lvm)], timeout=600)
