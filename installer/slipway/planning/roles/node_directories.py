"""node_directories: directories that pods or people use, with owner and permissions."""

from typing import Any

from slipway.model.configuration import Configuration
from slipway.model.host.items import Host
from slipway.planning.roles.base import SETTINGS, Given, Role


def _wanted(_configuration: Configuration, host: Host) -> bool:
    return bool(host.settings.directories)


def _variables(given: Given) -> dict[str, Any]:
    listed = given.host.settings.directories
    return {"list": [directory.model_dump(exclude_none=True) for directory in listed]}


ROLE = Role(
    name="node_directories",
    wanted=_wanted,
    variables=_variables,
    optional=True,
    fields={"list": f"{SETTINGS}.directories"},
)
