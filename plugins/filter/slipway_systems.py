"""What roles must know of a host's system: its name in the bundle, and what packages are called there."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from slipway import yamltext
from slipway.model.systems import called, system_of

TABLE = Path(__file__).resolve().parents[2] / "offline" / "packages.yaml"


@cache
def _systems() -> dict[str, dict[str, Any]]:
    """offline/packages.yaml by name of the system."""
    return {entry["name"]: entry for entry in yamltext.load(TABLE.read_bytes())["systems"]}


def slipway_system(repositories: dict[str, Any], probed: dict[str, str], found: dict[str, Any]) -> str:
    """The host's system, among those that the bundle has packages for: by the probe, or else by Ansible's facts."""
    if probed.get("os_id"):
        return system_of(probed["os_id"], probed["os_version"], repositories)
    return system_of(found["distribution"], found["distribution_version"], repositories)


def slipway_packages(names: list[str], system: str) -> list[str]:
    """Packages by the names of the system; the lists of roles have Debian's."""
    return called(names, _systems().get(system, {}).get("names", {}))


def slipway_package_format(system: str) -> str:
    """apt or dnf."""
    return str(_systems().get(system, {}).get("format", "apt"))


class FilterModule:
    """For Ansible."""

    def filters(self) -> dict[str, Any]:
        """By name."""
        return {
            "slipway_package_format": slipway_package_format,
            "slipway_packages": slipway_packages,
            "slipway_system": slipway_system,
        }
