"""What all fields are made of: effects, patterns, and the base of every class.

Each field carries how a change of it takes effect:

* live: applied at once, nothing restarts that serves users;
* rolling: applied host by host behind a health gate;
* immutable: refused on a live cluster, with the way out.

Each field whose text may name an address carries where that has to lie (`Lies`): `api.addresses` finds fields by it, so
that a new one is judged like all others.
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


class Lies(StrEnum):
    """Where the addresses in a field's text have to lie."""

    MACHINE = "machine"
    """Those of machines: outside of the ranges of pods and Services."""
    NEAR = "near"
    """The same, or the host itself (127.0.0.0/8, 0.0.0.0)."""
    SERVICE = "service"
    """In the range of Services."""


LIVE: dict[str, Any] = {"x-slipway-effect": Effect.LIVE}
ROLLING: dict[str, Any] = {"x-slipway-effect": Effect.ROLLING}
IMMUTABLE: dict[str, Any] = {"x-slipway-effect": Effect.IMMUTABLE}

DNS_LABEL = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
#: The last label begins with a letter: what looks like an address and is none is no name either.
_NAME = r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?"
DNS_NAME = rf"^{_NAME}$"
#: A host's: labels may begin with digits, as names of machines do.
HOST_NAME = rf"^{_LABEL}(?:\.{_LABEL})*$"
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
IPV4 = rf"^(?:{_OCTET}\.){{3}}{_OCTET}$"
#: The first number of an address that one machine can have among others: no 0, no 127, none from 224 on.
_FIRST = r"(?:22[0-3]|2[01][0-9]|1(?:[013-9][0-9]|2[0-689])|[1-9][0-9]?)"
_MACHINE = rf"{_FIRST}(?:\.{_OCTET}){{3}}"
MACHINE4 = rf"^{_MACHINE}$"
CIDR4 = rf"^(?:{_OCTET}\.){{3}}{_OCTET}/(?:3[0-2]|[12]?[0-9])$"
PORT_RANGE = r"^[0-9]{1,5}-[0-9]{1,5}$"
SERVER = rf"^(?:{_MACHINE}|{_NAME})$"
#: A server by its URL, without path, user and password.
SERVER_URL = rf"^https?://(?:(?:{_OCTET}\.){{3}}{_OCTET}|{_NAME})(?::[0-9]{{1,5}})?$"

LABEL_KEY = rf"^(?:(?:{_LABEL}\.)*{_LABEL}/)?[A-Za-z0-9](?:[A-Za-z0-9._-]{{0,61}}[A-Za-z0-9])?$"
LABEL_VALUE = r"^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$"

# Bounds of length keep the API server's cost estimate of our CEL rules within its budget.
Name = Annotated[str, Field(max_length=63, pattern=DNS_LABEL)]
DNSName = Annotated[str, Field(max_length=253, pattern=DNS_NAME)]
#: Linux takes 64, a label of the Node 63.
HostName = Annotated[str, Field(max_length=63, pattern=HOST_NAME)]
AliasName = Annotated[str, Field(max_length=253, pattern=HOST_NAME)]
Address = Annotated[str, Field(max_length=15, pattern=MACHINE4), Lies.MACHINE]
NearAddress = Annotated[str, Field(max_length=15, pattern=IPV4), Lies.NEAR]
ServiceAddress = Annotated[str, Field(max_length=15, pattern=IPV4), Lies.SERVICE]
Server = Annotated[str, Field(max_length=253, pattern=SERVER), Lies.MACHINE]
ServerURL = Annotated[str, Field(max_length=512, pattern=SERVER_URL), Lies.NEAR]
Range = Annotated[str, Field(max_length=18, pattern=CIDR4)]
#: 253 of a domain, a slash, 63 of the name.
LabelKey = Annotated[str, Field(max_length=317, pattern=LABEL_KEY)]
LabelValue = Annotated[str, Field(max_length=63, pattern=LABEL_VALUE)]
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
