"""Directories of a host that pods or people use."""

from typing import Annotated, Final

from pydantic import Field

from slipway.model.fields import LIVE, Model

_FIRST = r"(?:[A-Za-z0-9_@%+-]|\.[A-Za-z0-9_@%+-])"
#: No `.`, no `..`, nothing twice: one directory has one spelling.
DIRECTORY: Final = rf"^(?:/{_FIRST}[A-Za-z0-9._@%+-]*)+$"
MODE: Final = r"^[0-7]{3,4}$"
ACCOUNT: Final = r"^(?:[a-z_][a-z0-9_-]*|[0-9]{1,9})$"

#: Of the system, with all below: a wrong owner there ends logins, services and boots. And of Slipway's own programs.
SYSTEM: Final = (
    *("/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/proc", "/run", "/sbin", "/sys", "/usr"),
    *("/var/lib/containerd", "/var/lib/etcd", "/var/lib/kubelet", "/var/lib/slipway"),
)
#: Of the system; what is below them may be anybody's.
SHARED: Final = ("/home", "/media", "/mnt", "/opt", "/root", "/srv", "/tmp", "/var", "/var/lib", "/var/log")  # noqa: S108 - to refuse it

FileOwner = Annotated[str, Field(max_length=32, pattern=ACCOUNT)]


class Directory(Model):
    """One directory. It is made where it is missing; of one that is there, only what is set here is changed."""

    path: str = Field(max_length=512, pattern=DIRECTORY, json_schema_extra=LIVE)
    """Absolute path; directories above it that are missing are made too. Nothing below it is ever touched."""
    mode: str | None = Field(default=None, pattern=MODE, max_length=4, json_schema_extra=LIVE)
    """Permissions, octal and in quotes, as "0755", which is what a new one has."""
    owner: FileOwner | None = Field(default=None, json_schema_extra=LIVE)
    """User, by name or number; a new one is root's."""
    group: FileOwner | None = Field(default=None, json_schema_extra=LIVE)
    """Group, by name or number; a new one is root's."""
