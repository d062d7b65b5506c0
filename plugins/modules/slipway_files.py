#!/usr/bin/python
"""Brings a list of files and directories to a wanted content, owner and mode, in one round trip."""

from __future__ import annotations

DOCUMENTATION = r"""
module: slipway_files
short_description: Write a list of files atomically, with diff
description:
  - Every file is replaced by rename; one with C(validate) is checked before it lands.
  - C(block) owns only the lines between its markers and leaves the rest of the file alone.
  - Directories come first, whatever their place in the list. Parent directories must exist or be listed.
options:
  files:
    description: The files.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description: Absolute path.
        type: path
        required: true
      state:
        description: What it shall be.
        type: str
        choices: [file, block, directory, absent]
        default: file
      content:
        description: Text of the file or block.
        type: str
        default: ""
      mode:
        description: Permissions, octal. Unset; 0644 for files, 0755 for directories, and as it is for blocks.
        type: str
      owner:
        description: Owning user.
        type: str
        default: root
      group:
        description: Owning group.
        type: str
        default: root
      purge:
        description: >-
          Directories only; what lies below it, begins with C(# Written by Slipway.) and is not in the list is removed,
          and so are directories that are empty then.
        type: bool
        default: false
      follow:
        description: >-
          Directories only; a link to one will do, as for data that somebody keeps elsewhere. Else a link is replaced,
          and what it leads to is left alone.
        type: bool
        default: false
      validate:
        description: Program and arguments that accept the file; C(%s) stands for its path.
        type: list
        elements: str
        default: []
      keep_former:
        description: >-
          Leave what a replaced file held beside it, as C(PATH.former), until slipway_units has judged the new one.
        type: bool
        default: false
      secret:
        description: Keep the content out of the diff, and its hash out of the record.
        type: bool
        default: false
author:
  - Slipway
"""

EXAMPLES = r"""
- name: Write settings
  slipway_files:
    files:
      - {path: /etc/demo, state: directory}
      - {path: /etc/demo/a.conf, content: "a = 1\n", mode: "0640", group: demo}
"""

RETURN = r"""
paths:
  description: Paths that changed.
  type: list
  returned: always
made:
  description: What the list wants to be there, for the record.
  type: list
  returned: always
"""

import os
import stat
import tempfile
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.slipway_error import HostError
from ansible.module_utils.slipway_host import (
    FORMER,
    fail,
    ids,
    read_text,
    run,
    tail,
    with_block,
)
from ansible.module_utils.slipway_paths import (
    dress,
    is_directory,
    look,
    make_directory,
    remove_tree,
    rmdir,
    unlink,
    write_atomic,
)
from ansible.module_utils.slipway_things import things

#: How files of ours begin.
OURS = "# Written by Slipway."


def wanted_text(item: dict[str, Any], old: str | None) -> str:
    """What the file shall hold."""
    return with_block(old or "", item["content"]) if item["state"] == "block" else item["content"]


def attributes_differ(path: str, mode: int | None, owner: tuple[int, int], *, follow: bool = False) -> bool:
    """Whether owner or permissions are not as wanted."""
    now = look(path, follow=follow)
    if now is None:
        return True
    return (mode is not None and stat.S_IMODE(now.st_mode) != mode) or (now.st_uid, now.st_gid) != owner


def validate(item: dict[str, Any], text: str) -> None:
    """Let the program that will read the file judge it first."""
    with tempfile.NamedTemporaryFile("w", prefix=".slipway-", suffix=os.path.basename(item["path"])) as trial:
        trial.write(text)
        trial.flush()
        argv = [part.replace("%s", trial.name) for part in item["validate"]]
        done = run(argv, timeout=60)
    if done.returncode:
        raise HostError(f"{item['path']} was not accepted by {argv[0]}", why=tail(done.stderr or done.stdout))


def owner_of(item: dict[str, Any], check: bool) -> tuple[int, int]:
    """Numbers of owner and group; in check mode they may not exist yet."""
    try:
        return ids(item["owner"], item["group"])
    except HostError:
        if check:
            return (-1, -1)
        raise


def mode_of(item: dict[str, Any]) -> int | None:
    """Permissions wanted."""
    if item["mode"]:
        return int(item["mode"], 8)
    return {"directory": 0o755, "file": 0o644}.get(item["state"])


def apply_file(item: dict[str, Any], check: bool) -> dict[str, Any] | None:
    """Write one file; its diff when it changed."""
    path = item["path"]
    state = look(path)
    linked = state is not None and stat.S_ISLNK(state.st_mode)
    old = None if linked and item["state"] == "file" else read_text(path)
    text = wanted_text(item, old)
    owner, mode = owner_of(item, check), mode_of(item)
    if old == text and not linked and not attributes_differ(path, mode, owner):
        return None
    if not check:
        if item["validate"] and old != text:
            validate(item, text)
        if item["keep_former"] and old is not None and old != text:
            keep_former(path, old, owner)
        write_atomic(path, text, mode=permissions(path) if mode is None else mode, owner=owner)
    hidden = item["secret"]
    return {
        "before_header": path,
        "after_header": path,
        "before": "" if hidden else old or "",
        "after": "(secret)\n" if hidden else text,
    }


def keep_former(path: str, old: str, owner: tuple[int, int]) -> None:
    """Keep the old text; one that is there already was never followed by anything that proved to be good."""
    if look(path + FORMER) is None:
        write_atomic(path + FORMER, old, mode=permissions(path), owner=owner)


def permissions(path: str) -> int:
    """Of a file that is there; else those of a new one."""
    state = look(path, follow=True)
    return stat.S_IMODE(state.st_mode) if state else 0o644


def apply_directory(item: dict[str, Any], check: bool) -> dict[str, Any] | None:
    """Make one directory."""
    path = item["path"]
    owner, mode = owner_of(item, check), mode_of(item)
    state = look(path)
    wrong = state is not None and stat.S_ISLNK(state.st_mode) and not item["follow"]
    there = not wrong and is_directory(path)
    if there and not attributes_differ(path, mode, owner, follow=item["follow"]):
        return None
    before = "a link\n" if wrong else "other owner or mode\n" if there else ""
    if not check:
        if wrong:
            unlink(path)
        make_directory(path)
        dress(path, mode or 0o755, owner)
    return {"before_header": path, "after_header": path, "before": before, "after": "directory\n"}


def apply_absent(item: dict[str, Any], check: bool) -> dict[str, Any] | None:
    """Remove a file or a whole directory."""
    path = item["path"]
    if look(path) is None:
        return None
    if not check:
        remove_tree(path)
    return {"before_header": path, "after_header": path, "before": "present\n", "after": ""}


def purge(root: str, listed: set[str], check: bool) -> list[dict[str, Any]]:
    """Remove what an earlier list had below a directory; others' files stay. The diffs."""
    diffs = []
    for folder, _, names in os.walk(root, topdown=False):
        paths = (os.path.join(folder, name) for name in names)
        gone = [path for path in paths if path not in listed and (read_text(path) or "").startswith(OURS)]
        for path in gone:
            if not check:
                unlink(path)
            diffs.append({"before_header": path, "after_header": path, "before": "present\n", "after": ""})
        if gone and not check and folder not in listed and not os.listdir(folder):
            rmdir(folder)
    return diffs


APPLY = {"file": apply_file, "block": apply_file, "directory": apply_directory, "absent": apply_absent}

ITEM = {
    "path": {"type": "path", "required": True},
    "state": {"type": "str", "choices": ["file", "block", "directory", "absent"], "default": "file"},
    "content": {"type": "str", "default": ""},
    "mode": {"type": "str"},
    "owner": {"type": "str", "default": "root"},
    "group": {"type": "str", "default": "root"},
    "purge": {"type": "bool", "default": False},
    "follow": {"type": "bool", "default": False},
    "validate": {"type": "list", "elements": "str", "default": []},
    "keep_former": {"type": "bool", "default": False},
    "secret": {"type": "bool", "default": False},
}


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={"files": {"type": "list", "elements": "dict", "required": True, "options": ITEM}},
        supports_check_mode=True,
    )
    items = module.params["files"]
    changed, diffs = [], []
    try:
        for item in sorted(items, key=lambda item: item["state"] != "directory"):
            diff = APPLY[item["state"]](item, module.check_mode)
            if diff:
                changed.append(item["path"])
                diffs.append(diff)
        for item in (item for item in items if item["purge"] and item["state"] == "directory"):
            surplus = purge(item["path"], {one["path"] for one in items}, module.check_mode)
            changed += [diff["before_header"] for diff in surplus]
            diffs += surplus
    except (HostError, OSError) as error:
        fail(module, error, path=item["path"], paths=changed)
    made = [one for item in items for one in things(kind_of(item), item["path"]) if item["state"] != "absent"]
    module.exit_json(changed=bool(changed), paths=changed, made=made, diff=diffs)


def kind_of(item: dict[str, Any]) -> str:
    """What the record calls it."""
    if item["state"] == "directory":
        return "place" if item["follow"] else "directory"
    return "secret" if item["secret"] else item["state"]


if __name__ == "__main__":
    main()
