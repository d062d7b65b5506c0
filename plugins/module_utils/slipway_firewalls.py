"""Firewalls of others: which of them run, stopped and given back. Used by slipway_firewall and slipway_reset."""

from __future__ import annotations

import os

from ansible.module_utils.slipway_error import HostError
from ansible.module_utils.slipway_host import STATE_DIR, read_json, run, tail, write_json
from ansible.module_utils.slipway_paths import unlink

UNITS = ("firewalld.service", "ufw.service")
#: Those that were stopped.
MEMORY = f"{STATE_DIR}/firewall.json"


def running() -> list[str]:
    """Those that run, or will at the next boot."""
    return [
        unit
        for unit in UNITS
        if _says("is-active", unit) == "active" or _says("is-enabled", unit) == "enabled"
    ]


def stopped() -> list[str]:
    """Those that were stopped for us."""
    return list(read_json(MEMORY).get("units", []))


def stop(units: list[str]) -> None:
    """Stop them, now and at boot; written down first, so that a killed run can still give them back."""
    write_json(MEMORY, {"format": 1, "units": sorted({*stopped(), *units})})
    for unit in units:
        _do("disable", unit)


def give_back() -> None:
    """Let those that were stopped run again; one that was uninstalled meanwhile is nobody's."""
    for unit in stopped():
        if _says("is-enabled", unit):
            _do("enable", unit)
    if os.path.lexists(MEMORY):
        unlink(MEMORY)


def _says(question: str, unit: str) -> str:
    return run(["systemctl", question, unit]).stdout.strip()


def _do(verb: str, unit: str) -> None:
    done = run(["systemctl", verb, "--now", unit])
    if done.returncode:
        raise HostError(f"systemctl {verb} --now {unit} failed", why=tail(done.stderr))
