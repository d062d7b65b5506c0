"""Directories that Slipway made on a host: it remembers them, so that it never removes one of somebody else.

Used by slipway_directories and slipway_reset.
"""

from __future__ import annotations

import os

from ansible.module_utils.slipway_host import STATE_DIR, read_json, write_json

MADE = f"{STATE_DIR}/directories.json"


def made() -> list[str]:
    """Those that it made and that are still its to remove."""
    return list(read_json(MADE).get("made", []))


def remember(paths: list[str]) -> None:
    """Replace the list."""
    if sorted(paths) != made():
        os.makedirs(STATE_DIR, mode=0o755, exist_ok=True)
        write_json(MADE, {"format": 1, "made": sorted(paths)})


def missing(path: str) -> list[str]:
    """The directory and those above it that are not there; the outermost first."""
    found: list[str] = []
    while not os.path.isdir(path):
        found.insert(0, path)
        path = os.path.dirname(path)
    return found


def removable(paths: list[str], kept: list[str] | None = None) -> list[str]:
    """Those that hold nothing but others of them, in the order in which they can go.

    A mount point, a link, and what is above one of `kept` stay.
    """
    going: list[str] = []
    for path in sorted(paths, reverse=True):
        held = any(other == path or other.startswith(f"{path}/") for other in kept or ())
        if held or os.path.islink(path) or not os.path.isdir(path) or os.path.ismount(path):
            continue
        if all(os.path.join(path, name) in going for name in os.listdir(path)):
            going.append(path)
    return going
