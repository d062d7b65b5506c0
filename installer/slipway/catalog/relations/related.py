"""What ties modules to each other, for whoever looks at them: names of capabilities with who provides them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from slipway.catalog.modules import Module, condition_text


class RelationKind(StrEnum):
    """How one module stands to another."""

    REQUIRES = "requires"
    USES = "uses"
    CONFLICTS = "conflicts"


@dataclass(frozen=True, slots=True)
class Relation:
    """`name` is as the module says it; `providers` are the modules that have it, best first: of that name, then others.

    `condition`: with which settings it counts, as `with persistence.enabled: true`; empty: always.
    """

    kind: RelationKind
    name: str
    providers: tuple[str, ...]
    condition: str = ""


def relations_of(modules: Mapping[str, Module], module: Module) -> tuple[Relation, ...]:
    """Requirements, then what it uses, then what it cannot be beside; each as module.yaml has them."""
    return tuple(_links(modules, module))


def dependents_of(modules: Mapping[str, Module], name: str) -> tuple[str, ...]:
    """Modules that require it, or something that it provides."""
    return tuple(
        other.name
        for other in modules.values()
        if any(name in providers_of(modules, one.name) for one in other.requires)
    )


def providers_of(modules: Mapping[str, Module], name: str) -> tuple[str, ...]:
    """A module of that name alone, else all that provide it."""
    if name in modules:
        return (name,)
    return tuple(other.name for other in modules.values() if name in other.names)


def _with(word: str, condition: Mapping[str, Any]) -> str:
    return f"{word} {condition_text(condition)}" if condition else ""


def _links(modules: Mapping[str, Module], module: Module) -> Iterator[Relation]:
    for one in module.requires:
        when, there = _with("with", one.when), providers_of(modules, one.name)
        yield Relation(RelationKind.REQUIRES, one.name, there, when)
    for use in module.uses:
        yield Relation(RelationKind.USES, use.name, providers_of(modules, use.name))
    for rival in module.conflicts:
        others = tuple(name for name in providers_of(modules, rival.name) if name != module.name)
        yield Relation(RelationKind.CONFLICTS, rival.name, others, _with("unless", rival.unless))
    for capability in module.provides:
        others = tuple(name for name in providers_of(modules, capability.name) if name != module.name)
        if capability.exclusive and others:
            yield Relation(RelationKind.CONFLICTS, capability.name, others)
