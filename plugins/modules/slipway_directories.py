#!/usr/bin/python
"""Makes directories with owner and permissions, and removes those that it made and that nobody uses any more."""

from __future__ import annotations

DOCUMENTATION = r"""
module: slipway_directories
short_description: Make directories, and remember which
description:
  - A directory that is missing is made, with those above it; of one that is there, only what is given is changed.
  - What is in a directory is never touched.
  - One that this module made earlier and that is no longer listed is removed if it is empty and no mount point.
options:
  directories:
    description: All directories that are wanted.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description: Absolute path.
        type: path
        required: true
      mode:
        description: Permissions, octal. A new one has 0755 unless told otherwise.
        type: str
      owner:
        description: User by name or number. A new one is root's unless told otherwise.
        type: str
      group:
        description: Group by name or number. A new one is root's unless told otherwise.
        type: str
author:
  - Slipway
"""

EXAMPLES = r"""
- name: Make the users' directory
  slipway_directories:
    directories:
      - {path: /data/home, mode: "0711"}
"""

RETURN = r"""
paths:
  description: Directories that were made, changed or removed.
  type: list
  returned: always
made:
  description: All that are wanted, for the record.
  type: list
  returned: always
"""

import grp
import pwd
import stat
from collections.abc import Callable
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.slipway_error import HostError
from ansible.module_utils.slipway_host import fail
from ansible.module_utils.slipway_made import made, missing, remember, removable
from ansible.module_utils.slipway_paths import dress, look, make_directory, rmdir
from ansible.module_utils.slipway_things import things


def number(name: str | None, default: int, lookup: Callable[[str], int], check: bool) -> int:
    """Number of a user or group; -1 in check mode where it does not exist yet."""
    if not name:
        return default
    if name.isdigit():
        return int(name)
    try:
        return lookup(name)
    except KeyError:
        if check:
            return -1
        raise HostError(f"there is no user or group {name!r} on this host") from None


def wanted_of(item: dict[str, Any], check: bool) -> tuple[int, int, int]:
    """Mode, user and group that the directory shall have: as it is where nothing is said."""
    mode, uid, gid = present(item["path"]) or (0o755, 0, 0)
    return (
        int(item["mode"], 8) if item["mode"] else mode,
        number(item["owner"], uid, lambda name: pwd.getpwnam(name).pw_uid, check),
        number(item["group"], gid, lambda name: grp.getgrnam(name).gr_gid, check),
    )


def present(path: str) -> tuple[int, int, int] | None:
    """The same as it is; None when there is no directory."""
    now = look(path, follow=True)
    if now is None or not stat.S_ISDIR(now.st_mode):
        if look(path):
            raise HostError(f"{path} is there and is no directory")
        return None
    return stat.S_IMODE(now.st_mode), now.st_uid, now.st_gid


def shown(state: tuple[int, int, int] | None) -> str:
    """For the diff."""
    return f"{state[0]:04o} {state[1]}:{state[2]}\n" if state else ""


def make(item: dict[str, Any], check: bool) -> dict[str, Any] | None:
    """Bring one directory to its state; its diff when something changed."""
    path = item["path"]
    before, after = present(path), wanted_of(item, check)
    if before == after:
        return None
    if not check:
        parents = missing(path)
        remember(sorted({*made(), *parents}))
        make_directory(path)
        dress(path, after[0], after[1:])
    return {"before_header": path, "after_header": path, "before": shown(before), "after": shown(after)}


def clean(wanted: list[str], check: bool) -> list[dict[str, Any]]:
    """Remove what was made and is wanted no more; one that holds something is nobody's business from now on."""
    ours = made()
    going = removable(ours, kept=wanted)
    if not check:
        for path in going:
            rmdir(path)
        remember([path for path in ours if any(w == path or w.startswith(f"{path}/") for w in wanted)])
    return [
        {
            "before_header": path,
            "after_header": path,
            "before": shown(present(path)) or "empty\n",
            "after": "",
        }
        for path in going
    ]


def main() -> None:
    """Entry point."""
    item = {
        "path": {"type": "path", "required": True},
        "mode": {"type": "str"},
        "owner": {"type": "str"},
        "group": {"type": "str"},
    }
    module = AnsibleModule(
        argument_spec={
            "directories": {"type": "list", "elements": "dict", "required": True, "options": item}
        },
        supports_check_mode=True,
    )
    items = sorted(module.params["directories"], key=lambda one: one["path"])
    diffs: list[dict[str, Any]] = []
    try:
        for one in items:
            diff = make(one, module.check_mode)
            diffs += [diff] if diff else []
        diffs += clean([one["path"] for one in items], module.check_mode)
    except (HostError, OSError) as error:
        fail(module, error, paths=[diff["before_header"] for diff in diffs])
    paths = [diff["before_header"] for diff in diffs]
    made_now = [one for item in items for one in things("place", item["path"], given=given(item))]
    module.exit_json(changed=bool(diffs), paths=paths, made=made_now, diff=diffs)


def given(item: dict[str, Any]) -> list[str]:
    """What of a directory is ours: what was asked for."""
    return [key for key in ("mode", "owner", "group") if item[key]]


if __name__ == "__main__":
    main()
