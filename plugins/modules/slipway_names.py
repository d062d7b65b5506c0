#!/usr/bin/python
"""A host's own name, its hosts entries and its resolver, in one round trip."""

from __future__ import annotations

DOCUMENTATION = r"""
module: slipway_names
short_description: Host name, hosts entries and resolver
description:
  - Owns a marked block of C(/etc/hosts) and leaves all other lines alone.
  - Name servers go to a drop-in of systemd-resolved or NetworkManager where one of them serves C(/etc/resolv.conf),
    else to that file. Without any, and without search domains, the host has again what it had before.
options:
  hostname:
    description: The host's name.
    type: str
    required: true
  entries:
    description: Hosts entries.
    type: list
    elements: dict
    default: []
    suboptions:
      address:
        description: Address.
        type: str
        required: true
      names:
        description: Names that mean it.
        type: list
        elements: str
        required: true
  servers:
    description: Name servers. None, and the host has its own.
    type: list
    elements: str
    default: []
  search:
    description: Search domains, also at the host's own name servers.
    type: list
    elements: str
    default: []
author:
  - Slipway
"""

EXAMPLES = r"""
- name: Name the host
  slipway_names:
    hostname: cp-01
    entries: [{address: 10.0.0.5, names: [api.example.internal]}]
"""

RETURN = r"""
made:
  description: Files that are wholly ours, our block, the name in force, and where the resolver's file leads.
  type: list
  returned: always
"""

import os
import socket
from typing import Any

from ansible.module_utils import slipway_resolver
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.slipway_before import (
    FILES,
    as_text,
    as_we_left,
    file_as_it_is,
    forget,
    parameter_path,
    put_back,
    remember,
    remembered,
)
from ansible.module_utils.slipway_error import HostError
from ansible.module_utils.slipway_host import fail, read_text, stands, with_block
from ansible.module_utils.slipway_paths import make_directory, unlink, write_atomic
from ansible.module_utils.slipway_things import things

#: Of memory: drop-ins that were changed, and nobody has been told yet.
UNTOLD = "untold"


def hosts_lines(entries: list[dict[str, Any]]) -> str:
    """Our block; names of one address on one line, an entry that repeats dropped."""
    lines = dict.fromkeys(f"{entry['address']} {' '.join(entry['names'])}" for entry in entries)
    return "".join(line + "\n" for line in lines)


def wanted(p: dict[str, Any]) -> dict[str, str]:
    """Text of every file."""
    entries = with_block(read_text("/etc/hosts") or "127.0.0.1 localhost\n", hosts_lines(p["entries"]))
    resolver = slipway_resolver.wanted(p["servers"], p["search"])
    return {"/etc/hostname": p["hostname"] + "\n", "/etc/hosts": entries, **resolver}


def write(path: str, text: str) -> None:
    """Land one file and make it known to who reads it only at start."""
    if path in FILES:
        remember("files", {path: file_as_it_is(path)})
    if path == slipway_resolver.MANAGER:
        remember(slipway_resolver.OWN_SERVERS, {"servers": slipway_resolver.own_servers()})
    make_directory(os.path.dirname(path))
    if path in slipway_resolver.DROP_INS:
        remember(UNTOLD, {path: True})
    write_atomic(path, text)
    told(path)


def told(path: str) -> None:
    """Let who is in charge read his drop-in again, if it is one; until then it is remembered, for the next run."""
    if path in slipway_resolver.DROP_INS:
        slipway_resolver.tell(path)
        forget(UNTOLD, path)


def make_up(check: bool) -> list[dict[str, Any]]:
    """What a killed run has written and told nobody; the diffs."""
    paths = sorted(remembered(UNTOLD))
    for path in paths if not check else ():
        told(path)
    return [diff(path, "", "is read again\n") for path in paths]


def apply_files(texts: dict[str, str], check: bool) -> list[dict[str, Any]]:
    """Write what differs; the diffs."""
    found = [(path, read_text(path), text) for path, text in texts.items()]
    changed = [entry for entry in found if not stands(entry[0], entry[2])]
    for path, _, text in changed if not check else ():
        write(path, text)
    return [diff(path, old or "", text) for path, old, text in changed]


def give_back(texts: dict[str, str], check: bool) -> list[dict[str, Any]]:
    """The host's own resolver, where ours is not wanted any more; the diffs."""
    diffs = []
    for path in slipway_resolver.stale(texts):
        diffs.append(diff(path, read_text(path) or "", ""))
        if not check:
            remember(UNTOLD, {path: True})
            unlink(path)
            told(path)
            forget(slipway_resolver.OWN_SERVERS, "servers")
    path = slipway_resolver.RESOLV_CONF
    was = remembered("files").get(path)
    if was is None or path in texts:
        return diffs
    if as_we_left(path):
        diffs.append(diff(path, read_text(path) or "", as_text(was)))
        if not check:
            put_back(path, was)
    if not check:
        forget("files", path)
    return diffs


def apply_hostname(name: str, check: bool) -> list[dict[str, Any]]:
    """The name in force; the diff."""
    old = socket.gethostname()
    if old == name:
        return []
    if not check:
        remember("hostname", {"name": old})
        socket.sethostname(name)
    return [{"before": f"{old}\n", "after": f"{name}\n"}]


def made(p: dict[str, Any], texts: dict[str, str]) -> list[dict[str, Any]]:
    """What of the host's names is ours; a resolver that we tell is nothing without the link that leads to it."""
    resolver = slipway_resolver.RESOLV_CONF
    led = resolver not in texts and any(path in texts for path in slipway_resolver.DROP_INS)
    return [
        *things("file", *(path for path in texts if path != "/etc/hosts")),
        *things("block", *(["/etc/hosts"] if p["entries"] else [])),
        *things("link", *([resolver] if led and os.path.islink(resolver) else [])),
        *things("parameter", "kernel.hostname", path=parameter_path("kernel.hostname")),
    ]


def diff(path: str, before: str, after: str) -> dict[str, Any]:
    """Of one file."""
    return {"before_header": path, "after_header": path, "before": before, "after": after}


def main() -> None:
    """Entry point."""
    entry = {
        "address": {"type": "str", "required": True},
        "names": {"type": "list", "elements": "str", "required": True},
    }
    module = AnsibleModule(
        argument_spec={
            "hostname": {"type": "str", "required": True},
            "entries": {"type": "list", "elements": "dict", "default": [], "options": entry},
            "servers": {"type": "list", "elements": "str", "default": []},
            "search": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    p, check = module.params, module.check_mode
    try:
        texts = wanted(p)
        diffs = [*make_up(check), *apply_files(texts, check), *give_back(texts, check)]
        diffs += apply_hostname(p["hostname"], check)
    except (HostError, OSError) as error:
        fail(module, error)
    module.exit_json(changed=bool(diffs), made=made(p, texts), diff=diffs)


if __name__ == "__main__":
    main()
