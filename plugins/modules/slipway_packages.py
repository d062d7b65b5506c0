#!/usr/bin/python
"""Installs packages from one local repository and from nowhere else, by apt or by dnf."""

from __future__ import annotations

DOCUMENTATION = r"""
module: slipway_packages
short_description: Install packages from a local repository only
description:
  - All other sources are ignored for these calls; the host's own package lists are not touched.
  - An installation by apt that a killed run left half done is finished first.
options:
  names:
    description: Packages.
    type: list
    elements: str
    required: true
  repository:
    description: Directory of the repository, flat for apt, with C(repodata) for dnf.
    type: path
    required: true
  digest:
    description: Digest of the repository; packages are looked at again when it changes.
    type: str
    required: true
  format:
    description: Which of the two serves the host.
    type: str
    choices: [apt, dnf]
    default: apt
  purpose:
    description: Who asks. Each purpose remembers its own packages.
    type: str
    default: installed
author:
  - Slipway
"""

EXAMPLES = r"""
- name: Install packages
  slipway_packages:
    names: [conntrack, ethtool]
    repository: /var/lib/slipway/packages/debian-13
    digest: "sha256:0123"
"""

RETURN = r"""
installed:
  description: What came or was upgraded.
  type: list
  returned: always
made:
  description: Packages that are installed, and the file that names the repository, which is wholly ours.
  type: list
  returned: always
"""

from ansible.module_utils import slipway_apt, slipway_dnf
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.slipway_error import HostError
from ansible.module_utils.slipway_host import fail, read_json, stands, write_json
from ansible.module_utils.slipway_things import Thing, things

FORMATS = {"apt": slipway_apt, "dnf": slipway_dnf}


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "names": {"type": "list", "elements": "str", "required": True},
            "repository": {"type": "path", "required": True},
            "digest": {"type": "str", "required": True},
            "format": {"type": "str", "choices": ["apt", "dnf"], "default": "apt"},
            "purpose": {"type": "str", "default": "installed"},
        },
        supports_check_mode=True,
    )
    p = module.params
    names, system = sorted(set(p["names"])), FORMATS[p["format"]]
    remembered = f"{system.WORK}/{p['purpose']}.json"
    files = system.files(p["repository"])
    try:
        there = system.statuses(names)
        marker = {"format": 1, "digest": p["digest"], "names": names}
        ours = all(stands(path, text) for path, text in files.items())
        if set(there) >= set(names) and read_json(remembered) == marker and ours:
            module.exit_json(changed=False, installed=[], made=made(there, files))
        missing = sorted(set(names) - set(there))
        if module.check_mode:
            module.exit_json(changed=True, installed=missing, made=made(there, files))
        system.prepare(p["repository"])
        installed = system.install(names)
        write_json(remembered, marker)
        there = system.statuses(names)
    except (HostError, OSError) as error:
        fail(module, error)
    diff = {"before": "", "after": "".join(f"{name}\n" for name in installed)}
    module.exit_json(changed=True, installed=installed, made=made(there, files), diff=diff)


def made(there: dict[str, str], files: dict[str, str]) -> list[Thing]:
    """For the record."""
    packages = [one for name, version in there.items() for one in things("package", name, state=version)]
    return [*packages, *things("file", *files)]


if __name__ == "__main__":
    main()
