"""Who uses a mount: open files, working directories, mapped files, and what has the file system mounted elsewhere.

Reads /proc only: looking at the file system itself would hang where its server is gone.
"""

from __future__ import annotations

import contextlib
import os
from typing import Any

from ansible.module_utils.slipway_host import read_text
from ansible.module_utils.slipway_mounts import mount_table, mounted_at

#: How many are named; the others are counted.
NAMED = 8


def users(path: str, others: set[str]) -> list[str]:
    """Processes and other mounts that hold the file system at `path`; `others` are mounts in their own right."""
    table = mount_table(read_text("/proc/self/mountinfo") or "")
    entry = mounted_at(table, path)
    if entry is None:
        return []
    found = [
        f"a mount at {e['path']}"
        for e in table
        if e["path"].startswith(f"{path}/")
        or (e["device"] == entry["device"] and e["path"] != path and e["path"] not in others)
    ]
    spaces: dict[str, dict[str, Any]] = {}
    for pid in sorted((int(name) for name in os.listdir("/proc") if name.isdigit()), key=int):
        with contextlib.suppress(OSError):  # it ended meanwhile
            space = os.readlink(f"/proc/{pid}/ns/mnt")
            if space not in spaces:
                spaces[space] = _places(pid, entry, path, others)
            how = _holds(pid, spaces[space])
            if how:
                found.append(f"{how} by process {pid} ({_program(pid)})")
    return list(dict.fromkeys(found))


def shown(found: list[str]) -> str:
    """The first of them, in words."""
    more = len(found) - NAMED
    return ", ".join(found[:NAMED]) + (f" and {more} more" if more > 0 else "")


def _places(pid: int, entry: dict[str, Any], path: str, others: set[str]) -> dict[str, Any]:
    """Where a process's mount namespace has the file system: ids, places, and whether one would not go with ours."""
    own = [
        e
        for e in mount_table(read_text(f"/proc/{pid}/mountinfo") or "")
        if e["device"] == entry["device"] and e["path"] not in others
    ]
    return {
        "ids": {e["id"] for e in own},
        "paths": [e["path"] for e in own],
        "kept": [e["path"] for e in own if e["path"] != path or not e["follows"]],
        "device": entry["device"],
        "host": os.readlink(f"/proc/{pid}/ns/mnt") == os.readlink("/proc/self/ns/mnt"),
    }


def _holds(pid: int, space: dict[str, Any]) -> str:
    """How a process holds it; empty: it does not."""
    if not space["ids"]:
        return ""
    if space["kept"] and not space["host"]:
        return f"mounted at {space['kept'][0]}"
    for link in ("cwd", "root"):
        target = os.readlink(f"/proc/{pid}/{link}")
        if any(target == place or target.startswith(f"{place}/") for place in space["paths"]):
            return "held as working directory" if link == "cwd" else "held as root"
    for number in os.listdir(f"/proc/{pid}/fdinfo"):
        lines = (read_text(f"/proc/{pid}/fdinfo/{number}") or "").splitlines()
        if any(line.startswith("mnt_id:") and line.split()[1] in space["ids"] for line in lines):
            return "held open"
    return "mapped" if _mapped(pid, space["device"]) else ""


def _mapped(pid: int, device: str) -> bool:
    """Whether a file of the device is mapped: a program or library that runs from there."""
    major, minor = (int(number) for number in device.split(":"))
    wanted = f"{major:02x}:{minor:02x}"
    lines = (read_text(f"/proc/{pid}/maps") or "").splitlines()
    return any(line.split()[3] == wanted for line in lines)


def _program(pid: int) -> str:
    return (read_text(f"/proc/{pid}/comm") or "?").strip()
