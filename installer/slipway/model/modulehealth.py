"""What a module says of its health: which objects have to be well, and what the status of its kinds means.

As module.yaml has it, and as a module's request and the operator's look at the cluster do.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_serializer, model_validator

from slipway.model.apigroups import is_custom
from slipway.model.fieldnames import field_keys
from slipway.model.fields import DNSName, Model

Word = Annotated[str, Field(min_length=1)]
#: What a condition can say.
Truth = Literal["True", "False", "Unknown"]
Scalar = str | int | float | bool


def _field_name(value: str) -> str:
    field_keys(value)
    return value


def _comparable(value: object) -> object:
    """Something to compare with, or a list of such things, one of which it has to be."""
    wanted = value if isinstance(value, list | tuple) else [value]
    if not wanted or not all(isinstance(one, Scalar) for one in wanted):
        raise ValueError("is nothing to compare with: text, a number, true or false, or a list of these")
    return value


FieldName = Annotated[str, AfterValidator(_field_name)]
Wanted = Annotated[Scalar | tuple[Scalar, ...], BeforeValidator(_comparable)]


class Sparse(Model):
    """Written down without what nobody set: digests of what stands in clusters do not change with a new field."""

    @model_serializer(mode="plain")
    def _set_fields(self) -> dict[str, Any]:
        named = ((name, info.alias or name) for name, info in type(self).model_fields.items())
        return {alias: getattr(self, name) for name, alias in named if name in self.model_fields_set}


class Demand(Sparse):
    """What an object has to say of itself."""

    conditions: dict[Word, Truth] = Field(default_factory=dict)
    """Type of a condition -> its status."""
    fields: dict[FieldName, Wanted] = Field(default_factory=dict)
    """Name of a field -> its value, or a list of those that will do."""


class HealthRule(Demand):
    """Objects that have to be well, and what they have to say beyond that; or a kind of which one must be the default.

    With a `name` that object, whoever made it; else all of the kind that the module's releases made.
    """

    api_version: Word
    kind: Word
    name: str = ""
    namespace: str = ""
    default_class: bool = False
    at_least: Annotated[int, Field(ge=0, strict=True)] = 1
    """Without a name: so many of them."""

    @model_validator(mode="after")
    def _one_meaning(self) -> Self:
        of_one = self.model_fields_set & {"name", "namespace", "conditions", "fields", "at_least"}
        if self.default_class and of_one:
            raise ValueError("has defaultClass, which asks for nothing else")
        if self.name and "at_least" in self.model_fields_set:
            raise ValueError("has a name, and atLeast, which counts the objects of a kind")
        return self


class KindRule(Demand):
    """What the status of a kind's objects means, whichever module they come from."""

    group: DNSName
    kind: Word
    status: Literal["expected", "none"] = "expected"
    """none: nobody writes one, although the kind has a place for it."""

    @model_validator(mode="after")
    def _of_custom_resources(self) -> Self:
        if not is_custom(self.group):
            raise ValueError(f"{self.group} is Kubernetes' own group, whose kinds are known")
        if self.status == "none" and (self.conditions or self.fields):
            raise ValueError("has status none, and conditions or fields, which are of a status")
        return self


class Health(Sparse):
    """When a module is healthy: all objects of its releases are current, and `rules` hold."""

    timeout: Annotated[int, Field(ge=1, strict=True)] = 300
    """Seconds."""
    rules: tuple[HealthRule, ...] = ()

    @model_serializer(mode="plain")
    def _set_fields(self) -> dict[str, Any]:
        return {"timeout": self.timeout, "rules": self.rules}


#: (group, kind) -> what is declared of it.
Kinds = Mapping[tuple[str, str], KindRule]
NO_KINDS: Final[Kinds] = {}


def kinds_of(rules: Iterable[KindRule | Mapping[str, Any]]) -> Kinds:
    """By group and kind; what was written down is read back."""
    read = map(KindRule.model_validate, rules)
    return {(one.group, one.kind): one for one in read}


@dataclass(frozen=True, slots=True)
class Expectations:
    """What all modules of a catalog say of health."""

    rules: Mapping[str, tuple[HealthRule, ...]] = field(default_factory=dict)
    """By module."""
    kinds: Kinds = field(default_factory=dict)


NO_EXPECTATIONS: Final = Expectations()
