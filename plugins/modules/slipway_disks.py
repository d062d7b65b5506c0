#!/usr/bin/python
"""Partitions, formats and mounts data disks: only what is empty, or what was agreed to by its serial number."""

from __future__ import annotations

DOCUMENTATION = r"""
module: slipway_disks
short_description: Data disks of a host
description:
  - An empty disk gets one GPT partition and a file system; one that has ours already is only mounted.
  - A disk with any signature on it is refused, unless C(wipe) is its own serial number and nothing uses it.
  - A run that was killed is recognised by the partition's name and finished.
  - Mounts are systemd units by UUID. Those of entries that are gone are unmounted; their data stays.
options:
  disks:
    description: The disks.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the entry.
        type: str
        required: true
      id:
        description: Name under C(/dev/disk/by-id), or a serial number.
        type: str
        required: true
      path:
        description: Mount point.
        type: path
        required: true
      filesystem:
        description: File system of an empty disk.
        type: str
        choices: [xfs, ext4]
        default: xfs
      options:
        description: Mount options.
        type: list
        elements: str
        default: []
      wipe:
        description: Serial number of a disk whose content may go.
        type: str
        default: ""
      lvm:
        description: >-
          Logical volume that has the file system, in a volume group of the disk's partition alone; made larger when
          C(size) is, all that there is without one.
        type: dict
        suboptions:
          volume_group:
            description: Name of the volume group.
            type: str
            required: true
          logical_volume:
            description: Name of the logical volume.
            type: str
            required: true
          size:
            description: Size, as C(50G).
            type: str
            default: ""
      units:
        description: Units that must not start without it.
        type: list
        elements: str
        default: []
author:
  - Slipway
"""

EXAMPLES = r"""
- name: Mount the data disk
  slipway_disks:
    disks:
      - {name: data, id: wwn-0x5000c500a1b2c3d4, path: /data, units: [containerd.service]}
"""

RETURN = r"""
done:
  description: What was done, in words.
  type: list
  returned: always
made:
  description: The units and their files, for the record.
  type: list
  returned: always
"""

import os
from typing import Any

from ansible.module_utils import slipway_disks as disks
from ansible.module_utils import slipway_lvm as lvm
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.slipway_blocks import SETTLE_SECONDS, look, tell_kernel
from ansible.module_utils.slipway_error import HostError
from ansible.module_utils.slipway_host import (
    STATE_DIR,
    fail,
    must,
    read_json,
    run,
    stands,
    write_json,
)
from ansible.module_utils.slipway_mounts import mount_unit
from ansible.module_utils.slipway_paths import make_directory, write_atomic
from ansible.module_utils.slipway_things import things

#: Names of entries whose empty disk is being partitioned, with the serial number.
NOTE = f"{STATE_DIR}/disks.json"
MKFS = {"xfs": ["mkfs.xfs", "-q", "-f"], "ext4": ["mkfs.ext4", "-q", "-F"]}
FORMAT_SECONDS = 3600


def note(name: str, serial: str | None) -> None:
    """Remember, or forget, that an empty disk is being partitioned."""
    begun = {key: value for key, value in read_json(NOTE).get("begun", {}).items() if key != name}
    if serial is not None:
        begun[name] = serial
    write_json(NOTE, {"format": 1, "begun": begun})


def carry_out(verb: str, disk: dict[str, Any], seen: dict[str, Any]) -> None:
    """One of what `decide` names."""
    device = seen["device"]
    if verb == "wipe":
        for node in [part["node"] for part in seen["partitions"] if os.path.exists(part["node"])]:
            must(["wipefs", "--all", "--quiet", node])
        must(["wipefs", "--all", "--quiet", device])
        tell_kernel(device)
    elif verb == "partition":
        note(disk["name"], seen["serial"])
        unfinished = disks.mark(disk["name"], finished=False)
        table = f'label: gpt\nname="{unfinished}", type=linux\n'
        must(["sfdisk", "--quiet", "--lock=yes", "--wipe-partitions=always", device], stdin=table)
        tell_kernel(device)
        note(disk["name"], None)
    else:
        (part,) = known(disk["id"])["partitions"]
        place = lvm.make(part["node"], disk["lvm"]) if disk["lvm"] else part["node"]
        must([*MKFS[disk["filesystem"]], place], timeout=FORMAT_SECONDS)
        finished = disks.mark(disk["name"], finished=True)
        must(["sfdisk", "--quiet", "--lock=yes", "--part-label", device, "1", finished])
        tell_kernel(device)


def known(identity: str) -> dict[str, Any]:
    """A disk whose partition of ours the kernel knows; telling it changes nothing on the disk."""
    seen = look(identity)
    nodes = [part["node"] for part in seen["partitions"] if part["label"].startswith("slipway-")]
    if not nodes or os.path.exists(nodes[0]):
        return seen
    tell_kernel(seen["device"], nodes[0])
    return look(identity)


def ready(disk: dict[str, Any], *, check: bool) -> tuple[list[str], dict[str, Any] | None]:
    """Bring a disk to its file system: what was done, and its partition (None where check mode cannot know it)."""
    seen = known(disk["id"])
    begun = read_json(NOTE).get("begun", {}).get(disk["name"]) == seen["serial"]
    verbs = disks.decide(disk, seen, begun=begun)
    if disk["lvm"]:
        lvm.refuse_without_mapper()
        lvm.refuse_taken(disk["lvm"], [one["node"] for one in seen["partitions"]])
    if check and verbs:
        return [f"{verb} {disks.about(disk, seen)}" for verb in verbs], None
    for verb in verbs:
        carry_out(verb, disk, seen)
    (part,) = known(disk["id"])["partitions"]
    return [f"{verb} {disks.about(disk, seen)}" for verb in verbs], formatted(disk, part)


def formatted(disk: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """What has the file system: the partition, or the volume on it."""
    if not disk["lvm"]:
        return part
    volume = lvm.found(disk["lvm"], part["node"])
    disks.refuse_other(disk, volume["node"], volume["filesystem"], disk["filesystem"])
    lvm.growth(disk["lvm"])  # which refuses to make it smaller
    return volume


def grow(disk: dict[str, Any], check: bool) -> list[str]:
    """The volume to its size, once it is mounted; what was done."""
    arguments = lvm.growth(disk["lvm"]) if disk["lvm"] else []
    if arguments and not check:
        lvm.grow(disk["lvm"], arguments)
    return [f"grow {lvm.device(disk['lvm'])}: {' '.join(arguments)}"] if arguments else []


def refusal(disk: dict[str, Any]) -> HostError | None:
    """Why a disk cannot be had."""
    try:
        ready(disk, check=True)
    except HostError as error:
        return error
    return None


def refuse_early(wanted: list[dict[str, Any]]) -> None:
    """Every disk that cannot be had, before the first change to any."""
    refused = [error for error in map(refusal, wanted) if error]
    if len(refused) == 1:
        raise refused[0]
    if refused:
        why = "\n".join(f"{error}; {error.why}" for error in refused)
        raise HostError(f"{len(refused)} disks cannot be had, and none was touched", why=why)


def refuse_hiding(disk: dict[str, Any], node: str) -> None:
    """A mount over files would hide them, one over another mount would take its place."""
    path = disk["path"]
    if os.path.ismount(path):
        source = disks.mount_points().get(path, "")
        if os.path.realpath(source) != os.path.realpath(node):
            raise HostError(f"{path} is where {source or 'something'} is mounted already")
    elif os.path.isdir(path) and os.listdir(path):
        inside = ", ".join(sorted(os.listdir(path))[:5])
        raise HostError(f"{path} is not empty: a mount would hide what is there", why=inside)


def mount(disk: dict[str, Any], part: dict[str, Any], check: bool) -> tuple[list[str], str]:
    """The unit, in force: what was done, and its file."""
    name = mount_unit(disk["path"])
    file, text = f"{disks.UNITS}/{name}", disks.unit_text(disk, part["uuid"])
    refuse_hiding(disk, part["node"])
    done = [f"write {file}"] if not stands(file, text) else []
    if run(["systemctl", "is-enabled", name]).stdout.strip() != "enabled":
        done.append(f"enable {name}")
    mounted = os.path.ismount(disk["path"])
    if not mounted:
        done.append(f"mount {disk['path']}")
    if done and not check:
        make_directory(disk["path"])
        write_atomic(file, text)
        must(["systemctl", "daemon-reload"])
        must(["systemctl", "reenable", name])
        must(["systemctl", "reload" if mounted else "start", name], timeout=SETTLE_SECONDS + 120)
        refuse_hiding(disk, part["node"])
    return done, file


def gone(wanted: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Units of ours that no entry wants any more, the innermost first."""
    places = {disk["name"]: disk["path"] for disk in wanted}
    units = [unit for name, unit in disks.our_units().items() if places.get(name) != unit["path"]]
    return sorted(units, key=lambda unit: unit["path"], reverse=True)


LVM = {
    "volume_group": {"type": "str", "required": True},
    "logical_volume": {"type": "str", "required": True},
    "size": {"type": "str", "default": ""},
}
DISK = {
    "name": {"type": "str", "required": True},
    "id": {"type": "str", "required": True},
    "path": {"type": "path", "required": True},
    "filesystem": {"type": "str", "choices": ["xfs", "ext4"], "default": "xfs"},
    "options": {"type": "list", "elements": "str", "default": []},
    "wipe": {"type": "str", "default": ""},
    "lvm": {"type": "dict", "options": LVM},
    "units": {"type": "list", "elements": "str", "default": []},
}


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={"disks": {"type": "list", "elements": "dict", "required": True, "options": DISK}},
        supports_check_mode=True,
    )
    check = module.check_mode
    done: list[str] = []
    files: list[str] = []
    try:
        refuse_early(module.params["disks"])
        for unit in gone(module.params["disks"]):
            if not check:
                disks.release(unit)
            done.append(f"unmount {unit['path']}")
        for disk in sorted(module.params["disks"], key=lambda disk: disk["path"]):
            verbs, part = ready(disk, check=check)
            done += verbs
            if part is None:
                done.append(f"mount {disk['path']}")
                continue
            verbs, file = mount(disk, part, check)
            done += [*verbs, *grow(disk, check)]
            files.append(file)
    except (HostError, OSError, ValueError) as error:
        fail(module, error, done=done)
    diff = {"before": "", "after": "".join(f"{line}\n" for line in done)}
    made = [*things("file", *files), *things("unit", *map(os.path.basename, files))]
    module.exit_json(changed=bool(done), done=done, made=made, diff=diff)


if __name__ == "__main__":
    main()
