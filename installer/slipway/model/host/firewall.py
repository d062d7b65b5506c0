"""Which packets a host takes in."""

from typing import Annotated, Final, Literal

from pydantic import Field

from slipway.model.fields import LIVE, Model, Range

#: PORT/PROTOCOL, or FIRST-LAST/PROTOCOL.
OPEN_PORT: Final = r"^[1-9][0-9]{0,4}(?:-[1-9][0-9]{0,4})?/(?:tcp|udp)$"
#: More than these are no list that somebody has thought about.
MAX_OPEN_PORTS: Final = 64

OpenPort = Annotated[str, Field(max_length=15, pattern=OPEN_PORT)]


class Firewall(Model):
    """What a host lets in. Packets that it forwards, as those of pods and Services, are never filtered here."""

    mode: Literal["keep", "off", "ports"] = Field(default="keep", json_schema_extra=LIVE)
    """`keep`: what runs there stays; `off`: firewalld and ufw are stopped; `ports`: they are, and only the ports that
    the host's roles need are open, and those named here."""
    open_ports: tuple[OpenPort, ...] = Field(default=(), max_length=MAX_OPEN_PORTS, json_schema_extra=LIVE)
    """Further ports, as 9100/tcp or 30000-30100/udp."""
    sources: tuple[Range, ...] = Field(default=(), max_length=MAX_OPEN_PORTS, json_schema_extra=LIVE)
    """Ranges from which ports are open, SSH too; empty: from everywhere."""
