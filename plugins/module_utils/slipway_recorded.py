"""What steps made on this host, in a form that a shell can compare with what is there now.

`recorded/made` has a thing per line: KIND, NAME, and where the kind has them a digest and a size, behind tabs.
`copies/SHA256` are files as they were left, so that what was changed since can be shown; only of files that everybody
may read: what others may not read may be a secret. `recorded/salt` goes before a secret when its digest is made.

Runs on the target with Python >= 3.9 and the standard library only.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import stat
from typing import Any

from ansible.module_utils.slipway_host import read_text
from ansible.module_utils.slipway_paths import look, make_directory, reading, unlink, write_atomic
from ansible.module_utils.slipway_things import Thing, as_it_is, recordable

#: Settings are small; a larger file is a program, which nobody reads as a diff.
MAX_COPY = 1 << 16
#: Lists as releases before wrote them.
FORMER = ("files", "units", "packages")


def as_they_are(made: list[Thing], directory: str) -> list[Thing]:
    """Things with their states, each once, sorted."""
    found = {(one["kind"], one["name"]): one for one in made}
    mounts = [line.split()[1:3] for line in (read_text("/proc/self/mounts") or "").splitlines()]
    points = sorted((point, kind) for point, kind in mounts)
    salt = salt_in(directory)
    return [as_it_is(one, salt) for _, one in sorted(found.items()) if recordable(one, points)]


def salt_in(directory: str) -> str:
    """Of this host; made at first use, and never read by anybody else."""
    path = f"{directory}/recorded/salt"
    found = read_text(path)
    if not found:
        found = secrets.token_hex(32)
        make_directory(os.path.dirname(path), 0o700)
        write_atomic(path, found, mode=0o600)
    return found


def made_by(step: dict[str, Any]) -> list[Thing]:
    """Things of one step's record; one of an earlier release has maps of files, units and packages instead."""
    if "made" in step:
        found: list[Thing] = step["made"]
        return found
    digests = {path: digest.removeprefix("sha256:") for path, digest in step.get("files", {}).items()}
    return [
        *({"kind": "file", "name": path, "digest": digest} for path, digest in digests.items()),
        *({"kind": "unit", "name": name, "state": state} for name, state in step.get("units", {}).items()),
        *(
            {"kind": "package", "name": name, "state": version}
            for name, version in step.get("packages", {}).items()
        ),
    ]


def keep(directory: str, steps: dict[str, dict[str, Any]]) -> None:
    """Write all of it for these records, and drop copies that none of them needs any more."""
    made = [one for step in steps.values() for one in made_by(step)]
    files = {one["name"]: one["digest"] for one in made if one["kind"] == "file" and one.get("digest")}
    for folder in ("recorded", "copies"):
        make_directory(f"{directory}/{folder}", 0o700)
    for path, digest in files.items():
        copy(path, digest, f"{directory}/copies/{digest}")
    for name in set(os.listdir(f"{directory}/copies")) - set(files.values()):
        unlink(f"{directory}/copies/{name}")
    named = {
        (one["kind"], one["name"]): line(one) for one in made
    }  # a file of others may have keys of two steps
    text = "".join(f"{named[name]}\n" for name in sorted(named))
    if read_text(f"{directory}/recorded/made") != text:
        write_atomic(f"{directory}/recorded/made", text, mode=0o600)
    for name in FORMER:
        with contextlib.suppress(FileNotFoundError):
            unlink(f"{directory}/recorded/{name}")


def line(one: Thing) -> str:
    """A thing as the shell reads it."""
    more = [one["path"]] if one["kind"] == "parameter" else [one.get("digest", ""), str(one.get("size", ""))]
    return "\t".join([one["kind"], one["name"], *more])


def copy(path: str, digest: str, target: str) -> None:
    """The file as it was left; not if it is large, not for everybody, or no longer what the record says."""
    if os.path.exists(target) or look(path) is None:
        return
    with reading(path) as stream:
        state = os.fstat(stream.fileno())
        content = stream.read(MAX_COPY + 1)
    small = stat.S_ISREG(state.st_mode) and len(content) <= MAX_COPY
    if small and state.st_mode & stat.S_IROTH and hashlib.sha256(content).hexdigest() == digest:
        write_atomic(target, content, mode=0o600)
