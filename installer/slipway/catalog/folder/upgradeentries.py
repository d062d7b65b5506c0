"""What module.yaml says of upgrades from older versions, as it is written."""

from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from slipway.catalog.folder.relationentries import Range
from slipway.catalog.relations.converting import PLACE, Conversion, FormerSettings, Left
from slipway.catalog.relations.succession import UpgradeFrom
from slipway.catalog.relations.terms import VersionRange
from slipway.model.fields import Model

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
    times: Annotated[float, Field(gt=0)] = 0
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


class UpgradeEntry(Model):
    """What is to be known of an upgrade from the versions in `from`."""

    since: Range = Field(alias="from")
    renamed: dict[SettingPath, SettingPath] = Field(default_factory=dict)
    converted: dict[SettingPath, ConversionEntry] = Field(default_factory=dict)
    removed: dict[SettingPath, Annotated[RemovedEntry, BeforeValidator(advised)]] = Field(
        default_factory=dict
    )
    disruptive: str = ""

    def upgrade(self) -> UpgradeFrom:
        """As the catalog has it."""
        return UpgradeFrom(
            VersionRange.parse(self.since),
            FormerSettings(
                self.renamed,
                {path: one.conversion() for path, one in self.converted.items()},
                {path: one.left() for path, one in self.removed.items()},
            ),
            self.disruptive,
        )


Upgrades = tuple[UpgradeEntry, ...]
