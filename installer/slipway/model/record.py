"""What was last applied and what is being applied, as kept at the targets: JSON-shaped and versioned."""

from dataclasses import dataclass, field
from typing import Any

#: Format of record.json, pending.json and of module records. A newer one is refused, never guessed at.
RECORD_FORMAT = 1
#: Format of lock.json. Format 1 had `expires`, by the host's wall clock.
LOCK_FORMAT = 2


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One step that was applied to completion.

    `digest` is the digest of all inputs; `parts` holds a short digest per input, so that a later plan can
    name the field that changed without the record holding any value.
    """

    digest: str
    parts: dict[str, str] = field(default_factory=dict)
    catalog: str = ""
    version: str = ""
    time: str = ""
    files: dict[str, str] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    """systemd units, as `enabled active` when the step ended."""
    packages: dict[str, str] = field(default_factory=dict)
    """Packages that the role needs, with their versions then."""


@dataclass(frozen=True, slots=True)
class Intent:
    """A step that was begun; left open, it says where a killed run stood."""

    operation: str
    step: str
    digest: str
    epoch: int = 0
    holder: str = ""
    time: str = ""
    parts: dict[str, str] = field(default_factory=dict)
    """Of a role: what it was to be brought to, part by part; empty: not known."""


@dataclass(frozen=True, slots=True)
class Lock:
    """Who may change a host. `left`: seconds until that ends when it was read, on the host's clock; 0: nobody may."""

    holder: str
    epoch: int
    left: float


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """One object of the cluster that a module made."""

    api_version: str
    kind: str
    name: str
    namespace: str = ""
    uid: str = ""
    passing: bool = False
    """Whether it goes by itself once it is done: a Job with a time to live. That it is gone says nothing then."""


@dataclass(frozen=True, slots=True)
class ModuleRecord:
    """A module as last applied: ConfigMap `slipway-module-NAME`.

    phase: Applying | Healthy | Failed | Removing. `intent` is set while a run works on it.
    """

    name: str
    phase: str
    digest: str = ""
    parts: dict[str, str] = field(default_factory=dict)
    version: str = ""
    chart_digest: str = ""
    revision: int = 0
    releases: tuple[str, ...] = ()
    objects: tuple[ObjectRef, ...] = ()
    intent: Intent | None = None
    message: str = ""
    time: str = ""
    owner: str = ""
    requires: tuple[str, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)
