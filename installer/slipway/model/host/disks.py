"""Data disks of a host."""

from typing import Annotated, Literal

from pydantic import Field

from slipway.model.fields import LIVE, ROLLING, Model

#: The name stands in the label of a GPT partition, which has room for 36 characters.
DISK_NAME = r"^[a-z0-9]([a-z0-9-]{0,22}[a-z0-9])?$"
DISK_ID = r"^[A-Za-z0-9][A-Za-z0-9._:+@=-]*$"
#: Plain names only: systemd's name for a mount point is made of it.
MOUNT_POINT = r"^(/[A-Za-z0-9_][A-Za-z0-9._-]*)+$"
MOUNT_OPTION = r"^[A-Za-z0-9][A-Za-z0-9._:=-]*$"
MAX_DISKS = 32

DiskName = Annotated[str, Field(max_length=24, pattern=DISK_NAME)]
DiskID = Annotated[str, Field(max_length=255, pattern=DISK_ID)]
MountPoint = Annotated[str, Field(max_length=255, pattern=MOUNT_POINT)]
MountOption = Annotated[str, Field(max_length=64, pattern=MOUNT_OPTION)]


class Disk(Model):
    """One data disk: Slipway gives it one partition and a file system if it is empty, and mounts it."""

    id: DiskID | None = Field(default=None, json_schema_extra=LIVE)
    """Its name under /dev/disk/by-id, or its serial number."""
    path: MountPoint | None = Field(default=None, json_schema_extra=ROLLING)
    """Where it is mounted, at boot too, before whatever keeps its data there."""
    filesystem: Literal["xfs", "ext4"] = Field(default="xfs", json_schema_extra=LIVE)
    """What an empty disk is formatted with; one that is formatted keeps what it has."""
    options: tuple[MountOption, ...] = Field(default=(), max_length=16, json_schema_extra=ROLLING)
    """Mount options, as noatime."""
    wipe: DiskID | None = Field(default=None, json_schema_extra=LIVE)
    """Its serial number: consent to lose what is on it. Without it only an empty disk is formatted."""
