"""What module.yaml says of upgrades from older versions, as it is written."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from slipway.catalog.folder.build import twice_findings
from slipway.catalog.folder.infolder import InFolder, template_of
from slipway.catalog.folder.relationentries import Range
from slipway.catalog.relations.converting import PLACE, Conversion, FormerSettings, Left
from slipway.catalog.relations.succession import SNAPSHOT, UpgradeFrom, UpgradeStep
from slipway.catalog.relations.terms import VersionRange
from slipway.errors import Finding
from slipway.findings import FindingCode
from slipway.model.fields import Model, Name

#: Of a setting, as `retention` or `storage.size`.
SettingPath = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$")]
Advice = Annotated[str, Field(min_length=8)]


class ValueEntry(Model):
    """A value that is another one now."""

    was: Any
    now: Any


class ConversionEntry(Model):
    """How a value is said now: exactly one of these."""

    text: Annotated[str, Field(pattern=r"\{\}")] = ""
    times: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0
    list: bool = False
    values: tuple[ValueEntry, ...] = ()

    @model_validator(mode="after")
    def _one(self) -> Self:
        if [bool(self.text), bool(self.times), self.list, bool(self.values)].count(True) != 1:
            expected = f"exactly one of text (with {PLACE} for the value), times, list and values"
            raise PydanticCustomError("conversion", "{expected}", {"expected": expected})
        return self

    def conversion(self) -> Conversion:
        """As the catalog has it."""
        return Conversion(self.text, self.times, self.list, tuple((one.was, one.now) for one in self.values))


def advised(value: object) -> object:
    """An advice alone is the short form."""
    return {"advice": value} if isinstance(value, str) else value


class RemovedEntry(Model):
    """A setting that went away: what to do instead, and values with which nothing is to be done."""

    advice: Advice
    harmless: tuple[Any, ...] = ()

    def left(self) -> Left:
        """As the catalog has it."""
        return Left(self.advice, self.harmless)


class StepEntry(Model):
    """What is run once in an upgrade: `manifests` is a template of the folder, `timeout` in seconds."""

    name: Name
    manifests: InFolder
    timeout: Annotated[int, Field(ge=1, strict=True)] = 600

    def step(self, directory: Path) -> UpgradeStep:
        """As the catalog has it."""
        return UpgradeStep(self.name, template_of(directory / self.manifests), self.timeout)


class UpgradeEntry(Model):
    """What is to be known of an upgrade from the versions in `from`."""

    since: Range = Field(alias="from")
    renamed: dict[SettingPath, SettingPath] = Field(default_factory=dict)
    converted: dict[SettingPath, ConversionEntry] = Field(default_factory=dict)
    removed: dict[SettingPath, Annotated[RemovedEntry, BeforeValidator(advised)]] = Field(
        default_factory=dict
    )
    disruptive: str = ""
    before: tuple[StepEntry, ...] = ()
    after: tuple[StepEntry, ...] = ()
    snapshot: bool = False
    no_way_back: Annotated[str, Field(pattern=r"^$|.{8}")] = ""

    def upgrade(self, directory: Path) -> UpgradeFrom:
        """As the catalog has it."""
        return UpgradeFrom(
            VersionRange.parse(self.since),
            FormerSettings(
                self.renamed,
                {path: one.conversion() for path, one in self.converted.items()},
                {path: one.left() for path, one in self.removed.items()},
            ),
            self.disruptive,
            tuple(one.step(directory) for one in self.before),
            tuple(one.step(directory) for one in self.after),
            self.snapshot,
            self.no_way_back,
        )


Upgrades = tuple[UpgradeEntry, ...]


def upgrade_mistakes(entries: Sequence[UpgradeEntry], directory: Path) -> Iterator[Finding]:
    """Steps of one name, which a record could not tell from each other, and files that are not there."""
    names = []
    for index, entry in enumerate(entries):
        for stage, steps in (("before", entry.before), ("after", entry.after)):
            for place, step in enumerate(steps):
                names.append(step.name)
                if step.name == SNAPSHOT:
                    path = f"upgrades[{index}].{stage}[{place}].name"
                    text, hint = "is the name of what snapshot: true does", "call it otherwise"
                    yield Finding(path, text, hint=hint, code=FindingCode.BAD_VALUE)
                if not (directory / step.manifests).is_file():
                    path = f"upgrades[{index}].{stage}[{place}].manifests"
                    yield Finding(path, f"there is no file {step.manifests}", code=FindingCode.BAD_VALUE)
    yield from twice_findings("upgrades", names, "name")
