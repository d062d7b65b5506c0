#!/usr/bin/python
"""Writes what makes chrony ask the site's time servers and nobody else, or takes it away again."""

from __future__ import annotations

DOCUMENTATION = r"""
module: slipway_chrony
short_description: chrony against given servers only
description:
  - Writes the servers as a source, a main file without the distribution's pool, and a drop-in of chrony's unit that
    starts it with that file. On Debian, drop-ins of others in C(/etc/chrony/conf.d) and
    C(/etc/chrony/sources.d) stay in force.
  - Comes before the package, so that its first start has these settings already. Neither installs nor starts it.
  - In a container, which has no clock of its own, chrony measures and does not set (C(-x)).
  - Without servers all of it goes. A chrony that was enabled before has its own settings again; another one is stopped.
options:
  servers:
    description: Addresses or names of the time servers.
    type: list
    elements: str
    default: []
  family:
    description: Package manager of the host's distribution, by which its chrony is set up.
    type: str
    choices: [apt, dnf]
    default: apt
author:
  - Slipway
"""

EXAMPLES = r"""
- name: Keep the site's time
  slipway_chrony:
    servers: [10.0.0.1]
"""

RETURN = r"""
paths:
  description: Paths that changed.
  type: list
  returned: always
files:
  description: Our files, which chrony reads at start.
  type: list
  returned: always
made:
  description: The same, for the record.
  type: list
  returned: always
unit:
  description: chrony's unit on this host.
  type: str
  returned: always
"""

import os
import tempfile

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.slipway_chrony import (
    BEFORE,
    MAIN,
    SOURCES,
    UNITS,
    drop_in,
    enabled_before,
    release,
    there,
)
from ansible.module_utils.slipway_error import HostError
from ansible.module_utils.slipway_host import fail, read_text, run, stands, tail
from ansible.module_utils.slipway_paths import make_directory, write_atomic
from ansible.module_utils.slipway_things import things

PROGRAM = "/usr/sbin/chronyd"
#: What each family's chrony.conf says, without its pool and without servers that DHCP names. Some systems with RPM
#: have chrony 3, which knows neither directories nor NTS.
SETTINGS = {
    "apt": """\
keyfile /etc/chrony/chrony.keys
driftfile /var/lib/chrony/chrony.drift
ntsdumpdir /var/lib/chrony
logdir /var/log/chrony
maxupdateskew 100.0
rtcsync
makestep 1 3
""",
    "dnf": """\
keyfile /etc/chrony.keys
driftfile /var/lib/chrony/drift
logdir /var/log/chrony
rtcsync
makestep 1 3
""",
}
INCLUDES = {
    "apt": "confdir /etc/chrony/conf.d\nsourcedir /etc/chrony/sources.d\n",
    "dnf": f"include {SOURCES}\n",
}
#: Of the unit's own environment file, which is not read any more: a filter of system calls on Debian.
OPTIONS = {"apt": ["DAEMON_OPTS", "-F 1"], "dnf": ["OPTIONS", ""]}
UNIT_DROP_IN = """\
{before}
[Unit]
ConditionCapability=
[Service]
EnvironmentFile=
Environment="{variable}={options} -f {main}"
"""


def contained() -> bool:
    """Whether this host is a container."""
    return run(["systemd-detect-virt", "--container", "--quiet"]).returncode == 0


def unit_drop_in(family: str) -> str:
    """What the unit starts. The condition on CAP_SYS_TIME goes: a container lacks it, and needs it not with -x."""
    before = f"{BEFORE} {'enabled' if enabled_before(UNITS[family]) else 'not there'}"
    variable, options = OPTIONS[family]
    words = " ".join([*options.split(), *(["-x"] if contained() else [])])
    return UNIT_DROP_IN.format(before=before, variable=variable, options=words, main=MAIN)


def wanted(servers: list[str], family: str) -> dict[str, str]:
    """Text of every file; the drop-in first, as it keeps what was before."""
    if not servers:
        return {}
    sources = "".join(f"server {server} iburst\n" for server in servers)
    main_file = SETTINGS[family] + INCLUDES[family]
    return {drop_in(UNITS[family]): unit_drop_in(family), SOURCES: sources, MAIN: main_file}


def validate(texts: dict[str, str], family: str) -> None:
    """Let chronyd judge, once it is there. Its AppArmor profile lets it read below /etc/chrony only."""
    if not os.path.exists(PROGRAM):
        return
    with tempfile.NamedTemporaryFile("w", prefix=".slipway-", dir=os.path.dirname(MAIN)) as trial:
        trial.write(SETTINGS[family] + texts[SOURCES])
        trial.flush()
        done = run([PROGRAM, "-p", "-f", trial.name], timeout=60)
    if done.returncode:
        raise HostError(f"{SOURCES} was not accepted by chronyd", why=tail(done.stderr or done.stdout))


def write(texts: dict[str, str], changed: list[str], family: str) -> None:
    """Land what changed."""
    for path in texts:
        make_directory(os.path.dirname(path))
    if SOURCES in changed:
        validate(texts, family)
    for path in changed:
        write_atomic(path, texts[path])


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "servers": {"type": "list", "elements": "str", "default": []},
            "family": {"type": "str", "choices": ["apt", "dnf"], "default": "apt"},
        },
        supports_check_mode=True,
    )
    family = module.params["family"]
    unit = UNITS[family]
    try:
        texts = wanted(module.params["servers"], family)
        changed = [path for path, text in texts.items() if not stands(path, text)] if texts else there()
        diffs = [
            {
                "before_header": path,
                "after_header": path,
                "before": read_text(path) or "",
                "after": texts.get(path, ""),
            }
            for path in changed
        ]
        if changed and not module.check_mode:
            if texts:
                write(texts, changed, family)
            else:
                release()
    except (HostError, OSError) as error:
        fail(module, error)
    answer = {"paths": changed, "files": list(texts), "made": things("file", *texts), "unit": unit}
    module.exit_json(changed=bool(changed), **answer, diff=diffs)


if __name__ == "__main__":
    main()
