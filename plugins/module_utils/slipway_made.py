"""Directories that Slipway made on a host: it remembers them, so that it never removes one of somebody else.

Used by slipway_directories and slipway_reset.
"""

from __future__ import annotations

import os

from ansible.module_utils.slipway_error import HostError
from ansible.module_utils.slipway_host import STATE_DIR, read_json, write_json
from ansible.module_utils.slipway_paths import is_directory, make_directory

MADE = f"{STATE_DIR}/directories.json"


def made() -> list[str]:
    """Those that it made and that are still its to remove."""
    return list(read_json(MADE).get("made", []))


def remember(paths: list[str]) -> None:
    """Replace the list."""
    if sorted(paths) != made():
        make_directory(STATE_DIR)
        write_json(MADE, {"format": 1, "made": sorted(paths)})


def missing(path: str) -> list[str]:
    """The directory and those above it that are not there; the outermost first."""
    found: list[str] = []
    while not is_directory(path):
        found.insert(0, path)
        path = os.path.dirname(path)
    return found


def removable(paths: list[str], kept: list[str] | None = None) -> list[str]:
    """Those that hold nothing but others of them, in the order in which they can go.

    A mount point, a link, what lies behind a link of others, and what is above one of `kept` stay.
    """
    going: list[str] = []
    for path in sorted(paths, reverse=True):
        held = any(other == path or other.startswith(f"{path}/") for other in kept or ())
        if held or not _our_own(path) or os.path.ismount(path):
            continue
        if all(os.path.join(path, name) in going for name in os.listdir(path)):
            going.append(path)
    return going


def _our_own(path: str) -> bool:
    try:
        return is_directory(path, follow=False)
    except HostError:
        return False
