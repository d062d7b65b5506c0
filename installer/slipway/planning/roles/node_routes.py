"""node_routes: ways of a host to ranges that are not behind its default route."""

from typing import Any

from slipway.model.configuration import Configuration
from slipway.model.host.items import Host
from slipway.planning.roles.base import SETTINGS, Given, Role

NAME = "node_routes"


def _wanted(_configuration: Configuration, host: Host) -> bool:
    return bool(host.settings.routes)


def _variables(given: Given) -> dict[str, Any]:
    return {"list": [route.model_dump() for route in given.host.settings.routes]}


ROLE = Role(
    name=NAME, wanted=_wanted, variables=_variables, optional=True, fields={"list": f"{SETTINGS}.routes"}
)
