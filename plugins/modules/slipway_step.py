#!/usr/bin/python
"""Opens and closes one step on a host: intent before its first change, record after its last."""

from __future__ import annotations

DOCUMENTATION = r"""
module: slipway_step
short_description: Intent and record of one step on a host
description:
  - C(begin) refuses a step with an older epoch than the host lock's, then writes C(pending.json).
  - C(done) writes the step's record into C(record.json), then drops the intent. C(absent) drops both.
  - C(blocked) changes nothing; it reports that the step was not begun, and why.
  - All of it happens under an flock; the files are replaced by rename. Check mode writes nothing.
options:
  state:
    description: What to do.
    type: str
    choices: [begin, done, absent, blocked]
    required: true
  role:
    description: Name of the role, the key in both files.
    type: str
    required: true
  step:
    description: Id, digest, parts, catalog and version of the step.
    type: dict
    default: {}
  operation:
    description: Id of the operation.
    type: str
    default: ""
  epoch:
    description: Epoch of the lock that this run holds.
    type: int
    default: 0
  holder:
    description: Who holds it.
    type: str
    default: ""
  site:
    description: Identity of the cluster. A host that carries another one is refused.
    type: str
    default: ""
  made:
    description: >-
      Things that the role made, each C({kind, name}) as modules answer them; the record holds how they are now.
    type: list
    elements: dict
    default: []
  reason:
    description: Why the step is blocked.
    type: str
    default: ""
  directory:
    description: Where the state is kept.
    type: path
    default: /var/lib/slipway
author:
  - Slipway
"""

EXAMPLES = r"""
- name: Begin
  slipway_step:
    state: begin
    role: node_prepare
    step: {step: host/cp-01/node_prepare, digest: "sha256:1234"}
    operation: op-1
    epoch: 3
    holder: laptop
"""

RETURN = r"""
slipway_step:
  description: Id of the step.
  type: str
  returned: always
state:
  description: The state asked for.
  type: str
  returned: always
interrupted:
  description: begin only; an intent of an earlier run was open.
  type: bool
  returned: on begin
"""

import os
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.slipway_error import HostError
from ansible.module_utils.slipway_host import (
    fail,
    locked,
    now,
    read_json,
    read_text,
    write_json,
)
from ansible.module_utils.slipway_paths import make_directory
from ansible.module_utils.slipway_recorded import as_they_are, keep


class HostState:
    """The three state files of one host."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.record_path = f"{directory}/record.json"
        self.pending_path = f"{directory}/pending.json"
        self.lock = read_json(f"{directory}/lock.json", newest=2)
        self.record = {"format": 1, "site": "", "host": "", "steps": {}, **read_json(self.record_path)}
        self.pending = {"format": 1, **read_json(self.pending_path)}

    def refuse_stale(self, step: str, epoch: int, holder: str) -> None:
        """Somebody took over: a run that lost its lock must not change the host."""
        held = int(self.lock.get("epoch", 0))
        other = self.lock.get("holder", "")
        if held > epoch or (held == epoch and holder and other not in ("", holder) and self.live):
            raise HostError(
                f"{step} has epoch {epoch}, but {other.partition('+')[0] or 'somebody'} holds this host "
                f"with epoch {held}",
                conflict=True,
                holder=other,
            )

    @property
    def live(self) -> bool:
        """Whether the lock has not expired, by the clock since this boot; what an earlier boot left may be renewed."""
        if "expires" in self.lock:  # format 1
            return float(self.lock["expires"]) > time.time()
        until = float(self.lock.get("until", 0))
        if until and self.lock.get("boot") != (read_text("/proc/sys/kernel/random/boot_id") or "").strip():
            return True
        return until > float((read_text("/proc/uptime") or "0").split()[0])

    def refuse_other_site(self, step: str, site: str) -> None:
        """A host serves one cluster."""
        theirs = self.record["site"]
        if site and theirs and theirs != site:
            raise HostError(
                f"{step}: this host belongs to another cluster (site {theirs}, not {site}); reset it first",
                conflict=True,
            )


def host_of(p: dict[str, Any]) -> str:
    """The host's name, by the id of its step; a reset asks for it."""
    kind, _, rest = str(p["step"].get("step", "")).partition("/")
    return rest.partition("/")[0] if kind == "host" else ""


def begin(state: HostState, p: dict[str, Any], write: bool) -> dict[str, Any]:
    """Open the intent."""
    wanted = {
        "operation": p["operation"],
        "step": p["step"]["step"],
        "digest": p["step"]["digest"],
        "parts": p["step"].get("parts") or {},
        "epoch": p["epoch"],
        "holder": p["holder"],
        "time": now(),
    }
    interrupted = p["role"] in state.pending
    if write:
        known = {
            **state.record,
            "site": p["site"] or state.record["site"],
            "host": host_of(p) or state.record["host"],
        }
        if known != state.record:
            write_json(state.record_path, known)
        write_json(state.pending_path, {**state.pending, p["role"]: wanted})
    return {"interrupted": interrupted}


def done(state: HostState, p: dict[str, Any], write: bool) -> dict[str, Any]:
    """Write the record, then drop the intent: in this order, so that a kill between them repeats the step."""
    step = p["step"]
    record = {
        "digest": step["digest"],
        "parts": step.get("parts") or {},
        "catalog": step.get("catalog") or "",
        "version": step.get("version") or "",
        "time": now(),
    }
    if write:
        record["made"] = as_they_are(p["made"], state.directory)
        site = p["site"] or state.record["site"]
        steps = {**state.record["steps"], p["role"]: record}
        keep(state.directory, steps)
        write_json(state.record_path, {**state.record, "site": site, "steps": steps})
        drop_intent(state, p["role"])
    return {}


def absent(state: HostState, p: dict[str, Any], write: bool) -> dict[str, Any]:
    """Forget the role on this host."""
    steps = {role: record for role, record in state.record["steps"].items() if role != p["role"]}
    changed = steps != state.record["steps"] or p["role"] in state.pending
    if write and changed:
        keep(state.directory, steps)
        write_json(state.record_path, {**state.record, "steps": steps})
        drop_intent(state, p["role"])
    return {"changed": changed}


def drop_intent(state: HostState, role: str) -> None:
    """Close the intent."""
    write_json(state.pending_path, {key: value for key, value in state.pending.items() if key != role})


ACTIONS = {"begin": begin, "done": done, "absent": absent}


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["begin", "done", "absent", "blocked"], "required": True},
            "role": {"type": "str", "required": True},
            "step": {"type": "dict", "default": {}},
            "operation": {"type": "str", "default": ""},
            "epoch": {"type": "int", "default": 0},
            "holder": {"type": "str", "default": ""},
            "site": {"type": "str", "default": ""},
            "made": {"type": "list", "elements": "dict", "default": []},
            "reason": {"type": "str", "default": ""},
            "directory": {"type": "path", "default": "/var/lib/slipway"},
        },
        supports_check_mode=True,
    )
    p = module.params
    step = p["step"].get("step", p["role"])
    answer = {"slipway_step": step, "state": p["state"], "changed": False}
    if p["state"] == "blocked":
        module.exit_json(**answer, reason=p["reason"])
    try:
        if not module.check_mode:
            make_directory(p["directory"])
        elif not os.path.isdir(p["directory"]):
            module.exit_json(**answer)
        with locked(f"{p['directory']}/.flock"):
            state = HostState(p["directory"])
            state.refuse_other_site(step, p["site"])
            state.refuse_stale(step, p["epoch"], p["holder"])
            answer.update(ACTIONS[p["state"]](state, p, not module.check_mode))
    except HostError as error:
        fail(module, error, slipway_step=step, state=p["state"])
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
