"""What a host is made into: one class that has the others of this room."""

from typing import Any, Literal

from pydantic import Field

from slipway.model.fields import LIVE, ROLLING, LabelKey, LabelValue, Model
from slipway.model.host.directories import Directory
from slipway.model.host.disks import MAX_DISKS, Disk, DiskName
from slipway.model.host.firewall import Firewall
from slipway.model.host.mounts import MAX_MOUNTS, Mounts
from slipway.model.host.networks import MAX_ROUTES, Route
from slipway.model.host.nvidia import Nvidia
from slipway.model.host.runtime import Runtime
from slipway.model.host.ssh import HostLogin
from slipway.model.host.system import DNS, HostsEntry, Journald, Limits, LogRotation, Time

#: Of a layer; the API server's cost of looking at their keys leaves room for no more.
MAX_LABELS = 64


class Taint(Model):
    """One taint of a node."""

    key: LabelKey
    """Key."""
    value: LabelValue = ""
    """Value."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]
    """What it does to pods that do not tolerate it."""


class HostSettings(Model):
    """What a host is made into. Maps merge over defaults, groups and host; lists replace."""

    architecture: Literal["amd64", "arm64"] = Field(default="amd64", json_schema_extra=LIVE)
    """The host's processor, for which its programs, packages and images are; preflight compares it."""
    ssh: HostLogin = Field(default_factory=HostLogin)
    """How it is logged into, where that is not as `spec.hosts.ssh` says."""
    runtime: Runtime = Field(default_factory=Runtime)
    """Container runtime."""
    dns: DNS = Field(default_factory=DNS)
    """Resolver."""
    extra_hosts: tuple[HostsEntry, ...] = Field(default=(), json_schema_extra=LIVE)
    """More lines for /etc/hosts."""
    routes: tuple[Route, ...] = Field(default=(), max_length=MAX_ROUTES, json_schema_extra=LIVE)
    """Ways to further ranges, from boot on, before anything is fetched or mounted."""
    firewall: Firewall = Field(default_factory=Firewall)
    """Packet filter."""
    kernel_modules: tuple[str, ...] = Field(default=("overlay", "br_netfilter"), json_schema_extra=LIVE)
    """Kernel modules loaded now and at boot (one that is built in counts as loaded)."""
    sysctl: dict[str, str] = Field(default_factory=dict, json_schema_extra=LIVE)
    """Kernel parameters besides those Kubernetes needs."""
    swap: Literal["off", "keep"] = Field(default="off", json_schema_extra=ROLLING)
    """`off`: switched off, now and at boot, however the host makes it; `keep`: the host's own stays or comes back, and
    the kubelet starts with it. Pods use none of it but with `kubelet.memorySwap.swapBehavior: LimitedSwap`."""
    packages: tuple[str, ...] = Field(default=(), json_schema_extra=LIVE)
    """Packages of the site's own repository besides those the roles need."""
    time: Time = Field(default_factory=Time)
    """Clock."""
    limits: Limits = Field(default_factory=Limits)
    """Resource limits."""
    journald: Journald = Field(default_factory=Journald)
    """Journal."""
    log_rotation: LogRotation = Field(default_factory=LogRotation)
    """Logs in files."""
    mounts: Mounts = Field(default_factory=dict, max_length=MAX_MOUNTS, json_schema_extra=LIVE)
    """File systems by name, mounted at boot before container runtime and kubelet."""
    disks: dict[DiskName, Disk] = Field(default_factory=dict, max_length=MAX_DISKS)
    """Data disks by names of your own; a name that goes leaves the data on its disk."""
    directories: tuple[Directory, ...] = Field(default=(), max_length=64, json_schema_extra=LIVE)
    """Directories with owner and permissions, as those that pods mount. One that Slipway made and that is no longer
    named goes when it is empty."""
    nvidia: Nvidia = Field(default_factory=Nvidia)
    """NVIDIA GPUs."""
    labels: dict[LabelKey, LabelValue] = Field(
        default_factory=dict, max_length=MAX_LABELS, json_schema_extra=LIVE
    )
    """Node labels; one that is removed here is removed from the node."""
    taints: tuple[Taint, ...] = Field(default=(), json_schema_extra=LIVE)
    """Node taints."""
    kubelet: dict[str, Any] = Field(default_factory=dict, json_schema_extra=ROLLING)
    """Fields of KubeletConfiguration for this host only."""
