#!/usr/bin/python
"""Installs Debian packages from one local repository and from nowhere else."""

from __future__ import annotations

DOCUMENTATION = r"""
module: slipway_packages
short_description: Install packages from a local apt repository only
description:
  - All other sources are ignored for these calls; the host's own package lists are not touched.
  - An installation that a killed run left half done is finished first.
options:
  names:
    description: Packages.
    type: list
    elements: str
    required: true
  repository:
    description: Directory of the flat repository.
    type: path
    required: true
  digest:
    description: Digest of the repository; packages are looked at again when it changes.
    type: str
    required: true
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
  description: What apt installed or upgraded.
  type: list
  returned: always
packages:
  description: Versions of those that are installed.
  type: dict
  returned: always
files:
  description: sha256 of the sources file, which is wholly ours.
  type: dict
  returned: always
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.slipway_host import (
    STATE_DIR,
    HostError,
    fail,
    must,
    read_json,
    read_text,
    run,
    sha256_text,
    tail,
    write_atomic,
    write_json,
)

WORK = f"{STATE_DIR}/apt"
SOURCES = f"{WORK}/slipway.list"
#: A first boot's unattended upgrade can hold dpkg for minutes.
DPKG_LOCK_SECONDS = 300


def options() -> list[str]:
    """Our source only, with lists and caches of our own, so that the host's stay as they are."""
    settings = {
        "Dir::Etc::sourcelist": SOURCES,
        "Dir::Etc::sourceparts": "-",
        "Dir::State::lists": f"{WORK}/lists",
        "Dir::Cache": f"{WORK}/cache",
        "APT::Sandbox::User": "root",
        "DPkg::Lock::Timeout": str(DPKG_LOCK_SECONDS),
        "Dpkg::Options::": "--force-confdef",
        "Dpkg::Use-Pty": "0",
    }
    found = [part for key, value in settings.items() for part in ("-o", f"{key}={value}")]
    return [*found, "-o", "Dpkg::Options::=--force-confold"]


def statuses(names: list[str]) -> dict[str, str]:
    """Each package's version where it is wholly installed."""
    done = run(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status} ${Version}\n", *names])
    found = (line.split() for line in done.stdout.splitlines())
    return {fields[0]: fields[2] for fields in found if len(fields) == 3 and fields[1] == "installed"}


def prepare(repository: str) -> None:
    """Point apt at the repository."""
    for folder in (f"{WORK}/lists/partial", f"{WORK}/cache/archives/partial"):
        os.makedirs(folder, exist_ok=True)
    text = sources(repository)
    if read_text(SOURCES) != text:
        write_atomic(SOURCES, text)
    must(["apt-get", *options(), "--quiet", "update"], timeout=120)


def sources(repository: str) -> str:
    """The one source."""
    return f"deb [trusted=yes] file:{repository} ./\n"


def install(names: list[str], *, simulate: bool = False) -> list[str]:
    """Install; what apt says it changes."""
    base = ["apt-get", *options(), "--quiet", "--no-install-recommends", "install"]
    planned = run([*base, "--simulate", *names], timeout=120)
    if planned.returncode:
        raise HostError(f"the site's repository cannot satisfy {', '.join(names)}", why=tail(planned.stderr))
    wanted = [" ".join(line.split()[1:3]) for line in planned.stdout.splitlines() if line.startswith("Inst ")]
    if wanted and not simulate:
        done = run([*base, "--yes", *names], timeout=1800)
        if done.returncode:
            raise HostError("apt-get install failed", why=tail(done.stderr or done.stdout))
    return wanted


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "names": {"type": "list", "elements": "str", "required": True},
            "repository": {"type": "path", "required": True},
            "digest": {"type": "str", "required": True},
            "purpose": {"type": "str", "default": "installed"},
        },
        supports_check_mode=True,
    )
    p = module.params
    names = sorted(set(p["names"]))
    remembered = f"{WORK}/{p['purpose']}.json"
    files = {SOURCES: sha256_text(sources(p["repository"]))}
    try:
        there = statuses(names)
        marker = {"format": 1, "digest": p["digest"], "names": names}
        if set(there) >= set(names) and read_json(remembered) == marker:
            module.exit_json(changed=False, installed=[], packages=there, files=files)
        missing = sorted(set(names) - set(there))
        if module.check_mode:
            module.exit_json(changed=True, installed=missing, packages=there, files=files)
        if run(["dpkg", "--audit"]).stdout.strip():
            must(["dpkg", "--configure", "-a", "--force-confdef", "--force-confold"], timeout=1800)
        prepare(p["repository"])
        installed = install(names)
        write_json(remembered, marker)
        there = statuses(names)
    except (HostError, OSError) as error:
        fail(module, error)
    diff = {"before": "", "after": "".join(f"{name}\n" for name in installed)}
    module.exit_json(changed=True, installed=installed, packages=there, files=files, diff=diff)


if __name__ == "__main__":
    main()
