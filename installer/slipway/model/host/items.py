"""spec.hosts: the servers, as given and as resolved."""

from typing import Literal

from pydantic import Field

from slipway.model.fields import IMMUTABLE, LIVE, MAX_GROUPS, MAX_HOSTS, Address, HostName, Model, Name
from slipway.model.host.networks import Addresses, HostNetworks, Links
from slipway.model.host.settings import HostSettings
from slipway.model.host.ssh import SSH
from slipway.model.platforms import BY_ARCHITECTURE, Platform

#: Hosts' groups of a run and of the inventory, by the name that a host could have too, and Ansible's own words.
WORKERS, REGISTRY_GROUP = "workers", "registry"
RESERVED_NAMES = frozenset({"all", "ungrouped", "localhost", WORKERS, REGISTRY_GROUP})

Role = Literal["control-plane", "worker"]


class HostItem(Model):
    """One server."""

    name: HostName = Field(json_schema_extra=IMMUTABLE)
    """Host name and node name; a full one, as gpu-01.example.org, where the site has such."""
    address: Address = Field(json_schema_extra=IMMUTABLE)
    """Address for SSH and the Kubernetes API, and for the node where it has no business address."""
    addresses: Addresses = Field(default_factory=Addresses)
    """Its addresses on further networks."""
    links: Links = Field(default_factory=Links)
    """Where its addresses have to be; preflight looks."""
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
    networks: HostNetworks = Field(default_factory=HostNetworks)
    """Networks that they are on."""
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
    addresses: Addresses = Field(default_factory=Addresses)
    links: Links = Field(default_factory=Links)
    settings: HostSettings

    @property
    def platform(self) -> Platform:
        """What its programs, packages and images are for."""
        return BY_ARCHITECTURE[self.settings.architecture]

    @property
    def control_plane(self) -> bool:
        """Whether it runs the Kubernetes API."""
        return "control-plane" in self.roles

    @property
    def node_address(self) -> str:
        """Where other nodes and their pods reach it."""
        return self.addresses.business or self.address

    def address_for(self, other: "Host") -> str:
        """Where another host reaches what this one stores: over the storage network when both are on it."""
        storage = self.addresses.storage
        return storage if storage and other.addresses.storage else self.address

    @property
    def all_addresses(self) -> tuple[str, ...]:
        """Its addresses on all networks."""
        found = (self.address, self.addresses.business, self.addresses.storage)
        return tuple(address for address in found if address)

    @property
    def served_at(self) -> tuple[str, ...]:
        """All addresses at which others reach what this one stores."""
        return (self.address, self.addresses.storage) if self.addresses.storage else (self.address,)


def stranger(name: str, address: str) -> Host:
    """A host that no item describes any more: a name, and where it is reached."""
    return Host(name=name, address=address, roles=("worker",), settings=HostSettings())
