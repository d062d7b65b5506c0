"""spec.hosts: the servers, as given and as resolved."""

from typing import Literal

from pydantic import Field

from slipway.model.fields import IMMUTABLE, LIVE, MAX_GROUPS, MAX_HOSTS, Address, Model, Name
from slipway.model.host.settings import HostSettings
from slipway.model.host.ssh import SSH

Role = Literal["control-plane", "worker"]


class HostItem(Model):
    """One server."""

    name: Name = Field(json_schema_extra=IMMUTABLE)
    """Host name and node name."""
    address: Address = Field(json_schema_extra=IMMUTABLE)
    """Address for SSH and for the node."""
    roles: tuple[Role, ...] = Field(min_length=1, max_length=2, json_schema_extra=IMMUTABLE)
    """What it does; a control plane that is also a worker carries no taint."""
    groups: tuple[Name, ...] = Field(default=(), max_length=16, json_schema_extra=LIVE)
    """Groups whose settings it takes, later ones over earlier ones."""
    settings: HostSettings = Field(default_factory=HostSettings)
    """Its own settings, over those of its groups."""


class Hosts(Model):
    """All servers."""

    ssh: SSH = Field(default_factory=SSH)
    """How they are reached."""
    defaults: HostSettings = Field(default_factory=HostSettings)
    """Settings of every host."""
    groups: dict[Name, HostSettings] = Field(default_factory=dict, max_length=MAX_GROUPS)
    """Settings of hosts that name the group."""
    items: tuple[HostItem, ...] = Field(min_length=1, max_length=MAX_HOSTS, json_schema_extra=LIVE)
    """The servers."""


class Host(Model):
    """A server with all its settings resolved (defaults <- groups <- host)."""

    name: str
    address: str
    roles: tuple[Role, ...]
    groups: tuple[str, ...] = ()
    settings: HostSettings

    @property
    def control_plane(self) -> bool:
        """Whether it runs the Kubernetes API."""
        return "control-plane" in self.roles
