"""What a host had before Slipway changed it in place: remembered once, given back by a reset.

Only for what no drop-in can hold: parameters in force, the host's name, the resolver's file, swap.

Runs on the target with Python >= 3.9 and the standard library only.
"""

from __future__ import annotations

import os
import socket

from ansible.module_utils.slipway_host import (
    STATE_DIR,
    must,
    read_json,
    read_text,
    run,
    sha256_text,
    write_atomic,
    write_json,
)

BEFORE = f"{STATE_DIR}/before.json"
SYSCTL = "/etc/sysctl.d/90-slipway.conf"
FSTAB = "/etc/fstab"
#: Stands before a line of fstab that was taken out of force.
MARK = "# slipway: "
#: Files that are changed as a whole, and put back only where nobody changed them since.
FILES = ("/etc/hostname", "/etc/resolv.conf")


def remember(kind: str, values: dict) -> None:
    """Keep what was there; the first time counts, as later values are our own."""
    known = read_json(BEFORE)
    merged = {**values, **known.get(kind, {})}
    if merged != known.get(kind, {}):
        os.makedirs(STATE_DIR, mode=0o755, exist_ok=True)
        write_json(BEFORE, {**known, "format": 1, kind: merged})


def file_as_it_is(path: str) -> dict:
    """A file, or the link in its place, for `remember`."""
    return {"link": os.readlink(path)} if os.path.islink(path) else {"text": read_text(path) or ""}


def parameter_path(key: str) -> str:
    """A parameter's file; the kernel's names may hold dots where a slash is written."""
    return "/proc/sys/" + (key if "/" in key else key.replace(".", "/"))


def give_back(recorded: dict[str, str]) -> None:
    """All of it. `recorded`: sha256 of files as Slipway left them."""
    known = read_json(BEFORE)
    _parameters(known.get("sysctl", {}))
    _files(known.get("files", {}), recorded)
    name = known.get("hostname", {}).get("name")
    if name and (read_text("/etc/hostname") or "").strip() == name != socket.gethostname():
        socket.sethostname(name)
    _swap(known.get("swap", {}))


def _parameters(before: dict[str, str]) -> None:
    """Those that still have the value that we gave them; a kernel that refuses keeps its own."""
    ours = dict(
        (part.strip() for part in line.split("=", 1))
        for line in (read_text(SYSCTL) or "").splitlines()
        if "=" in line
    )
    for key, value in before.items():
        path = parameter_path(key)
        now = " ".join((read_text(path) or "").split())
        if key in ours and now == " ".join(ours[key].split()) != value:
            with open(path, "w", encoding="ascii") as stream:
                stream.write(f"{value}\n")


def _files(before: dict[str, dict], recorded: dict[str, str]) -> None:
    for path, was in before.items():
        now = read_text(path)
        if now is None or sha256_text(now) != recorded.get(path, "")[-64:]:
            continue
        if "link" in was:
            draft = f"{path}.slipway-new"
            os.symlink(was["link"], draft)
            os.replace(draft, path)
        else:
            write_atomic(path, was["text"])


def _swap(before: dict) -> None:
    """Swap lines of fstab, units, and what they name."""
    text = read_text(FSTAB) or ""
    lines = [line.removeprefix(MARK) for line in text.splitlines()]
    if MARK in text:
        write_atomic(FSTAB, "\n".join(lines) + "\n")
    if before.get("units"):
        must(["systemctl", "unmask", *before["units"]])
    if MARK in text or before.get("units"):
        must(["systemctl", "daemon-reload"])
        run(["swapon", "--all"], timeout=120)
