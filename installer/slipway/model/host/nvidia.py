"""NVIDIA GPUs of a host: the runtime that gives them to containers, the driver, how they are shared."""

from typing import Annotated, Literal

from pydantic import Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from slipway.model.fields import LIVE, ROLLING, Model

DRIVER_VERSION = r"^[1-9][0-9]{2}(\.[0-9]{1,3}){0,2}$"
#: What the kubelet takes as the value of a label.
LABEL_VALUE = r"^[A-Za-z0-9]([-._A-Za-z0-9]{0,61}[A-Za-z0-9])?$"
#: Pods that share one GPU; its memory is not divided among them, so more serve nobody.
MAX_REPLICAS = 64


def _switch(value: object) -> object:
    """One answer for what is either a word or a boolean; a union of two types would give two."""
    if isinstance(value, bool) or value == "auto":
        return value
    raise PydanticCustomError("nvidia_enabled", "auto, true or false")


Enabled = Annotated[
    bool | Literal["auto"],
    PlainValidator(_switch),
    WithJsonSchema({"enum": ["auto", True, False], "x-kubernetes-preserve-unknown-fields": True}),
]


class MIG(Model):
    """GPUs that are divided in hardware. Carried out by the GPU operator's MIG manager and the device plugin."""

    strategy: Literal["none", "single", "mixed"] = Field(default="none", json_schema_extra=LIVE)
    """How parts are offered: `single` as nvidia.com/gpu, `mixed` each size under its own name."""
    profile: str | None = Field(default=None, max_length=63, pattern=LABEL_VALUE, json_schema_extra=LIVE)
    """How they are cut, by the MIG manager's name for it, as all-1g.10gb; label nvidia.com/mig.config."""


class TimeSlicing(Model):
    """GPUs that several pods use in turn. Carried out by the device plugin."""

    replicas: int | None = Field(default=None, ge=2, le=MAX_REPLICAS, json_schema_extra=LIVE)
    """Pods that may share one GPU; unset: one has it alone."""


class Nvidia(Model):
    """NVIDIA GPUs of a host."""

    enabled: Enabled = Field(default="auto", json_schema_extra=ROLLING)
    """`auto`: where the host has a GPU; `true`: it must have one, and a driver that works; `false`: never."""
    default_runtime: bool = Field(default=True, json_schema_extra=ROLLING)
    """Whether every container gets the runtime `nvidia`; if not, pods ask for it by runtimeClassName."""
    driver: Literal["host", "operator"] = Field(default="host", json_schema_extra=ROLLING)
    """Whose the driver is: the host's own, or the GPU operator's, whose pods bring it; then the host is not checked."""
    min_driver_version: str | None = Field(
        default=None, max_length=11, pattern=DRIVER_VERSION, json_schema_extra=LIVE
    )
    """Oldest driver of the host that will do, as 550 or 550.54.15."""
    persistence: bool = Field(default=True, json_schema_extra=LIVE)
    """Whether the host's driver keeps GPUs ready while nobody uses them."""
    mig: MIG = Field(default_factory=MIG)
    """Division in hardware."""
    time_slicing: TimeSlicing = Field(default_factory=TimeSlicing)
    """Use in turn."""
