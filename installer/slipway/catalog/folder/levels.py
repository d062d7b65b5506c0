"""levels.yaml of a module: what has been tried of it, when, and by which test. Written by the tests themselves.

It is shipped, and counted by no digest: that somebody has looked makes no other module.
"""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import Field

from slipway import yamltext
from slipway.catalog.folder.infolder import is_there
from slipway.catalog.folder.modulefile import Line
from slipway.catalog.modules import Module
from slipway.catalog.shipped import LEVELS
from slipway.errors import ConfigurationError
from slipway.landing import land
from slipway.model.fields import Model
from slipway.smallfiles import text_of


class Level(StrEnum):
    """How much of a module has been seen; the values are in order."""

    FOLDER = "1"
    """Its folder is right: `slipway catalog lint`."""
    RENDERED = "2"
    """Its real charts render over all samples of settings, and their images are those that it declares."""
    API = "3"
    """A real Helm installs it on a real API server, changes it, and removes it without a rest; kubelets are fake."""
    WEBHOOKS = "3w"
    """The same, with stand-ins that answer for its webhooks."""
    LAB = "4"
    """It does its job on nodes of a lab."""


_ORDER: Final = tuple(Level)
_HEAD: Final = "# Written by the tests that saw it; see docs/reference/modules.md (levels).\n"


class Trial(Model):
    """What a test saw of a module, as it was then. `seconds` from enabled to healthy; none: not measured."""

    level: Level
    day: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    digest: Line
    """The module's own, at that day."""
    by: Line
    """The test."""
    kubernetes: str = ""
    objects: int = 0
    seconds: float = 0


class LevelsFile(Model):
    """The file; the last trial of each level."""

    format: Literal[1] = 1
    trials: tuple[Trial, ...] = ()


class Reached(NamedTuple):
    """The highest level that was seen. `current`: of the module as it is now."""

    trial: Trial
    current: bool

    def __str__(self) -> str:
        """For a table: what was seen of a former form is in brackets."""
        return self.trial.level if self.current else f"({self.trial.level})"


def trials_of(folder: Path) -> tuple[Trial, ...]:
    """All that its levels.yaml says.

    Raises:
        ConfigurationError: it cannot be read.
    """
    where = folder / LEVELS
    try:
        content = yamltext.load(text_of(where)) if is_there(where) else {}
        return LevelsFile.model_validate(content).trials
    except (TypeError, ValueError, OSError) as exc:
        raise ConfigurationError(
            f"{LEVELS} of a module cannot be read",
            where=str(where),
            why=str(exc),
            hint="tests write it: delete it, and run make test-modules",
        ) from exc


def reached(module: Module, trials: Sequence[Trial]) -> Reached | None:
    """The highest level of the module as it is; where nobody has tried that, of what it was."""
    seen = sorted(
        (Reached(trial, trial.digest == module.digest) for trial in trials),
        key=lambda one: (one.current, _ORDER.index(one.trial.level)),
    )
    return seen[-1] if seen else None


def write_trial(folder: Path, trial: Trial) -> None:
    """Keep it, in place of what was seen of this level before."""
    others = [one for one in trials_of(folder) if one.level is not trial.level]
    trials = sorted((*others, trial), key=lambda one: _ORDER.index(one.level))
    content = LevelsFile(trials=tuple(trials)).model_dump(mode="json", by_alias=True, exclude_defaults=True)
    land(folder / LEVELS, _HEAD + yamltext.dump({"format": 1, **content}))
