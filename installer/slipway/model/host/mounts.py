"""File systems that a host mounts at boot, before anything that runs containers."""

from typing import Annotated

from pydantic import Field

from slipway.model.fields import LIVE, Lies, Model, Name, SecretRef

MAX_MOUNTS = 32

FILE_SYSTEM = r"^[a-z0-9][a-z0-9._-]*$"
#: What a unit file takes as it is: no blanks, no backslashes, and no comma, which ends an option.
MOUNT_PATH = r"^(/[^\s/\\]+)+$"
SOURCE = r"^[^\s\\]+$"
OPTION = r"^[^\s,\\]+$"
CEPH_USER = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"

CEPH_TYPES = frozenset({"cephfs", "ceph-fuse"})
NFS_TYPES = frozenset({"nfs", "nfs4"})
#: What a source looks like, by its type. Groups are what planning needs of it.
_SERVER = r"[A-Za-z0-9][A-Za-z0-9.-]*"
_MONITOR = rf"{_SERVER}(?::[0-9]{{1,5}})?"
CEPH_SOURCE = rf"^(?P<monitors>{_MONITOR}(?:,{_MONITOR})*):/"
NFS_SOURCE = rf"^(?P<server>{_SERVER}):/"
LUSTRE_SOURCE = rf"^{_SERVER}(?:@[a-z0-9]+)?(?:[:,]{_SERVER}(?:@[a-z0-9]+)?)*:/"

MountSource = Annotated[str, Field(max_length=1024, pattern=SOURCE), Lies.NEAR]
MountOption = Annotated[str, Field(max_length=256, pattern=OPTION)]


class Mount(Model):
    """One file system. Layers merge field by field; what is in force has type, source and path."""

    enabled: bool = Field(default=True, json_schema_extra=LIVE)
    """false: these hosts do not have it, though a layer below says so."""
    type: str | None = Field(default=None, max_length=32, pattern=FILE_SYSTEM, json_schema_extra=LIVE)
    """cephfs (the kernel's), ceph-fuse, nfs (3 or 4, by the option vers), lustre, or a type of /etc/fstab."""
    source: MountSource | None = Field(default=None, json_schema_extra=LIVE)
    """Where it is: MONITOR[:PORT],...:/PATH of Ceph, SERVER:/EXPORT, NID:/NAME of Lustre, or a device."""
    path: str | None = Field(default=None, max_length=200, pattern=MOUNT_PATH, json_schema_extra=LIVE)
    """Where it appears on the host."""
    options: tuple[MountOption, ...] = Field(default=(), max_length=32, json_schema_extra=LIVE)
    """Options as in /etc/fstab, one each."""
    read_only: bool = Field(default=False, json_schema_extra=LIVE)
    """Nothing can be written."""
    automount: bool = Field(default=False, json_schema_extra=LIVE)
    """Mounted when somebody looks there, not at boot."""
    required: bool = Field(default=False, json_schema_extra=LIVE)
    """Container runtime and kubelet do not start without it."""
    user: str | None = Field(default=None, max_length=64, pattern=CEPH_USER, json_schema_extra=LIVE)
    """Ceph: the client's id, without `client.` before it."""
    secret_ref: SecretRef | None = Field(default=None, json_schema_extra=LIVE)
    """Ceph: the client's key, or its keyring."""


Mounts = dict[Name, Mount]
