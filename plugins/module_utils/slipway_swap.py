"""Swap of a host: every way in which it comes back is put out of force, and given back.

Ways are lines of fstab; swap units, as zram-generator, gpt-auto or an administrator make them; services that make swap
by themselves; and swapon by hand. What was changed is remembered, each by its name. Used by slipway_kernel and
slipway_reset.

Runs on the target with Python >= 3.9 and the standard library only.
"""

from __future__ import annotations

import os
from typing import Any

from ansible.module_utils.slipway_before import forget, remember, remembered
from ansible.module_utils.slipway_host import must, read_text, run
from ansible.module_utils.slipway_paths import make_directory, rmdir, unlink, write_atomic
from ansible.module_utils.slipway_things import Thing, things

FSTAB = "/etc/fstab"
#: Stands before a line of fstab that was taken out of force.
MARK = "# slipway: "
#: Of zram-tools, Ubuntu, swapspace, dphys-swapfile and systemd-swap.
SERVICES = (
    "zramswap.service",
    "zram-config.service",
    "swapspace.service",
    "dphys-swapfile.service",
    "systemd-swap.service",
)
UNITS = "/etc/systemd/system"
#: Keeps a unit from starting that cannot be masked: its file is where the mask would be.
HOLD = "# Written by Slipway.\n[Unit]\nConditionPathExists=/nonexistent\n"
#: What is remembered: unit, service or device -> how it was.
MEMORIES = ("swap_units", "swap_services", "swap_devices")
_SHOWN = ("Id", "LoadState", "ActiveState", "FragmentPath", "SourcePath")
_ACTIVE = {"active", "activating"}


def off(check: bool) -> list[str]:
    """No swap, now and after a boot; what had to be done."""
    lines = [FSTAB] if without_lines() != (read_text(FSTAB) or "") else []
    units, services, devices = _units(), _services(), _devices()
    if not check:
        _remember(units, services, devices)
        if lines:
            write_atomic(FSTAB, without_lines())
        for name, unit in units.items():
            _hold(name, unit)
        if lines or units:
            must(["systemctl", "daemon-reload"])
        for name in services:
            must(["systemctl", "disable", "--now", name], timeout=300)
        if _devices():
            must(["swapoff", "--all"], timeout=600)
    return [*lines, *units, *services, *devices]


def held() -> list[Thing]:
    """What keeps swap away, for the record: fstab without such lines, holds and masks of units, stopped services."""
    units = remembered("swap_units")
    services = (name for name, state in remembered("swap_services").items() if any(state.values()))
    return [
        *things("swap", *([FSTAB] if os.path.exists(FSTAB) else [])),
        *things("file", *(_drop_in(name) for name, unit in units.items() if unit.get("held"))),
        *things("link", *(f"{UNITS}/{name}" for name, unit in units.items() if not unit.get("held"))),
        *things("stopped", *services),
    ]


def given_back(check: bool) -> list[str]:
    """What was there before; what had to be done for it."""
    lines = [FSTAB] if MARK in (read_text(FSTAB) or "") else []
    memory = {kind: remembered(kind) for kind in MEMORIES}
    masked = remembered("swap").get("units", [])  # as earlier releases wrote it down
    changed = [*lines, *masked, *(name for names in memory.values() for name in names)]
    if changed and not check:
        if lines:
            write_atomic(FSTAB, with_lines())
        for name, unit in {**{name: {} for name in masked}, **memory["swap_units"]}.items():
            _release(name, held=unit.get("held", False))
        must(["systemctl", "daemon-reload"])
        _start(memory)
        for kind in ("swap", *MEMORIES):
            forget(kind, *remembered(kind))
    return changed


def without_lines() -> str:
    """fstab with its swap lines commented out."""
    text = read_text(FSTAB) or ""
    lines = [f"{MARK}{line}" if _is_swap(line) else line for line in text.splitlines()]
    return "\n".join(lines) + "\n" if lines else text


def with_lines() -> str:
    """fstab with those lines in force again."""
    lines = (line.removeprefix(MARK) for line in (read_text(FSTAB) or "").splitlines())
    return "\n".join(lines) + "\n"


def _is_swap(line: str) -> bool:
    fields = line.split()
    return len(fields) > 2 and not fields[0].startswith("#") and fields[2] == "swap"


def _units() -> dict[str, dict[str, str]]:
    """Swap units that would start again and nothing holds; those of fstab go with its lines."""
    listed = run(["systemctl", "list-units", "--type=swap", "--all", "--plain", "--no-legend"]).stdout
    files = run(["systemctl", "list-unit-files", "--type=swap", "--state=enabled", "--no-legend"]).stdout
    names = sorted({line.split()[0] for line in (listed + files).splitlines() if line.split()})
    shown = (
        must(["systemctl", "show", *(f"--property={key}" for key in _SHOWN), "--", *names]) if names else ""
    )
    blocks = (block.splitlines() for block in shown.split("\n\n"))
    found = [dict(line.split("=", 1) for line in block if "=" in line) for block in blocks]
    return {unit["Id"]: unit for unit in found if _comes_back(unit)}


def _comes_back(unit: dict[str, str]) -> bool:
    """One without a file is what systemd made of /proc/swaps: it goes with its swap."""
    mine = unit.get("LoadState") == "loaded" and bool(unit.get("FragmentPath"))
    return mine and unit.get("SourcePath") != FSTAB and not os.path.exists(_drop_in(unit["Id"]))


def _drop_in(name: str) -> str:
    return f"{UNITS}/{name}.d/60-slipway.conf"


def _own_file(name: str, unit: dict[str, str]) -> bool:
    return unit["FragmentPath"] == f"{UNITS}/{name}"


def _hold(name: str, unit: dict[str, str]) -> None:
    if _own_file(name, unit):
        make_directory(os.path.dirname(_drop_in(name)))
        write_atomic(_drop_in(name), HOLD)
    else:
        must(["systemctl", "mask", "--", name])


def _release(name: str, *, held: bool) -> None:
    if not held:
        must(["systemctl", "unmask", "--", name])
    elif os.path.exists(_drop_in(name)):
        unlink(_drop_in(name))
        if not os.listdir(os.path.dirname(_drop_in(name))):
            rmdir(os.path.dirname(_drop_in(name)))


def _services() -> dict[str, dict[str, bool]]:
    """Those that run or will at the next boot, and which of both."""
    states = {
        name: {
            "enabled": _says("is-enabled", name) == "enabled",
            "active": _says("is-active", name) in _ACTIVE,
        }
        for name in SERVICES
    }
    return {name: state for name, state in states.items() if any(state.values())}


def _says(question: str, name: str) -> str:
    return run(["systemctl", question, name]).stdout.strip()


def _devices() -> dict[str, str]:
    """What is swapped to -> its priority."""
    lines = (line.split() for line in (read_text("/proc/swaps") or "").splitlines()[1:])
    return {words[0]: words[-1] for words in lines}


def _remember(
    units: dict[str, dict[str, Any]], services: dict[str, dict[str, Any]], devices: dict[str, str]
) -> None:
    """Before the first change, so that a killed run can still be undone."""
    known = {
        name: {"held": _own_file(name, unit), "active": unit["ActiveState"] in _ACTIVE}
        for name, unit in units.items()
    }
    memories: tuple[dict[str, Any], ...] = (known, services, devices)
    for kind, found in zip(MEMORIES, memories):
        if found:
            remember(kind, found)


def _start(memory: dict[str, dict[str, Any]]) -> None:
    """All that ran; what does not start any more is no reason to stop here, as a device may be gone."""
    for name, unit in memory["swap_units"].items():
        if unit["active"]:
            run(["systemctl", "start", "--", name], timeout=120)
    for name, state in memory["swap_services"].items():
        for verb, wanted in (("enable", state["enabled"]), ("start", state["active"])):
            run(["systemctl", verb, name], timeout=120) if wanted else None
    run(["swapon", "--all"], timeout=120)
    for path, priority in memory["swap_devices"].items():
        if path not in _devices():
            numbered = [] if priority.startswith("-") else ["--priority", priority]
            run(["swapon", *numbered, path], timeout=120)
