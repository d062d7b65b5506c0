"""Networks of a site: which ranges there are, and where each host is on them.

A host's `address` is the one on the management network: SSH, the Kubernetes API and etcd. Addresses on the others are
written down, not looked for, so that a plan from records alone, without any host, is the same plan.
"""

from typing import Annotated, Final

from pydantic import Field

from slipway.model.fields import IMMUTABLE, LIVE, ROLLING, Address, Model, Range

#: As the kernel names a network interface (15 characters, no / and no blank), or a hardware address.
LINK: Final = r"^(?:[0-9a-f]{2}(?::[0-9a-f]{2}){5}|[A-Za-z0-9_][A-Za-z0-9_.-]{0,14})$"

#: More than these come from a routing daemon.
MAX_ROUTES: Final = 64

LinkName = Annotated[str, Field(max_length=17, pattern=LINK)]


class HostNetwork(Model):
    """One network of the site."""

    cidr: Range = Field(json_schema_extra=LIVE)
    """Its range; every address of a host on it lies there."""


class HostNetworks(Model):
    """Networks of the site. What is not named goes over the management network, as all does where none is."""

    management: HostNetwork | None = Field(default=None, json_schema_extra=LIVE)
    """SSH, the Kubernetes API and etcd: the range of `items[].address`."""
    business: HostNetwork | None = Field(default=None, json_schema_extra=LIVE)
    """Nodes and pods among themselves: the nodes' own addresses, and flannel. Every host is on it, or there is none."""
    storage: HostNetwork | None = Field(default=None, json_schema_extra=LIVE)
    """Pulls from the site registry; servers of mounts are reached over it where their address lies in it."""


class Addresses(Model):
    """A host's addresses on further networks."""

    business: Address | None = Field(default=None, json_schema_extra=IMMUTABLE)
    """On the business network: the node's address."""
    storage: Address | None = Field(default=None, json_schema_extra=ROLLING)
    """On the storage network. A host without it pulls over the management network."""


class Links(Model):
    """Network interfaces that a host's addresses have to be on, by name or by hardware address; unset: any."""

    management: LinkName | None = Field(default=None, json_schema_extra=LIVE)
    """Of its address."""
    business: LinkName | None = Field(default=None, json_schema_extra=LIVE)
    """Of its business address."""
    storage: LinkName | None = Field(default=None, json_schema_extra=LIVE)
    """Of its storage address."""


class Route(Model):
    """A way to a range that is not behind the default route."""

    to: Range = Field(json_schema_extra=LIVE)
    """The range, by its first address."""
    via: Address = Field(json_schema_extra=LIVE)
    """The gateway, on a network that the host has a link to."""
