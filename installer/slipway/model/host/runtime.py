"""The container runtime of a host."""

from typing import Literal

from pydantic import Field

from slipway.model.fields import IMMUTABLE, ROLLING, AbsolutePath, Model


class Runtime(Model):
    """The container runtime of a host."""

    type: Literal["containerd"] = Field(default="containerd", json_schema_extra=IMMUTABLE)
    """Which runtime."""
    data_root: AbsolutePath = Field(default="/var/lib/containerd", json_schema_extra=ROLLING)
    """Where images and containers live: best on the big disk."""
    cgroup_driver: Literal["systemd", "cgroupfs"] = Field(default="systemd", json_schema_extra=ROLLING)
    """Must equal the kubelet's; Slipway sets both from here."""
    restrict_oom_score_adj: bool = Field(
        default=False, alias="restrictOOMScoreAdj", json_schema_extra=ROLLING
    )
    """For hosts that are containers themselves and may not lower oom_score_adj."""
    limit_no_file: int = Field(default=1048576, ge=1024, alias="limitNOFILE", json_schema_extra=ROLLING)
    """Open files containerd may have."""
