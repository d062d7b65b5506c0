#!/usr/bin/python
"""Kernel modules, kernel parameters and swap of a host: now and at boot, in one round trip."""

from __future__ import annotations

DOCUMENTATION = r"""
module: slipway_kernel
short_description: Load kernel modules, set kernel parameters, switch swap off
description:
  - A module that is built in, or whose feature is there already, counts as loaded.
  - A parameter is written only where the kernel's value differs.
options:
  modules:
    description: Kernel modules.
    type: list
    elements: str
    default: []
  sysctl:
    description: Kernel parameters.
    type: dict
    default: {}
  swap:
    description: >-
      Whether the host may swap. If not, every way in which swap comes back is put out of force: fstab, swap units
      (those of zram-generator and gpt-auto too), services that make swap. If it may, all of that is given back.
    type: bool
    default: false
  name:
    description: Name of the drop-in files.
    type: str
    default: slipway
author:
  - Slipway
"""

EXAMPLES = r"""
- name: Prepare the kernel
  slipway_kernel:
    modules: [overlay, br_netfilter]
    sysctl: {net.ipv4.ip_forward: "1"}
"""

RETURN = r"""
made:
  description: Drop-in files, parameters in force, and what keeps swap away.
  type: list
  returned: always
"""

import glob
import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.slipway_before import parameter_path, remember
from ansible.module_utils.slipway_error import HostError
from ansible.module_utils.slipway_host import fail, read_text, run, stands
from ansible.module_utils.slipway_paths import make_directory, write_atomic, writing
from ansible.module_utils.slipway_swap import given_back, held, off
from ansible.module_utils.slipway_things import Thing, things

#: Where the kernel shows that a module's feature is there, however it came.
FEATURES = {
    "br_netfilter": "/proc/sys/net/bridge",
    "nf_conntrack": "/proc/sys/net/netfilter/nf_conntrack_max",
    "ip_tables": "/proc/net/ip_tables_names",
}


def loaded(name: str) -> bool:
    """Whether the kernel has it: as a module, built in, as a file system, or by its feature."""
    plain = name.replace("-", "_")
    if os.path.isdir(f"/sys/module/{plain}") or os.path.exists(FEATURES.get(plain, "/nonexistent")):
        return True
    systems = (read_text("/proc/filesystems") or "").split()
    builtin = read_text(f"/lib/modules/{os.uname().release}/modules.builtin") or ""
    return plain in systems or f"/{plain}.ko" in builtin.replace("-", "_")


def load(name: str) -> None:
    """Load it, or say which kernel lacks it."""
    done = run(["modprobe", name])
    if done.returncode or not loaded(name):
        why = done.stderr.strip() or "the module did not appear"
        raise HostError(f"kernel {os.uname().release} has no module {name}: {why}")


def current(key: str) -> str | None:
    """The kernel's value, blanks made equal."""
    try:
        text = read_text(parameter_path(key))
    except OSError as error:
        raise HostError(f"sysctl {key} cannot be read: {error.strerror}") from error
    return None if text is None else " ".join(text.split())


def set_parameter(key: str, value: str) -> None:
    """Set it in the running kernel."""
    path = parameter_path(key)
    try:
        with writing(path) as stream:
            stream.write(f"{value}\n".encode())
    except OSError as error:
        raise HostError(
            f"sysctl {key}={value} was refused ({error.strerror}); the kernel has {current(key)!r}"
        ) from error


def drop_ins(p: dict[str, Any]) -> dict[str, str]:
    """Files for the next boot."""
    parameters = "".join(f"{key} = {value}\n" for key, value in sorted(p["sysctl"].items()))
    return {
        f"/etc/modules-load.d/{p['name']}.conf": "".join(f"{name}\n" for name in p["modules"]),
        f"/etc/sysctl.d/90-{p['name']}.conf": parameters,
    }


Lines = tuple[list[str], list[str]]
"""What was, and what is now, as lines of a diff."""


def apply_modules(p: dict[str, Any], check: bool) -> Lines:
    """Load what is missing."""
    missing = [name for name in p["modules"] if not loaded(name)]
    for name in missing if not check else []:
        load(name)
    return [], [f"module {name}" for name in missing]


def apply_files(p: dict[str, Any], check: bool) -> Lines:
    """Drop-ins for the next boot."""
    before, after = [], []
    for path, text in drop_ins(p).items():
        old = read_text(path)
        if stands(path, text):
            continue
        before += (old or "").splitlines()
        after += text.splitlines()
        if not check:
            make_directory(os.path.dirname(path))
            write_atomic(path, text)
    return before, after


def apply_parameters(p: dict[str, Any], check: bool) -> Lines:
    """Set what differs in the running kernel."""
    before, after = [], []
    for key, value in p["sysctl"].items():
        was, wanted = current(key), " ".join(str(value).split())
        if was is None and not (check and missing_module(p["modules"])):
            raise HostError(f"sysctl {key} does not exist on kernel {os.uname().release}")
        if was == wanted:
            continue
        before.append(f"{key} = {was}")
        after.append(f"{key} = {wanted}")
        if not check:
            remember("sysctl", {key: was})
            set_parameter(key, wanted)
    return before, after


def apply_swap(p: dict[str, Any], check: bool) -> Lines:
    """No swap, or that which was there before."""
    if p["swap"]:
        return [], [f"swap {item}" for item in given_back(check)]
    return [f"swap {item}" for item in off(check)], []


def apply(p: dict[str, Any], check: bool) -> Lines:
    """All of it, modules first: they bring parameters."""
    before, after = [], []
    for part in (apply_modules, apply_files, apply_parameters, apply_swap):
        was, wanted = part(p, check)
        before += was
        after += wanted
    return before, after


def missing_module(names: list[str]) -> bool:
    """In check mode a parameter may wait for a module that would be loaded."""
    return not all(loaded(name) for name in names)


def overridden(p: dict[str, Any]) -> list[str]:
    """Later drop-ins that would win over ours at the next boot."""
    ours = f"90-{p['name']}.conf"
    found = []
    for path in sorted(glob.glob("/etc/sysctl.d/*.conf")):
        if os.path.basename(path) <= ours:
            continue
        for line in (read_text(path) or "").splitlines():
            key, _, value = (part.strip() for part in line.partition("="))
            wanted = p["sysctl"].get(key)
            if wanted is not None and " ".join(value.split()) != " ".join(str(wanted).split()):
                found.append(f"{path} sets {key} = {value} and is read after ours")
    return found


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "modules": {"type": "list", "elements": "str", "default": []},
            "sysctl": {"type": "dict", "default": {}},
            "swap": {"type": "bool", "default": False},
            "name": {"type": "str", "default": "slipway"},
        },
        supports_check_mode=True,
    )
    p = module.params
    try:
        before, after = apply(p, module.check_mode)
    except (HostError, OSError) as error:
        fail(module, error)
    for warning in overridden(p):
        module.warn(warning)
    diff = {"before": "\n".join(before) + "\n", "after": "\n".join(after) + "\n"}
    module.exit_json(changed=bool(before or after), made=made(p), diff=diff)


def made(p: dict[str, Any]) -> list[Thing]:
    """For the record."""
    parameters = [one for key in p["sysctl"] for one in things("parameter", key, path=parameter_path(key))]
    return [*things("file", *drop_ins(p)), *parameters, *([] if p["swap"] else held())]


if __name__ == "__main__":
    main()
