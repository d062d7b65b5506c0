"""How a site is now: what of it is sick, since when, in the component's own words. Read, never remembered.

`cluster` reads it, `planning.standing` judges it for one ClusterConfiguration, a plan carries it beside its steps.
"""

from dataclasses import dataclass
from enum import StrEnum


class Part(StrEnum):
    """What can be sick."""

    NODE = "node"
    MODULE = "module"


class Cause(StrEnum):
    """Why something counts as sick, as a code."""

    NOT_READY = "NotReady"
    """A Node whose kubelet says so."""
    SILENT = "Silent"
    """A Node whose kubelet says nothing any more."""
    ABSENT = "Absent"
    """A host without a Node, or an object that a module made and that is gone."""
    NOT_CURRENT = "NotCurrent"
    """An object that is not as its spec wants it: too few replicas, not bound, not ready."""
    FAILED = "Failed"
    """An object whose controller has given up."""
    UNREADABLE = "Unreadable"
    """Objects that the API does not show."""
    PRESSURE = "Pressure"
    """A Node that still is Ready and has too little of something: a hint, since pods are about to go."""
    RECORD = "Record"
    """What Slipway keeps of it cannot be read, or is where nothing is believed: a hint."""
    HOST = "Host"
    """A host on which something waits that will hurt, as at its next boot: a hint, and a finding of preflight."""


@dataclass(frozen=True, slots=True)
class Ailment:
    """One thing that is sick."""

    part: Part
    name: str
    """Of the node or the module."""
    cause: Cause
    message: str
    """What the component says of it; what its pods say stands in further lines."""
    since: str = ""
    """ISO 8601 UTC; empty where the component does not say."""


@dataclass(frozen=True, slots=True)
class Standing:
    """All that is sick, and hints of what may soon be."""

    sick: tuple[Ailment, ...] = ()
    hints: tuple[Ailment, ...] = ()

    @property
    def well(self) -> bool:
        """Nothing is sick."""
        return not self.sick

    def of(self, part: Part, name: str) -> tuple[Ailment, ...]:
        """What is wrong with one node or one module."""
        return tuple(one for one in self.sick if (one.part, one.name) == (part, name))
