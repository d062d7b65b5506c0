"""How things that steps made on a host are now, as the host told it in one reading."""

from dataclasses import dataclass, field

from slipway.model.record import MadeKind


@dataclass(frozen=True, slots=True)
class PathState:
    """What is at a path."""

    type: str
    """find's letter: f file, d directory, l link, anything else."""
    mode: str = ""
    """Octal, four digits at least."""
    owner: str = ""
    """Number of the user, as that of `group`."""
    group: str = ""
    target: str = ""
    """Where a link leads."""
    digest: str = ""
    """sha256 of a file; empty where its size alone says that it is another."""
    block: str = ""
    """sha256 of Slipway's lines in it, with their markers; empty: it has none."""
    text: str = ""
    """All of it, of a file of which some keys are ours."""
    diff: str = ""
    """What was changed in it, as `diff -u` shows it."""


@dataclass(frozen=True, slots=True)
class UnitState:
    """systemd's UnitFileState and ActiveState; both empty: it knows no such unit."""

    enabled: str = ""
    active: str = ""


@dataclass(frozen=True, slots=True)
class Things:
    """All that a host said of what its records name. What is not in a map is not there."""

    listed: int | None = None
    """How many things the host's own list names; None: it was not asked, or its list is of an earlier release."""
    paths: dict[str, PathState] = field(default_factory=dict)
    units: dict[str, UnitState] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)
    there: frozenset[tuple[MadeKind, str]] = frozenset()
    """Packages, users and rules."""
    swapping: frozenset[str] = frozenset()
    """Files that have a line of swap in force."""
