"""node_system: time, limits, journal and logs of a host that sets any of them."""

from typing import Any

from slipway.model.configuration import Configuration
from slipway.model.host.items import Host
from slipway.planning.roles.base import SETTINGS, Given, Role


def _settings(host: Host) -> dict[str, Any]:
    """What is set; what is not set is not there."""
    settings = host.settings
    return {
        "time_servers": list(settings.time.servers),
        "limits": settings.limits.model_dump(exclude_none=True),
        "journald": settings.journald.model_dump(exclude_none=True),
        "log_rotation": settings.log_rotation.model_dump(exclude_none=True)
        if settings.log_rotation.paths
        else {},
    }


def _wanted(_configuration: Configuration, host: Host) -> bool:
    return any(_settings(host).values())


def _variables(given: Given) -> dict[str, Any]:
    """Packages count only where chrony comes from them: another bundle is no reason to look at limits again."""
    wanted = _settings(given.host)
    return {**wanted, "repositories": given.repositories() if wanted["time_servers"] else {}}


def _packages(_configuration: Configuration, host: Host) -> tuple[str, ...]:
    return ("logrotate",) if host.settings.log_rotation.paths else ()


ROLE = Role(
    name="node_system",
    wanted=_wanted,
    variables=_variables,
    optional=True,
    packages=_packages,
    fields={
        "time_servers": f"{SETTINGS}.time",
        "limits": f"{SETTINGS}.limits",
        "journald": f"{SETTINGS}.journald",
        "log_rotation": f"{SETTINGS}.logRotation",
        "repositories": "bundle: packages",
    },
)
