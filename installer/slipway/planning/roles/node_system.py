"""node_system: time, limits and journal of a host that sets any of them."""

from typing import Any

from slipway.model.configuration import Configuration
from slipway.model.host.items import Host
from slipway.planning.roles.base import SETTINGS, Role, Scope


def _settings(host: Host) -> dict[str, Any]:
    """What is set; what is not set is not there."""
    settings = host.settings
    return {
        "time_servers": list(settings.time.servers),
        "limits": settings.limits.model_dump(exclude_none=True),
        "journald": settings.journald.model_dump(exclude_none=True),
    }


def _wanted(_configuration: Configuration, host: Host) -> bool:
    return any(_settings(host).values())


def _variables(scope: Scope) -> dict[str, Any]:
    """Packages count only where chrony comes from them: another bundle is no reason to look at limits again."""
    wanted = _settings(scope.host)
    return {**wanted, "repositories": scope.repositories() if wanted["time_servers"] else {}}


ROLE = Role(
    name="node_system",
    wanted=_wanted,
    variables=_variables,
    optional=True,
    fields={
        "time_servers": f"{SETTINGS}.time",
        "limits": f"{SETTINGS}.limits",
        "journald": f"{SETTINGS}.journald",
        "repositories": "bundle: packages",
    },
)
