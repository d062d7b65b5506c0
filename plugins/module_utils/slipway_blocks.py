"""What block devices a host has, and what is on one: read from the disk itself where udev's memory could be old.

Runs on the target with Python >= 3.9 and the standard library only.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any

from ansible.module_utils.slipway_error import HostError
from ansible.module_utils.slipway_host import must, run

SETTLE_SECONDS = 60


def blocks(*arguments: str) -> list[dict[str, Any]]:
    """lsblk's view."""
    columns = "NAME,TYPE,SIZE,SERIAL,MOUNTPOINT"
    text = must(["lsblk", "--json", "--bytes", "--paths", "--output", columns, *arguments])
    found: list[dict[str, Any]] = json.loads(text)["blockdevices"]
    return found


def resolve(identity: str) -> str:
    """The device behind an id or a serial number."""
    link = f"/dev/disk/by-id/{identity}"
    if os.path.exists(link):
        return os.path.realpath(link)
    rows = blocks("--nodeps")
    found = [row["name"] for row in rows if row["serial"] == identity]
    if len(found) != 1:
        known = ", ".join(f"{row['name']} {row['serial'] or '-'}" for row in rows if row["size"])
        many = f"several disks have the serial number {identity}: name one by its id" if found else ""
        raise HostError(
            many or f"no disk has the id or the serial number {identity}", why=f"there are {known}"
        )
    return str(found[0])


def look(identity: str) -> dict[str, Any]:
    """A disk as it is now, read from itself where udev's memory could be old."""
    device = resolve(identity)
    (row,) = blocks(device)
    if row["type"] == "part":
        raise HostError(f"{identity} is the partition {device}, not a disk")
    table = run(["sfdisk", "--json", device])
    listed = json.loads(table.stdout)["partitiontable"].get("partitions", []) if table.returncode == 0 else []
    return {
        "device": device,
        "serial": row["serial"] or "",
        "size": int(row["size"]),
        "signatures": must(["wipefs", "--no-act", "--noheadings", "--output", "TYPE", device]).split(),
        "partitions": [
            {"node": part["node"], "label": part.get("name", ""), **probe(part["node"])} for part in listed
        ],
        "uses": sorted(uses(row)),
    }


def uses(row: dict[str, Any]) -> list[str]:
    """Who works with a disk or what lies on it."""
    children = row.get("children", [])
    own = [f"{row['name']} at {row['mountpoint']}"] if row["mountpoint"] else []
    held = [f"{child['name']} ({child['type']})" for child in children if child["type"] != "part"]
    return [*own, *held, *(use for child in children if child["type"] == "part" for use in uses(child))]


def probe(node: str) -> dict[str, Any]:
    """File system and UUID of a partition; empty where there is none."""
    if not os.path.exists(node):
        return {"filesystem": "", "uuid": ""}
    lines = run(["blkid", "--probe", "--output", "export", node]).stdout.splitlines()
    found = dict(line.split("=", 1) for line in lines if "=" in line)
    return {"filesystem": found.get("TYPE", ""), "uuid": found.get("UUID", "")}


def tell_kernel(device: str, node: str = "") -> None:
    """Let kernel and udev know the partitions; with `node`, until that one is there.

    udev has the kernel read the table again when a writer closes the disk, a moment later: a kernel that knows no GPT
    forgets then what partx told it.
    """
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        run(["udevadm", "settle", f"--timeout={SETTLE_SECONDS}"])
        run(["partx", "--update", device])
        run(["udevadm", "settle", f"--timeout={SETTLE_SECONDS}"])
        if not node or os.path.exists(node):
            return
        if time.monotonic() > deadline:
            raise HostError(
                f"the partition {node} does not appear", why=f"{SETTLE_SECONDS} s after it was made"
            )
        time.sleep(0.5)
