#!/usr/bin/python
"""Brings a host's mounts to what is wanted: units, secrets, what is mounted now and at boot."""

from __future__ import annotations

DOCUMENTATION = r"""
module: slipway_mounts
short_description: Mount file systems now and at boot, before containers
description:
  - Writes a systemd mount unit for each, ordered before container runtime and kubelet. No boot waits for one.
  - One whose source, type or options change is mounted anew only when nobody uses it; one that is in use, or whose
    new source cannot be reached, stays as it is, unit and all, and the module fails after all others are done.
  - One that is wanted no more is unmounted when nobody uses it. Its directory goes when it is empty.
  - What others mount is left alone, and refused where it stands in the way.
options:
  mounts:
    description: The mounts.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Its name.
        type: str
        required: true
      type:
        description: C(cephfs), C(ceph-fuse), or a type of /etc/fstab.
        type: str
        required: true
      source:
        description: What is mounted.
        type: str
        required: true
      path:
        description: Where.
        type: str
        required: true
      options:
        description: Options besides those that the type needs.
        type: list
        elements: str
        default: []
      read_only:
        description: Nothing can be written.
        type: bool
        default: false
      automount:
        description: Mount it when somebody looks there.
        type: bool
        default: false
      required:
        description: Container runtime and kubelet do not start without it.
        type: bool
        default: false
      user:
        description: Ceph; id of the client.
        type: str
        default: ""
      secret:
        description: Ceph; its key or keyring.
        type: str
        default: ""
      servers:
        description: Where it is served, each C({address, port}); one of them has to answer before something changes.
        type: list
        elements: dict
        default: []
author:
  - Slipway
"""

EXAMPLES = r"""
- name: Mount the data
  slipway_mounts:
    mounts:
      - {name: data, type: nfs, source: "10.0.0.9:/export", path: /mnt/data}
"""

RETURN = r"""
mounts:
  description: What was done to each.
  type: dict
  returned: always
units:
  description: Units that start at boot, for the record.
  type: list
  returned: always
made:
  description: Files, secrets and units of all mounts, for the record.
  type: list
  returned: always
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.slipway_error import HostError
from ansible.module_utils.slipway_host import fail
from ansible.module_utils.slipway_mount_host import Host
from ansible.module_utils.slipway_mounts import SETTINGS, boot_unit
from ansible.module_utils.slipway_things import things

MOUNT = {
    "name": {"type": "str", "required": True},
    "type": {"type": "str", "required": True},
    "source": {"type": "str", "required": True},
    "path": {"type": "str", "required": True},
    "options": {"type": "list", "elements": "str", "default": []},
    "read_only": {"type": "bool", "default": False},
    "automount": {"type": "bool", "default": False},
    "required": {"type": "bool", "default": False},
    "user": {"type": "str", "default": ""},
    "secret": {"type": "str", "default": "", "no_log": True},
    "servers": {"type": "list", "elements": "dict", "default": []},
}


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={"mounts": {"type": "list", "elements": "dict", "default": [], "options": MOUNT}},
        supports_check_mode=True,
    )
    os.environ["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    host = Host(module.params["mounts"], check=module.check_mode)
    try:
        host.settle()
    except (HostError, OSError) as error:
        fail(module, error, mounts=host.done)
    if host.problems:
        first, *more = "\n".join(host.problems).splitlines()
        fail(module, HostError(first, why="\n".join(more)), mounts=host.done)
    units = sorted(boot_unit(mount) for mount in module.params["mounts"])
    made = [*things("file", *host.plain), *things("secret", *host.secrets), *things("unit", *units)]
    if any(one["name"].startswith(f"{SETTINGS}/") for one in made):
        made += things("directory", SETTINGS)
    lines = "".join(f"{name}: {', '.join(verbs)}\n" for name, verbs in sorted(host.done.items()))
    module.exit_json(
        changed=bool(host.done),
        mounts=host.done,
        units=units,
        made=made,
        diff=[{"before": "", "after": lines}, *host.diffs],
    )


if __name__ == "__main__":
    main()
