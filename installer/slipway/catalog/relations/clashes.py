"""Modules that cannot be on together, and the smallest change that leaves one of them. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slipway.catalog.modules import Module, holds
from slipway.errors import Finding
from slipway.findings import FindingCode

if TYPE_CHECKING:
    from slipway.model.configuration import Configuration

#: What is wrong with a configuration, by path and code.
Wrong = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Clash:
    """Two modules of which one has to go: `name`, and `other`, which `owner` has where that is somebody else."""

    name: str
    other: str
    why: str
    code: FindingCode
    owner: str = ""

    @property
    def path(self) -> str:
        """Where it is told."""
        return f"spec.modules.{self.name}"


def clashes_of(
    modules: Mapping[str, Module],
    on: Iterable[str],
    elsewhere: Mapping[str, str],
    settings: Callable[[str], Mapping[str, Any]],
) -> list[Clash]:
    """Each pair once. `on`: modules of this configuration; `elsewhere`: those of others, and whose they are.

    `settings` of a module, with defaults; of those of others the defaults alone are known.
    """
    mine = list(on)
    named: dict[str, list[str]] = {}
    for name in (*mine, *(name for name in elsewhere if name in modules and name not in mine)):
        for called in sorted(modules[name].names):
            named.setdefault(called, []).append(name)
    found = (*_rivals(modules, mine, named, elsewhere, settings), *_twins(modules, mine, named, elsewhere))
    return list({frozenset({one.name, one.other}): one for one in reversed(found)}.values())[::-1]


def _twins(
    modules: Mapping[str, Module],
    mine: list[str],
    named: Mapping[str, list[str]],
    elsewhere: Mapping[str, str],
) -> Iterator[Clash]:
    """Several providers of what one of them calls exclusive: the first one is named by all others."""
    exclusive = {one.name for module in modules.values() for one in module.provides if one.exclusive}
    for capability in sorted(exclusive & named.keys()):
        here = [name for name in named[capability] if name in mine]
        there = [name for name in named[capability] if name not in mine]
        others = [(name, there[0], elsewhere[there[0]]) for name in here if there]
        for name, first, owner in (*others, *((name, here[0], "") for name in here[1:])):
            why = f"provides {capability}, as {first}{_of(owner)} does, and a cluster has one provider of it"
            yield Clash(name, first, why, FindingCode.DUPLICATE, owner)


def _rivals(
    modules: Mapping[str, Module],
    mine: list[str],
    named: Mapping[str, list[str]],
    elsewhere: Mapping[str, str],
    settings: Callable[[str], Mapping[str, Any]],
) -> Iterator[Clash]:
    everyone = dict.fromkeys(name for names in named.values() for name in names)
    for name in everyone:
        for rival in modules[name].conflicts:
            if rival.unless and holds(rival.unless, settings(name)):
                continue
            for other in named.get(rival.name, ()):
                if other == name or not {name, other} & {*mine}:
                    continue
                here, there = (name, other) if name in mine else (other, name)
                owner = "" if there in mine else elsewhere[there]
                why = f"cannot be on beside {there}{_of(owner)}: {rival.because}"
                yield Clash(here, there, why, FindingCode.MODULES_CONFLICT, owner)


def _of(owner: str) -> str:
    return f" of {owner}" if owner else ""


def clash_findings(
    clashes: Iterable[Clash],
    configuration: "Configuration",
    requires: Mapping[str, Iterable[str]],
    wrong: Callable[["Configuration"], Wrong],
) -> Iterator[Finding]:
    """With the smallest change that would do; `wrong` tells what remains of a configuration that was changed."""
    before = wrong(configuration)
    for clash in clashes:
        ways = [
            way
            for name in ((clash.name,) if clash.owner else (clash.name, clash.other))
            if (way := _way_out(name, clash, configuration, requires, wrong, before))
        ]
        hint = ", or ".join(ways)
        yield Finding(clash.path, clash.why, expected="one of them", hint=hint, code=clash.code)


def _way_out(
    name: str,
    clash: Clash,
    configuration: "Configuration",
    requires: Mapping[str, Iterable[str]],
    wrong: Callable[["Configuration"], Wrong],
    before: Wrong,
) -> str:
    """The fields to set, so that this module is off and nothing else is wrong by it; empty: there is no such way."""

    def does(off: list[str]) -> bool:
        left = wrong(without(configuration, off))
        return (clash.path, clash.code) not in left and not left - before

    off = [name] if does([name]) else _with_dependents(name, requires)
    if not does(off):
        return ""
    for one in off[1:]:  # another provider may do for it
        fewer = [other for other in off if other != one]
        off = fewer if does(fewer) else off
    return ", ".join(f"spec.modules.{one}.enabled: false" for one in off)


def without(configuration: "Configuration", off: Iterable[str]) -> "Configuration":
    """The same with these modules switched off."""
    from slipway.model.configuration import ModuleSpec

    specs = dict(configuration.spec.modules)
    for name in off:
        specs[name] = specs.get(name, ModuleSpec()).model_copy(update={"enabled": False})
    spec = configuration.spec.model_copy(update={"modules": specs})
    return configuration.model_copy(update={"spec": spec})


def _with_dependents(name: str, requires: Mapping[str, Iterable[str]]) -> list[str]:
    found = [name]
    for one in found:  # grows while it is walked
        found += [other for other, needs in requires.items() if one in needs and other not in found]
    return found
