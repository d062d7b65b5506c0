#!/usr/bin/python
"""A host's own name, its hosts entries and its resolver, in one round trip."""

from __future__ import annotations

DOCUMENTATION = r"""
module: slipway_names
short_description: Host name, hosts entries and resolver
description:
  - Owns a marked block of C(/etc/hosts) and leaves all other lines alone.
  - Name servers go to a drop-in of systemd-resolved where it serves C(/etc/resolv.conf), else to that file.
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
    description: Name servers. None, and the host's own stay.
    type: list
    elements: str
    default: []
  search:
    description: Search domains, also at the host's own name servers. Without both the resolver is left alone.
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
files:
  description: sha256 of the files that are wholly ours.
  type: dict
  returned: always
"""

import os
import socket

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.slipway_before import FILES, file_as_it_is, remember
from ansible.module_utils.slipway_host import (
    HostError,
    fail,
    must,
    read_text,
    sha256_text,
    with_block,
    write_atomic,
)

RESOLVED = "/run/systemd/resolve/"
DROP_IN = "/etc/systemd/resolved.conf.d/slipway.conf"
RESOLV_CONF = "/etc/resolv.conf"


def hosts_lines(entries: list[dict]) -> str:
    """Our block; names of one address on one line, an entry that repeats dropped."""
    lines = dict.fromkeys(f"{entry['address']} {' '.join(entry['names'])}" for entry in entries)
    return "".join(line + "\n" for line in lines)


def resolved_serves() -> bool:
    """Whether systemd-resolved writes the resolver's file."""
    return os.path.realpath(RESOLV_CONF).startswith(RESOLVED)


def drop_in(p: dict) -> str:
    """Settings of systemd-resolved."""
    servers = f"DNS={' '.join(p['servers'])}\n" if p["servers"] else ""
    search = f"Domains={' '.join(p['search'])}\n" if p["search"] else ""
    return f"[Resolve]\n{servers}{search}"


def plain(p: dict, old: str) -> str:
    """The resolver's file: our servers and search domains; options of others are kept, and servers without any."""
    replaced = {"search", "domain", *(["nameserver"] if p["servers"] else [])}
    kept = [line for line in old.splitlines() if not replaced.intersection(line.split()[:1])]
    search = [f"search {' '.join(p['search'])}"] if p["search"] else []
    return "\n".join([*kept, *search, *(f"nameserver {server}" for server in p["servers"])]) + "\n"


def wanted(p: dict) -> dict[str, str]:
    """Text of every file."""
    texts = {
        "/etc/hostname": p["hostname"] + "\n",
        "/etc/hosts": with_block(
            read_text("/etc/hosts") or "127.0.0.1 localhost\n", hosts_lines(p["entries"])
        ),
    }
    if p["servers"] or p["search"]:
        if resolved_serves():
            texts[DROP_IN] = drop_in(p)
        else:
            texts[RESOLV_CONF] = plain(p, read_text(RESOLV_CONF) or "")
    return texts


def write(path: str, text: str) -> None:
    """Land one file and make it known to who reads it only at start."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    write_atomic(path, text)
    if path == DROP_IN:
        must(["systemctl", "restart", "systemd-resolved.service"])


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
    p = module.params
    try:
        texts = wanted(p)
        diffs = []
        for path, text in texts.items():
            old = read_text(path)
            if old != text:
                diffs.append(
                    {"before_header": path, "after_header": path, "before": old or "", "after": text}
                )
                if not module.check_mode:
                    if path in FILES and old is not None:
                        remember("files", {path: file_as_it_is(path)})
                    write(path, text)
        if socket.gethostname() != p["hostname"]:
            diffs.append({"before": f"{socket.gethostname()}\n", "after": f"{p['hostname']}\n"})
            if not module.check_mode:
                remember("hostname", {"name": socket.gethostname()})
                socket.sethostname(p["hostname"])
    except (HostError, OSError) as error:
        fail(module, error)
    ours = {path: sha256_text(text) for path, text in texts.items() if path != "/etc/hosts"}
    module.exit_json(changed=bool(diffs), files=ours, diff=diffs)


if __name__ == "__main__":
    main()
