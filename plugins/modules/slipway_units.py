#!/usr/bin/python
"""Enables, starts and restarts systemd units in one round trip, and waits until they serve."""

from __future__ import annotations

DOCUMENTATION = r"""
module: slipway_units
short_description: Bring systemd units to their state
description:
  - A running unit is restarted when one of its C(watch) files is younger than its start, so that a restart
    that a killed run left out is made up for.
  - A unit that does not come up fails with its own last words from the journal. Files of C(watch) that slipway_files
    replaced with C(keep_former) get back what they held before, and the unit is started with that.
options:
  units:
    description: The units, in the order in which they start.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Unit with its suffix.
        type: str
        required: true
      enabled:
        description: Whether it starts at boot.
        type: bool
        default: true
      state:
        description: What it shall be.
        type: str
        choices: [started, stopped]
        default: started
      only_if:
        description: Path without which the unit is neither started nor restarted.
        type: path
      restart:
        description: Restart it in any case; set it to what a task before predicted, for check mode.
        type: bool
        default: false
      proof:
        description: >-
          Program and arguments that succeed as long as what the unit did is there; else it is restarted. For units that
          count as active once they have done it.
        type: list
        elements: str
        default: []
      health:
        description: HTTP URL that answers 200 when the unit serves; asked after a start.
        type: str
      watch:
        description: Files that it reads at start.
        type: list
        elements: path
        default: []
  manager_watch:
    description: Files and directories that systemd itself reads; it is reloaded when one is younger than its last load.
    type: list
    elements: path
    default: []
  ready:
    description: URLs of C(/v2/) servers that shall answer, each C({url, address, ca}).
    type: list
    elements: dict
    default: []
  seconds:
    description: How long to wait for a unit, and for each URL.
    type: int
    default: 60
author:
  - Slipway
"""

EXAMPLES = r"""
- name: Start containerd
  slipway_units:
    units:
      - {name: containerd.service, watch: [/etc/containerd/config.toml, /usr/local/bin/containerd]}
"""

RETURN = r"""
units:
  description: Unit names and what was done to them.
  type: dict
  returned: always
made:
  description: Units that start at boot and the rules that one loads, for the record.
  type: list
  returned: always
"""

import http.client
import os
import time
import urllib.request
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.slipway_error import HostError
from ansible.module_utils.slipway_host import FORMER, fail, must, run, tail
from ansible.module_utils.slipway_paths import replace, unlink
from ansible.module_utils.slipway_registry import Registry
from ansible.module_utils.slipway_things import Thing, things

#: Starts by systemd itself after which a unit is given up.
CRASHES = 3
PROPERTIES = (
    "LoadState",
    "ActiveState",
    "UnitFileState",
    "NRestarts",
    "NeedDaemonReload",
    "ExecMainStartTimestampMonotonic",
)
#: Load states of units whose files systemd has taken in; of any other it keeps what was wrong with the file before.
READ = frozenset({"loaded", "masked", "merged"})


def show(name: str) -> dict[str, str]:
    """What systemd knows of a unit."""
    text = must(["systemctl", "show", name, *(f"--property={key}" for key in PROPERTIES)])
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def started_at(state: dict[str, str]) -> float:
    """Start of the main process, seconds since 1970."""
    return since_1970(state.get("ExecMainStartTimestampMonotonic") or "0")


def since_1970(monotonic: str) -> float:
    """systemd's microseconds since boot as seconds since 1970, by the clock as it is now."""
    return time.time() - (time.clock_gettime(time.CLOCK_MONOTONIC) - int(monotonic) / 1e6)


def manager_outdated(paths: list[str]) -> bool:
    """Whether systemd has not read its own files since one changed. A reload reads them, and ends nothing."""
    if not paths:
        return False
    loaded = must(["systemctl", "show", "--property=UnitsLoadTimestampMonotonic", "--value"])
    return outdated(paths, since_1970(loaded.strip() or "0"))


def outdated(paths: list[str], since: float) -> bool:
    """Whether a file was replaced after the start. Times in the future are a clock's fault."""
    times = (os.stat(path).st_ctime for path in paths if os.path.exists(path))
    return any(since < changed <= time.time() for changed in times)


def decide(unit: dict[str, Any], state: dict[str, str]) -> list[str]:
    """Verbs of systemctl that are needed."""
    verbs = []
    if state["LoadState"] == "masked":
        verbs.append("unmask")
    if unit["enabled"] != state["UnitFileState"].startswith("enabled"):
        verbs.append("enable" if unit["enabled"] else "disable")
    active = state["ActiveState"] in {"active", "activating", "reloading"}
    if unit["state"] == "stopped":
        return [*verbs, "stop"] if active else verbs
    if not shall_run(unit):
        return verbs
    if not active:
        verbs.append("start")
    elif unit["restart"] or outdated(unit["watch"], started_at(state)) or undone_since(unit["proof"]):
        verbs.append("restart")
    return verbs


def undone_since(proof: list[str]) -> bool:
    """Whether what a unit did was taken away behind it."""
    return bool(proof) and run(proof).returncode != 0


def shall_run(unit: dict[str, Any]) -> bool:
    """Whether it is to be started at all."""
    there = not unit["only_if"] or os.path.exists(unit["only_if"])
    return unit["state"] == "started" and there


def carry_out(unit: dict[str, Any], verbs: list[str], seconds: int) -> None:
    """Do it; a unit that does not run afterwards is an error with its reason."""
    untried = formers(unit)
    try:
        control(unit["name"], verbs, seconds)
        if {"start", "restart"} & set(verbs) or (untried and shall_run(unit)):
            wait_active(unit["name"], unit["health"], seconds)
    except HostError as error:
        if not untried:
            raise
        raise undone(unit, untried, error, seconds) from error
    for path in untried:
        unlink(path + FORMER)


def control(name: str, verbs: list[str], seconds: int) -> None:
    """systemctl, verb by verb.

    systemd gives a unit up that is started too often in a short time, as when several roles restart a runtime: it
    counts from nought before each start of ours.
    """
    for verb in verbs:
        if verb in {"start", "restart"}:
            run(["systemctl", "reset-failed", name])
        done = run(["systemctl", verb, name], timeout=seconds + 30)
        if done.returncode:
            raise HostError(f"systemctl {verb} {name}: {tail(done.stderr, 1)}", why=journal(name))


def formers(unit: dict[str, Any]) -> list[str]:
    """Its files whose new content nothing has proved to be good."""
    return [path for path in unit["watch"] if os.path.exists(path + FORMER)]


def undone(unit: dict[str, Any], paths: list[str], error: HostError, seconds: int) -> HostError:
    """Put the former files back and start the unit with them; the error that says so."""
    for path in paths:
        replace(path + FORMER, path)
    what = f"{unit['name']} does not work with the new {', '.join(paths)}"
    try:
        control(unit["name"], ["restart"], seconds)
        wait_active(unit["name"], unit["health"], seconds)
    except HostError as second:
        return HostError(f"{what}, nor with what it held before, which is back: {second}", why=error.why)
    return HostError(f"{what}; what it held before is back and in force", why=error.why)


def wait_active(name: str, health: str | None, seconds: int) -> None:
    """Until it runs, and serves where it says so."""
    deadline = time.monotonic() + seconds
    while True:
        state = show(name)
        if state["ActiveState"] == "active" and serves(health):
            return
        if int(state.get("NRestarts") or 0) >= CRASHES:
            raise HostError(f"{name} ends again and again", why=journal(name))
        if time.monotonic() > deadline:
            text = f"{name} is {state['ActiveState']} and not healthy after {seconds} s"
            raise HostError(text, why=journal(name))
        time.sleep(0.2)


#: Without the proxy that a login's environment may name: what is asked runs on this host.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def serves(url: str | None) -> bool:
    """Whether a URL answers 200; none asked for is fine."""
    if not url:
        return True
    try:
        with _DIRECT.open(url, timeout=5) as response:
            return bool(response.status == 200)
    except (OSError, http.client.HTTPException):
        return False


def journal(name: str) -> str:
    """A unit's last words."""
    return tail(run(["journalctl", "--unit", name, "--lines", "20", "--no-pager", "--output", "cat"]).stdout)


def wait_ready(places: list[dict[str, Any]], seconds: int, names: list[str]) -> None:
    """Until every URL answers."""
    for place in places:
        registry = Registry(place["url"], ca=place.get("ca") or "", address=place.get("address") or "")
        try:
            registry.wait(seconds)
        except HostError as error:
            words = "\n".join(journal(name) for name in names)
            raise HostError(str(error), why=words) from error


UNIT = {
    "name": {"type": "str", "required": True},
    "enabled": {"type": "bool", "default": True},
    "state": {"type": "str", "choices": ["started", "stopped"], "default": "started"},
    "only_if": {"type": "path"},
    "health": {"type": "str"},
    "proof": {"type": "list", "elements": "str", "default": []},
    "restart": {"type": "bool", "default": False},
    "watch": {"type": "list", "elements": "path", "default": []},
}


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "units": {"type": "list", "elements": "dict", "required": True, "options": UNIT},
            "manager_watch": {"type": "list", "elements": "path", "default": []},
            "ready": {"type": "list", "elements": "dict", "default": []},
            "seconds": {"type": "int", "default": 60},
        },
        supports_check_mode=True,
    )
    p = module.params
    results: dict[str, list[str]] = {}
    try:
        states = {unit["name"]: show(unit["name"]) for unit in p["units"]}
        if manager_outdated(p["manager_watch"]):
            results["systemd"] = ["daemon-reload"]
        reload = "systemd" in results or any(
            state["NeedDaemonReload"] == "yes" or state["LoadState"] not in READ for state in states.values()
        )
        if reload and not module.check_mode:
            must(["systemctl", "daemon-reload"])
        for unit in p["units"]:
            state = show(unit["name"]) if reload else states[unit["name"]]
            verbs = decide(unit, state)
            results[unit["name"]] = verbs
            if (verbs or formers(unit)) and not module.check_mode:
                carry_out(unit, verbs, p["seconds"])
        if not module.check_mode:
            wait_ready(p["ready"], p["seconds"], list(results))
    except (HostError, OSError) as error:
        fail(module, error, units=results)
    lines = [f"{name}: {', '.join(verbs)}\n" for name, verbs in results.items() if verbs]
    diff = {"before": "", "after": "".join(lines)}
    module.exit_json(changed=bool(lines), units=results, made=made(p["units"]), diff=diff)


def made(units: list[dict[str, Any]]) -> list[Thing]:
    """For the record; what a proof shows is the packet filter's table."""
    enabled = [unit for unit in units if unit["enabled"]]
    rules = (unit["name"] for unit in enabled if unit["proof"])
    return [*things("unit", *(unit["name"] for unit in enabled)), *things("rules", *rules)]


if __name__ == "__main__":
    main()
