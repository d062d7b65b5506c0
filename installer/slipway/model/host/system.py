"""A host's resolver, names, clock, limits and journal."""

from typing import Annotated, Literal

from pydantic import Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from slipway.model.fields import LIVE, AliasName, DNSName, Model, NearAddress, Server

DISK_SIZE = r"^[1-9][0-9]{0,5}[MGT]$"
UNLIMITED = r"^unlimited$"
LOG_SIZE = r"^[1-9][0-9]{0,5}[kMG]$"
#: As logrotate reads it: `*` and `?` stand for what they do in a shell.
LOG_PATH = r"^/[A-Za-z0-9_@%+*?.-]+(?:/[A-Za-z0-9_@%+*?.-]+)+$"
RETENTION = r"^[1-9][0-9]{0,4}[hdw]$"


#: What the kernel allows any process without being told otherwise (fs.nr_open): more, and no login and no unit starts.
MAX_OPEN_FILES = 1 << 20
#: Ids that the kernel can tell apart (PID_MAX_LIMIT).
MAX_PROCESSES = 1 << 22
MIN_LOCKED, MAX_LOCKED = 64, 1 << 40


def _locked_memory(value: object) -> object:
    """One answer for what is either a word or a number; a union of two types would give two."""
    number = isinstance(value, int) and not isinstance(value, bool) and MIN_LOCKED <= value <= MAX_LOCKED
    if number or value in (None, "unlimited"):
        return value
    raise PydanticCustomError("locked_memory", "unlimited, or a whole number of KiB from 64 on")


LockedMemory = Annotated[
    int | Literal["unlimited"] | None,
    PlainValidator(_locked_memory),
    WithJsonSchema(
        {
            "x-kubernetes-int-or-string": True,
            "pattern": UNLIMITED,
            "minimum": MIN_LOCKED,
            "maximum": MAX_LOCKED,
        }
    ),
]


class DNS(Model):
    """Resolver of a host; pods on the host network inherit it."""

    servers: tuple[NearAddress, ...] = Field(default=(), json_schema_extra=LIVE)
    """Name servers; empty: the host's own, also those that it had before some were set here."""
    search: tuple[DNSName, ...] = Field(default=(), json_schema_extra=LIVE)
    """Search domains, also at the host's own name servers; empty, without servers: its own."""


class HostsEntry(Model):
    """One line of /etc/hosts."""

    address: NearAddress
    """Address."""
    names: tuple[AliasName, ...] = Field(min_length=1)
    """Names that mean it."""


class Time(Model):
    """The clock of a host."""

    servers: tuple[Server, ...] = Field(default=(), max_length=16, json_schema_extra=LIVE)
    """Time servers, which chrony asks and no others; empty: the host keeps its time as it did."""


class Limits(Model):
    """Resources of every login and of every service that sets none itself; unset: the host's own."""

    nofile: int | None = Field(default=None, ge=1024, le=MAX_OPEN_FILES, json_schema_extra=LIVE)
    """Open files of a process. Services take it at their next start, as all of these."""
    nproc: int | None = Field(default=None, ge=1024, le=MAX_PROCESSES, json_schema_extra=LIVE)
    """Processes and threads of a user; root is free of it."""
    memlock: LockedMemory = Field(default=None, json_schema_extra=LIVE)
    """Memory that a process may lock: KiB, or `unlimited`, as RDMA wants it."""


class Journald(Model):
    """The journal of a host; unset: the host's own setting."""

    max_use: str | None = Field(default=None, max_length=7, pattern=DISK_SIZE, json_schema_extra=LIVE)
    """Space that it takes at most, as 2G."""
    max_retention: str | None = Field(default=None, max_length=6, pattern=RETENTION, json_schema_extra=LIVE)
    """Age at which entries go, as 14d."""
    persistent: bool | None = Field(default=None, json_schema_extra=LIVE)
    """Whether it is kept on disk, or in memory until the next boot."""


LogPath = Annotated[str, Field(max_length=256, pattern=LOG_PATH)]


class LogRotation(Model):
    """Logs that nobody else rotates, as those of schedulers and of people's own services."""

    paths: tuple[LogPath, ...] = Field(default=(), max_length=32, json_schema_extra=LIVE)
    """Files, as /var/log/slurm/*.log; their programs go on writing to the same file. The kubelet rotates pods' logs."""
    max_size: str | None = Field(default=None, max_length=7, pattern=LOG_SIZE, json_schema_extra=LIVE)
    """Size from which a file is rotated before its day is over, as 100M."""
    keep: int = Field(default=7, ge=0, le=1000, json_schema_extra=LIVE)
    """Rotated files that stay, compressed."""
