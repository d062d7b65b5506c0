#!/usr/bin/python
"""Moves a container runtime's data root, takes a runtime out of service, and deletes a data root that was left."""

from __future__ import annotations

DOCUMENTATION = r"""
module: slipway_runtime
short_description: Data root of a container runtime, and the change from one runtime to another
description:
  - C(prepare) comes before the runtime's settings are written. Where they name another data root that holds something,
    its content is copied; where another runtime of ours runs, that one is taken out of service.
  - Before anything is stopped, it refuses too little space, a new data root that is not empty, and running containers
    that no kubelet manages. Then it stops the kubelet, the pods' containers and the runtime, copies, and compares
    both trees byte by byte. The old one is not touched, and is in force until the settings name the new one.
  - C(finish) comes after the runtime runs. It notes where the data is, deletes the old data root named by C(remove),
    and starts a kubelet that C(prepare) stopped.
  - A killed run is repeated; the copy goes on where it was.
options:
  state:
    description: Which half.
    type: str
    choices: [prepare, finish]
    required: true
  runtime:
    description: The runtime that is wanted.
    type: str
    choices: [containerd, docker]
    required: true
  data_root:
    description: Where its data shall be.
    type: path
    required: true
  remove:
    description: finish only; an old data root that may go. One that is in use, or was never left, is refused.
    type: path
author:
  - Slipway
"""

EXAMPLES = r"""
- name: Move what an earlier data root holds
  slipway_runtime:
    state: prepare
    runtime: containerd
    data_root: /data/containerd
"""

RETURN = r"""
old:
  description: Data roots that were left and are still there, with the time at which they were.
  type: dict
  returned: always
actions:
  description: What was done, or would be.
  type: list
  returned: always
"""

import json
import os
import re
from typing import Any

from ansible.module_utils import slipway_runtimes as runtimes
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.slipway_copytree import (
    copy_tree,
    differences,
    holds_anything,
    usage,
)
from ansible.module_utils.slipway_error import HostError
from ansible.module_utils.slipway_host import fail, now, read_json, read_text, run, write_json
from ansible.module_utils.slipway_paths import empty, make_directory, remove_tree, write_atomic

STATE = "/var/lib/slipway/runtime.json"
KUBELET = "kubelet.service"
#: Where kubeadm looks for the runtime's socket; the kubelet is told by a drop-in over them.
KUBEADM_NOTES = ("/var/lib/kubelet/config.yaml", "/var/lib/kubelet/instance-config.yaml")
ENDPOINT = re.compile(r"^containerRuntimeEndpoint:.*$", re.MULTILINE)
#: Left free on the new disk, as a share of what is copied.
SPARE = 0.05
MIB = 1 << 20


class Move:
    """What the host's runtime is, and what is to become of it."""

    def __init__(self, p: dict[str, Any], check: bool) -> None:
        self.wanted = runtimes.RUNTIMES[p["runtime"]]
        self.root = p["data_root"]
        self.remove = p["remove"]
        self.check = check
        self.actions: list[str] = []
        self.state = {"format": 1, "runtime": "", "root": "", "old": {}, "copies": {}, **read_json(STATE)}

    def save(self) -> None:
        """Keep what is known."""
        write_json(STATE, self.state)

    def prepare(self) -> None:
        """Before the settings are written."""
        before = self.state["runtime"]
        if before and before != self.wanted.name:
            self.retire(runtimes.RUNTIMES[before])
        here = self.wanted.data_root()
        elsewhere = here and os.path.realpath(here) != os.path.realpath(self.root)
        if elsewhere and self.wanted.used(here):
            self.move(here)

    def retire(self, other: runtimes.Runtime) -> None:
        """Another runtime of ours ends; its data stays until somebody says that it may go."""
        refuse_strangers(other)
        self.actions.append(f"take {other.name} out of service")
        if self.check:
            return
        self.stop(other)
        other.disable()
        left = other.data_root() or self.state["root"]
        self.state["old"][left] = {"runtime": other.name, "time": now()}
        self.state |= {"runtime": "", "root": ""}
        self.save()

    def move(self, here: str) -> None:
        """Copy, compare; the settings that are written next make the copy the one in force."""
        self.refuse_place(here)
        self.refuse_space(here)
        refuse_strangers(self.wanted)
        self.actions.append(f"copy {here} to {self.root}")
        if self.check:
            return
        make_directory(self.root, 0o711)
        self.state["copies"][self.root] = here
        self.stop(self.wanted)
        runtimes.unmount_below(here)
        copy_tree(here, self.root)
        found = differences(here, self.root)
        if found:
            text = f"the copy of {here} at {self.root} is not equal to it; the old one is still in force"
            raise HostError(text, why="\n".join(found))
        self.state["old"][here] = {"runtime": self.wanted.name, "time": now()}
        self.save()

    def refuse_place(self, here: str) -> None:
        """Never one inside the other, and never over what somebody else put there."""
        one, other = os.path.realpath(here), os.path.realpath(self.root)
        if os.path.commonpath([one, other]) in (one, other):
            raise HostError(f"{self.root} and the present data root {here} lie in each other; choose another")
        if self.root in self.state["old"]:
            raise HostError(
                f"{self.root} is a data root that was left {self.state['old'][self.root]['time']} and still holds "
                f"its data; delete it first with runtime.removeOldDataRoot, or choose another"
            )
        if holds_anything(self.root) and self.state["copies"].get(self.root) != here:
            raise HostError(
                f"{self.root} is not empty, and what it holds is no copy of {here}; empty it, or choose another"
            )

    def refuse_space(self, here: str) -> None:
        """Before anything is stopped."""
        size, files = usage(here)
        done, made = usage(self.root)
        place = self.root
        while not os.path.isdir(place):
            place = os.path.dirname(place)
        disk = os.statvfs(place)
        free = disk.f_bavail * disk.f_frsize
        needed = max(0, int(size * (1 + SPARE)) - done)
        if free < needed:
            raise HostError(
                f"{here} takes {needed // MIB + 1} MiB, and {place} has {free // MIB} MiB free; nothing was stopped"
            )
        if disk.f_files and disk.f_favail < files - made:
            raise HostError(
                f"{here} has {files} files, and {place} has inodes for {disk.f_favail}; nothing was stopped"
            )

    def stop(self, other: runtimes.Runtime) -> None:
        """Kubelet, the pods' containers, the runtime; what does not end brings all of it back."""
        if runtimes.active(KUBELET):
            self.state["kubelet"] = True
        self.save()
        run(["systemctl", "stop", KUBELET], timeout=120)
        try:
            other.end_pods()
            other.stop()
        except HostError:
            other.start()
            self.start_kubelet()
            raise

    def finish(self) -> None:
        """After the runtime runs."""
        if not self.check:
            self.settle()
        if self.remove and holds_anything(self.remove):
            self.remove_old()
        if self.state.get("kubelet") and not self.check:
            self.start_kubelet()

    def settle(self) -> None:
        """What is in force; a copy that somebody thought better of is one more that was left."""
        before = json.dumps(self.state)
        for path in self.state["copies"]:
            self.state["old"].setdefault(path, {"runtime": self.wanted.name, "time": now()})
        self.state["old"].pop(self.root, None)
        self.state |= {"runtime": self.wanted.name, "root": self.root, "copies": {}}
        if json.dumps(self.state) != before:
            self.save()
        for path in KUBEADM_NOTES:
            text = read_text(path) or ""
            told = ENDPOINT.sub(f"containerRuntimeEndpoint: {self.wanted.endpoint}", text)
            if told != text:
                write_atomic(path, told, mode=0o644)

    def start_kubelet(self) -> None:
        """It was stopped here, so it is started here."""
        if self.state.pop("kubelet", False):
            run(["systemctl", "start", KUBELET])
            self.save()

    def remove_old(self) -> None:
        """The one that is named, where it is one that was left."""
        leaving = self.check and self.remove != self.root and self.remove == self.wanted.data_root()
        if self.remove not in self.state["old"] and not leaving:
            if self.remove == self.root:
                return
            raise HostError(
                f"{self.remove} is no data root that was left on this host, so it is not deleted",
                why=f"known: {', '.join(sorted(self.state['old'])) or 'none'}",
            )
        inside = os.path.commonpath([os.path.realpath(self.remove), os.path.realpath(self.root)])
        if inside == os.path.realpath(self.remove):
            raise HostError(f"{self.remove} holds the present data root {self.root}")
        mounted = runtimes.mounts_below(self.remove)
        if mounted:
            raise HostError(f"{self.remove} is still in use", why="\n".join(f"mounted: {m}" for m in mounted))
        self.actions.append(f"delete {self.remove}")
        if self.check:
            return
        delete(self.remove)  # killed here, the next run finds it named still
        del self.state["old"][self.remove]
        self.save()

    @property
    def old(self) -> dict[str, Any]:
        """Data roots that were left and still hold something."""
        return {path: note for path, note in self.state["old"].items() if holds_anything(path)}


def refuse_strangers(runtime: runtimes.Runtime) -> None:
    """A container that nobody drained and nobody starts again is somebody's."""
    found = runtime.strangers()
    if found:
        raise HostError(
            f"containers run that no kubelet manages, and {runtime.name} has to stop; stop them first. "
            "Nothing was stopped",
            why=", ".join(found[:10]),
        )


def delete(path: str) -> None:
    """A directory; a mount point is emptied."""
    if os.path.ismount(path):
        empty(path)
    else:
        remove_tree(path)


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["prepare", "finish"], "required": True},
            "runtime": {"type": "str", "choices": sorted(runtimes.RUNTIMES), "required": True},
            "data_root": {"type": "path", "required": True},
            "remove": {"type": "path"},
        },
        supports_check_mode=True,
    )
    try:
        move = Move(module.params, module.check_mode)
        getattr(move, module.params["state"])()
    except (HostError, OSError) as error:
        fail(module, error)
    diff = {"before": "", "after": "".join(f"{action}\n" for action in move.actions)}
    module.exit_json(changed=bool(move.actions), actions=move.actions, old=move.old, diff=diff)


if __name__ == "__main__":
    main()
