"""What a host had before Slipway changed it in place: remembered once, given back by a reset or where it is unset.

Only for what no drop-in can hold: parameters in force, the host's name, the resolver's file, swap.

Runs on the target with Python >= 3.9 and the standard library only.
"""

from __future__ import annotations

import os
import socket
from typing import Any

from ansible.module_utils.slipway_host import (
    STATE_DIR,
    read_json,
    read_text,
    sha256_text,
    write_json,
)
from ansible.module_utils.slipway_paths import make_directory, symlink, unlink, write_atomic, writing
from ansible.module_utils.slipway_recorded import made_by

BEFORE = f"{STATE_DIR}/before.json"
SYSCTL = "/etc/sysctl.d/90-slipway.conf"
#: Files that are changed as a whole, and put back only where nobody changed them since.
FILES = ("/etc/hostname", "/etc/resolv.conf")


def remember(kind: str, values: dict[str, Any]) -> None:
    """Keep what was there; the first time counts, as later values are our own."""
    known = read_json(BEFORE)
    merged = {**values, **known.get(kind, {})}
    if merged != known.get(kind, {}):
        make_directory(STATE_DIR)
        write_json(BEFORE, {**known, "format": 1, kind: merged})


def remembered(kind: str) -> dict[str, Any]:
    """What is known of how it was."""
    found: dict[str, Any] = read_json(BEFORE).get(kind, {})
    return found


def forget(kind: str, *names: str) -> None:
    """Drop what was given back: what is there from now on is the host's own again."""
    known = read_json(BEFORE)
    left = {name: value for name, value in known.get(kind, {}).items() if name not in names}
    if left != known.get(kind, {}):
        write_json(BEFORE, {**known, kind: left})


def file_as_it_is(path: str) -> dict[str, Any]:
    """A file, the link in its place, or that there is neither, for `remember`."""
    if os.path.islink(path):
        return {"link": os.readlink(path)}
    text = read_text(path)
    return {"absent": True} if text is None else {"text": text}


def as_text(was: dict[str, Any]) -> str:
    """The text of what `file_as_it_is` saw of a file of /etc."""
    if "link" in was:
        return read_text(os.path.join("/etc", was["link"])) or ""
    return str(was.get("text", ""))


def recorded_files() -> dict[str, str]:
    """sha256 of files as the steps left them."""
    steps = read_json(f"{STATE_DIR}/record.json").get("steps", {}).values()
    made = (one for step in steps for one in made_by(step))
    return {one["name"]: one["digest"] for one in made if one["kind"] == "file" and one.get("digest")}


def as_we_left(path: str) -> bool:
    """Whether nobody changed a file since a step recorded it."""
    now = read_text(path)
    return now is not None and sha256_text(now) == recorded_files().get(path)


def parameter_path(key: str) -> str:
    """A parameter's file; the kernel's names may hold dots where a slash is written."""
    return "/proc/sys/" + (key if "/" in key else key.replace(".", "/"))


def give_back() -> None:
    """All of it."""
    known = read_json(BEFORE)
    _parameters(known.get("sysctl", {}))
    for path, was in known.get("files", {}).items():
        if as_we_left(path):
            put_back(path, was)
    name = known.get("hostname", {}).get("name")
    if name and (read_text("/etc/hostname") or "").strip() == name != socket.gethostname():
        socket.sethostname(name)


def _parameters(before: dict[str, str]) -> None:
    """Those that still have the value that we gave them; a kernel that refuses keeps its own."""
    lines = (line.partition("=") for line in (read_text(SYSCTL) or "").splitlines() if "=" in line)
    ours = {key.strip(): value.strip() for key, _, value in lines}
    for key, value in before.items():
        path = parameter_path(key)
        now = " ".join((read_text(path) or "").split())
        if key in ours and now == " ".join(ours[key].split()) != value:
            with writing(path) as stream:
                stream.write(f"{value}\n".encode())


def put_back(path: str, was: dict[str, Any]) -> None:
    """A file as `file_as_it_is` saw it."""
    if "link" in was:
        symlink(was["link"], path)
    elif "absent" in was:
        unlink(path)
    else:
        write_atomic(path, was["text"])
