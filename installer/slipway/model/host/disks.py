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
#: Of those that LVM takes, the ones that need no quoting anywhere.
VOLUME_NAME = r"^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$"
VOLUME_SIZE = r"^[1-9][0-9]{0,5}[MGT]$"
MAX_DISKS = 32

DiskName = Annotated[str, Field(max_length=24, pattern=DISK_NAME)]
DiskID = Annotated[str, Field(max_length=255, pattern=DISK_ID)]
VolumeName = Annotated[str, Field(max_length=32, pattern=VOLUME_NAME)]
MountPoint = Annotated[str, Field(max_length=255, pattern=MOUNT_POINT)]
DiskOption = Annotated[str, Field(max_length=64, pattern=MOUNT_OPTION)]


class LogicalVolume(Model):
    """A logical volume that has the file system. Its volume group has the disk's partition and nothing else."""

    volume_group: VolumeName = Field(json_schema_extra=LIVE)
    """Name of the volume group; one of its own for each disk."""
    logical_volume: VolumeName = Field(json_schema_extra=LIVE)
    """Name of the volume."""
    size: Annotated[str, Field(max_length=7, pattern=VOLUME_SIZE)] | None = Field(
        default=None, json_schema_extra=LIVE
    )
    """Its size, as 500G; unset: the whole disk. A larger one makes it grow while it is mounted; it never shrinks."""


class Disk(Model):
    """One data disk: Slipway gives it one partition and a file system if it is empty, and mounts it."""

    id: DiskID | None = Field(default=None, json_schema_extra=LIVE)
    """Its name under /dev/disk/by-id, or its serial number."""
    path: MountPoint | None = Field(default=None, json_schema_extra=ROLLING)
    """Where it is mounted, at boot too, before whatever keeps its data there."""
    filesystem: Literal["xfs", "ext4"] = Field(default="xfs", json_schema_extra=LIVE)
    """What an empty disk is formatted with; one that is formatted keeps what it has."""
    options: tuple[DiskOption, ...] = Field(default=(), max_length=16, json_schema_extra=ROLLING)
    """Mount options, as noatime."""
    wipe: DiskID | None = Field(default=None, json_schema_extra=LIVE)
    """Its serial number: consent to lose what is on it. Without it only an empty disk is formatted."""
    lvm: LogicalVolume | None = Field(default=None, json_schema_extra=LIVE)
    """Put the file system on a logical volume; unset: on the partition. A disk that is formatted stays what it is."""
