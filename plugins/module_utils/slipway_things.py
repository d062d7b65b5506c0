"""What steps make on a host: named by modules as things, and read as they are when a step has ended.

A module answers `made`, a list of things; the playbook hands them to slipway_step, which records how each one is. A
shell reads the same later (drift.sh), and planning says what differs: whoever adds a kind adds it in all three.

Runs on the target with Python >= 3.9 and the standard library only.
"""

from __future__ import annotations

import hashlib
import json
import os
import pwd
import stat
from typing import Any

from ansible.module_utils.slipway_error import HostError
from ansible.module_utils.slipway_host import BEGIN, END, must, run, sha256_text
from ansible.module_utils.slipway_paths import look, reading

#: A kind, a name, and what else is known of it.
Thing = dict[str, Any]
#: Kinds whose name is a path. `file` is wholly ours, `secret` too, and no digest of its content alone is written down;
#: `place` is a directory or a link to one; of `block`, `keys` and `swap` the file is somebody else's.
PATHS = frozenset({"file", "secret", "link", "directory", "place", "block", "keys", "swap"})
#: What a module says of a thing besides its name: which attributes of a place, which keys of a file it set.
_QUESTIONS = frozenset({"given", "keys"})
#: Below these a look can take for ever: whose server is away does not answer.
NETWORK = frozenset({"ceph", "nfs", "nfs4", "lustre", "cifs", "smb3", "glusterfs", "beegfs", "9p", "autofs"})


def things(kind: str, *names: str, **more: object) -> list[Thing]:
    """Things of one kind."""
    return [{"kind": kind, "name": name, **more} for name in names]


def as_it_is(thing: Thing, salt: str) -> Thing:
    """A thing with its state, for the record; `salt` goes before what nobody may guess."""
    named = {key: value for key, value in thing.items() if key not in _QUESTIONS}
    return {**named, **_READERS[thing["kind"]](thing, salt)}


def recordable(thing: Thing, mounts: list[tuple[str, str]]) -> bool:
    """Whether a shell's list can name it, and looking at it ends."""
    name = thing["name"]
    if "\t" in name or "\n" in name:
        return False
    over = [kind for point, kind in mounts if f"{name}/".startswith(f"{point.rstrip('/')}/")]
    return thing["kind"] not in PATHS or not over or not _remote(over[-1])


def _remote(kind: str) -> bool:
    return kind in NETWORK or kind.startswith("fuse")


def attributes(path: str, *, follow: bool = False) -> Thing:
    """Mode, owner and group, and of a file its size; of a link where it leads; empty where nothing is."""
    try:
        state = look(path, follow=follow)
    except (HostError, OSError):
        return {}
    if state is None:
        return {}
    if stat.S_ISLNK(state.st_mode):
        return {"target": os.readlink(path)}
    found = {
        "mode": f"{stat.S_IMODE(state.st_mode):04o}",
        "owner": str(state.st_uid),
        "group": str(state.st_gid),
    }
    return {**found, "size": state.st_size} if stat.S_ISREG(state.st_mode) else found


def _file(thing: Thing, salt: str) -> Thing:
    found = attributes(thing["name"])
    prefix = salt if thing["kind"] == "secret" else ""
    return {**found, "digest": _digest(thing["name"], prefix)} if "size" in found else found


def _digest(path: str, prefix: str) -> str:
    digest = hashlib.sha256(prefix.encode())
    with reading(path) as stream:
        for chunk in iter(lambda: stream.read(1 << 20), b""):
            digest.update(chunk)
    return digest.hexdigest()


def _directory(thing: Thing, _: str) -> Thing:
    return attributes(thing["name"])


def _place(thing: Thing, _: str) -> Thing:
    """Only what was asked for is ours to compare."""
    found = attributes(thing["name"], follow=True)
    return {key: found[key] for key in thing.get("given", ("mode", "owner", "group")) if key in found}


def _block(thing: Thing, _: str) -> Thing:
    """Of the file only who may read it, and of its lines ours with their markers."""
    found = attributes(thing["name"])
    if "size" not in found:
        return found
    with reading(thing["name"]) as stream:
        text = b"".join(_between(stream.readlines()))
    return {**_others(found), "digest": hashlib.sha256(text).hexdigest()}


def _between(lines: list[bytes]) -> list[bytes]:
    first, last = (f"{marker}\n".encode() for marker in (BEGIN, END))
    start = lines.index(first) if first in lines else len(lines)
    found = lines[start:]
    return found[: found.index(last) + 1] if last in found else found


def _keys(thing: Thing, _: str) -> Thing:
    """Of the file who may read it, and each key of ours by the digest of its value."""
    found = attributes(thing["name"])
    if "size" not in found:
        return found
    with reading(thing["name"]) as stream:
        document = json.load(stream)
    return {**_others(found), "keys": {name: key_digest(value_of(document, name)) for name in thing["keys"]}}


def value_of(document: Thing, name: str) -> object:
    """A key's value; `outer.inner` is a key of a map."""
    outer, _, inner = name.partition(".")
    return document[outer][inner] if inner else document[outer]


def key_digest(value: object) -> str:
    """One digest per meaning; planning has the same."""
    return sha256_text(json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False))


def _others(found: Thing) -> Thing:
    return {key: value for key, value in found.items() if key != "size"}


def _unit(thing: Thing, _: str) -> Thing:
    text = must(["systemctl", "show", thing["name"], "--property=UnitFileState", "--property=ActiveState"])
    found = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    return {"state": f"{found.get('UnitFileState', '')} {found.get('ActiveState', '')}"}


def _parameter(thing: Thing, _: str) -> Thing:
    with reading(thing["path"]) as stream:
        return {"state": " ".join(stream.readline().decode("ascii", "replace").split())}


def _user(thing: Thing, _: str) -> Thing:
    try:
        pwd.getpwnam(thing["name"])
    except KeyError:
        return {}
    return {"state": "there"}


def _rules(_thing: Thing, _: str) -> Thing:
    there = run(["nft", "list", "table", "inet", "slipway"]).returncode == 0
    return {"state": "there"} if there else {}


def _given(_thing: Thing, _: str) -> Thing:
    """What the module said itself."""
    return {}


_READERS = {
    "file": _file,
    "secret": _file,
    "link": _directory,
    "directory": _directory,
    "place": _place,
    "block": _block,
    "keys": _keys,
    "swap": _given,
    "unit": _unit,
    "stopped": _unit,
    "rules": _rules,
    "package": _given,
    "parameter": _parameter,
    "user": _user,
}
