#!/usr/bin/python
"""Sets some keys of a JSON file that others write too, and takes back those that are wanted no more."""

from __future__ import annotations

DOCUMENTATION = r"""
module: slipway_json
short_description: Own some keys of a JSON file and leave the others alone
description:
  - Keys in C(values) are set, as a whole each. C(outer.inner) is a key of a map that others have keys in too. Keys of
    others, and their order, stay.
  - Which keys are ours is remembered beside the host's record, so that one that is no longer wanted goes again; one
    that was there before and never ours stays. A file that would be empty is removed.
options:
  path:
    description: The file. Its directory must exist.
    type: path
    required: true
  values:
    description: Keys and their values.
    type: dict
    required: true
  purpose:
    description: Under which name the keys are remembered; one for each role and file.
    type: str
    required: true
  mode:
    description: Permissions, octal.
    type: str
    default: "0644"
  secret:
    description: Keep the content out of the diff.
    type: bool
    default: false
  validate:
    description: >-
      Program and arguments that accept the file; C(%s) stands for its path. It is asked only where its C(--help) names
      the option C(validate_option).
    type: list
    elements: str
    default: []
  validate_option:
    description: Option that older versions of that program do not have.
    type: str
    default: ""
author:
  - Slipway
"""

EXAMPLES = r"""
- name: Set log options
  slipway_json:
    path: /etc/docker/daemon.json
    purpose: container_runtime
    values: {log-driver: json-file, log-opts: {max-size: 10m}}
    validate: [/usr/sbin/dockerd, --validate, --config-file, "%s"]
    validate_option: --validate
"""

RETURN = r"""
keys:
  description: Keys that changed.
  type: list
  returned: always
made:
  description: Our keys, for the record; of a file with secrets the whole file.
  type: list
  returned: always
"""

import os
import tempfile
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.slipway_error import HostError
from ansible.module_utils.slipway_host import fail, run, stands, tail
from ansible.module_utils.slipway_jsonfile import Shared, dump
from ansible.module_utils.slipway_things import Thing, things


def validate(p: dict[str, Any], text: str) -> None:
    """Let the program judge it first, where it can."""
    argv = p["validate"]
    if not argv or (p["validate_option"] and p["validate_option"] not in run([argv[0], "--help"]).stdout):
        return
    with tempfile.NamedTemporaryFile("w", prefix=".slipway-", suffix=".json") as trial:
        trial.write(text)
        trial.flush()
        done = run([part.replace("%s", trial.name) for part in argv], timeout=60)
    if done.returncode:
        words = "" if p["secret"] else tail(done.stderr or done.stdout)
        raise HostError(f"{p['path']} was not accepted by {argv[0]}", why=words)


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "values": {"type": "dict", "required": True, "no_log": False},
            "purpose": {"type": "str", "required": True},
            "mode": {"type": "str", "default": "0644"},
            "secret": {"type": "bool", "default": False, "no_log": False},
            "validate": {"type": "list", "elements": "str", "default": []},
            "validate_option": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    p = module.params
    mode = int(p["mode"], 8)
    try:
        shared = Shared(p["path"], p["purpose"])
        before = shared.load()
        after = shared.merged(before, p["values"])
        loose = bool(after) and os.path.lexists(p["path"]) and not stands(p["path"], mode=mode)
        changed = before != after or loose
        if not module.check_mode and (changed or sorted(shared.ours) != sorted(p["values"])):
            if before != after:
                validate(p, dump(after))
            shared.write(after, p["values"], mode)
    except (HostError, OSError) as error:
        fail(module, error)
    keys = sorted(key for key in {*before, *after} if before.get(key) != after.get(key))
    shown = ("(secret)\n",) * 2 if p["secret"] else (dump(before), dump(after))
    diff = {"before_header": p["path"], "after_header": p["path"], "before": shown[0], "after": shown[1]}
    module.exit_json(changed=changed, keys=keys, made=made(p), diff=diff if changed else {})


def made(p: dict[str, Any]) -> list[Thing]:
    """For the record; nothing where no key is wanted."""
    if not p["values"]:
        return []
    return things("secret", p["path"]) if p["secret"] else things("keys", p["path"], keys=sorted(p["values"]))


if __name__ == "__main__":
    main()
