"""What steps left on this host, in a form that a shell can compare with what is there now.

`recorded/files` is what `sha256sum -c` reads, `recorded/units` and `recorded/packages` have one NAME and its state per
line. `copies/SHA256` are files as they were left, so that what was changed since can be shown; only of files that
everybody may read: what others may not read may be a secret.

Runs on the target with Python >= 3.9 and the standard library only.
"""

from __future__ import annotations

import os
import stat

from ansible.module_utils.slipway_host import must, read_text, sha256_file, write_atomic

#: Settings are small; a larger file is a program, which nobody reads as a diff.
MAX_COPY = 1 << 16


def unit_states(names: list[str]) -> dict[str, str]:
    """Each unit's `UnitFileState ActiveState`."""
    states = {}
    for name in names:
        text = must(["systemctl", "show", name, "--property=UnitFileState", "--property=ActiveState"])
        found = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        states[name] = f"{found.get('UnitFileState', '')} {found.get('ActiveState', '')}"
    return states


def keep(directory: str, steps: dict[str, dict]) -> None:
    """Write all of it for these records, and drop copies that none of them needs any more."""
    files = {
        path: digest.removeprefix("sha256:")
        for step in steps.values()
        for path, digest in step["files"].items()
    }
    for folder in ("recorded", "copies"):
        os.makedirs(f"{directory}/{folder}", mode=0o700, exist_ok=True)
    for path, digest in files.items():
        copy(path, digest, f"{directory}/copies/{digest}")
    for name in set(os.listdir(f"{directory}/copies")) - set(files.values()):
        os.unlink(f"{directory}/copies/{name}")
    lists = {
        "files": [f"{digest}  {path}" for path, digest in sorted(files.items())],
        "units": pairs(steps, "units"),
        "packages": pairs(steps, "packages"),
    }
    for name, lines in lists.items():
        text = "".join(f"{line}\n" for line in lines)
        if read_text(f"{directory}/recorded/{name}") != text:
            write_atomic(f"{directory}/recorded/{name}", text, mode=0o600)


def pairs(steps: dict[str, dict], key: str) -> list[str]:
    """`NAME STATE`, sorted."""
    return sorted({f"{name} {state}" for step in steps.values() for name, state in step.get(key, {}).items()})


def copy(path: str, digest: str, target: str) -> None:
    """The file as it was left; not if it is large, not for everybody, or no longer what the record says."""
    if os.path.exists(target):
        return
    try:
        state = os.stat(path)
    except OSError:
        return
    small = stat.S_ISREG(state.st_mode) and state.st_size <= MAX_COPY
    if small and state.st_mode & stat.S_IROTH and sha256_file(path) == digest:
        with open(path, "rb") as stream:
            write_atomic(target, stream.read(), mode=0o600)
