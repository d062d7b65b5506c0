"""What module.yaml says of other modules and of Kubernetes, as it is written."""

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from slipway.catalog.relations.terms import Capability, OptionalUse, Rival, VersionRange
from slipway.model.fields import Model, Name


def named(value: object) -> object:
    """A name alone is the short form."""
    return {"name": value} if isinstance(value, str) else value


class CapabilityEntry(Model):
    """What the module provides; an exclusive capability has one provider in a cluster."""

    name: Name
    exclusive: bool = False

    def capability(self) -> Capability:
        """As the catalog has it."""
        return Capability(self.name, self.exclusive)


class UseEntry(Model):
    """What it uses where it is on; `first`: that one comes before."""

    name: Name
    first: bool = True

    def use(self) -> OptionalUse:
        """As the catalog has it."""
        return OptionalUse(self.name, self.first)


class ConflictEntry(Model):
    """What cannot be on beside it, unless it has these settings; `because` ends the sentence for who wants both."""

    name: Name
    because: Annotated[str, Field(min_length=8)]
    unless: dict[str, Any] = Field(default_factory=dict)

    def rival(self) -> Rival:
        """As the catalog has it."""
        return Rival(self.name, self.because, self.unless)


def _ranged(text: str) -> str:
    try:
        VersionRange.parse(text)
    except ValueError as exc:
        raise PydanticCustomError("range", "{expected}", {"expected": str(exc)}) from exc
    return text


#: Of versions, as `>=1.33 <1.37`.
Range = Annotated[str, AfterValidator(_ranged)]


Capabilities = tuple[Annotated[CapabilityEntry, BeforeValidator(named)], ...]
Uses = tuple[Annotated[UseEntry, BeforeValidator(named)], ...]
Conflicts = tuple[ConflictEntry, ...]
