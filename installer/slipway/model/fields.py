"""What all fields are made of: effects, patterns, and the base of every class.

Each field carries how a change of it takes effect:

* live: applied at once, nothing restarts that serves users;
* rolling: applied host by host behind a health gate;
* immutable: refused on a live cluster, with the way out.
"""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class Effect(StrEnum):
    """How an edit of a field reaches a live cluster."""

    LIVE = "live"
    ROLLING = "rolling"
    IMMUTABLE = "immutable"


LIVE: dict[str, Any] = {"x-slipway-effect": Effect.LIVE}
ROLLING: dict[str, Any] = {"x-slipway-effect": Effect.ROLLING}
IMMUTABLE: dict[str, Any] = {"x-slipway-effect": Effect.IMMUTABLE}

DNS_LABEL = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
DNS_NAME = r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$"
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
IPV4 = rf"^(?:{_OCTET}\.){{3}}{_OCTET}$"
CIDR4 = rf"^(?:{_OCTET}\.){{3}}{_OCTET}/(?:3[0-2]|[12]?[0-9])$"
PORT_RANGE = r"^[0-9]{1,5}-[0-9]{1,5}$"
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
#: The last label begins with a letter: what looks like an address and is none is no name either.
SERVER = rf"^(?:(?:{_OCTET}\.){{3}}{_OCTET}|(?:{_LABEL}\.)*[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?)$"

# Bounds of length keep the API server's cost estimate of our CEL rules within its budget.
Name = Annotated[str, Field(max_length=63, pattern=DNS_LABEL)]
DNSName = Annotated[str, Field(max_length=253, pattern=DNS_NAME)]
Address = Annotated[str, Field(max_length=15, pattern=IPV4)]
Server = Annotated[str, Field(max_length=253, pattern=SERVER)]
Range = Annotated[str, Field(max_length=18, pattern=CIDR4)]
Port = Annotated[int, Field(ge=1, le=65535)]
AbsolutePath = Annotated[str, Field(max_length=1024, pattern=r"^/[^\s]*$")]

#: Servers of one cluster; CEL's cost budget and the size of an object in etcd leave room for no more.
MAX_HOSTS = 1000
MAX_GROUPS = 64
MAX_MODULES = 256


class Model(BaseModel):
    """Closed, immutable, camelCase outside and snake_case inside."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        alias_generator=to_camel,
        populate_by_name=True,
        use_attribute_docstrings=True,
    )


class SecretRef(Model):
    """Points at a secret: file `secrets/NAME/KEY`, or a Secret in slipway-system once there is a cluster."""

    name: Name
    """Name of the Secret (or directory)."""
    key: str = Field(max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")
    """Key inside it (or file)."""
