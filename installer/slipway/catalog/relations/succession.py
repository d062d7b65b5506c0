"""A module after an older version of itself: how settings were said, what its upgrade does, and what it stops."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from slipway.catalog.relations.converting import (
    Converted,
    FormerSettings,
    accepts,
    converted,
    final_path,
    line_of,
    outcome,
    rule_at,
    same,
    shown,
)
from slipway.catalog.relations.terms import VersionRange
from slipway.errors import Finding
from slipway.findings import FindingCode

if TYPE_CHECKING:
    from slipway.catalog.modules import Module


#: Name of the step that takes snapshots of a module's claims.
SNAPSHOT: Final = "snapshot"


@dataclass(frozen=True, slots=True)
class UpgradeStep:
    """What an upgrade does besides bringing releases: objects that are made, waited for and taken away again."""

    name: str
    template: str
    """Text of the file that makes its objects."""
    timeout: int
    """Seconds for which it is waited."""


@dataclass(frozen=True, slots=True)
class UpgradeFrom:
    """What is to be known of an upgrade from the versions in a range; `disruptive` says what stops, if anything."""

    versions: VersionRange
    former: FormerSettings = field(default_factory=FormerSettings)
    disruptive: str = ""
    before: tuple[UpgradeStep, ...] = ()
    """While the older version still runs."""
    after: tuple[UpgradeStep, ...] = ()
    """Once this version is healthy."""
    snapshot: bool = False
    """Whether snapshots of the module's claims are taken before anything else."""
    no_way_back: str = ""
    """Why the older version cannot come back once this one has begun; empty: it can."""

    @property
    def steps(self) -> tuple[UpgradeStep, ...]:
        """All, in their order."""
        return (*self.before, *self.after)


def of_this_version(module: "Module", settings: Mapping[str, Any]) -> Converted:
    """A user's settings by the names and values of this version, and what was taken otherwise than it is written."""
    return converted([upgrade.former for upgrade in module.upgrades], module.schema, settings)


def former_findings(module: "Module", found: Converted, path: str) -> Iterator[Finding]:
    """Settings that are given by their old name and by the new one, and those that went away and meant something."""
    for old, new in found.twice:
        text = f"is called {new} now, which is set too"
        hint = f"leave {old} out"
        yield Finding(f"{path}.{old}", text, expected="one of them", hint=hint, code=FindingCode.DUPLICATE)
    for told in found.refused:
        yield Finding(
            f"{path}.{told.path}",
            f"{module.name} {module.version} has no such setting any more",
            expected="no value",
            hint=f"leave {told.path} out: {told.advice}",
            code=FindingCode.UNKNOWN_SETTING,
        )


def told_settings(module: "Module", settings: Mapping[str, Any]) -> Iterator[str]:
    """What is taken otherwise than a user wrote it, in words, and how to write it."""
    path = f"spec.modules.{module.name}.settings"
    for told in of_this_version(module, settings).told:
        was = f"{path}.{told.path}: {shown(told.value, told.path, told.now)}"
        if not told.now:
            yield f"leaves out {was}, which {module.version} has no more: {told.advice}"
        elif told.now == told.path:
            yield f"takes {was} -> {shown(told.becomes, told.now)}, as {module.version} says it"
        else:
            yield f"takes {was} -> {line_of(told.now, told.becomes, told.path)}, as {module.version} says it"


def upgrades_from(module: "Module", since: str) -> list[UpgradeFrom]:
    """What is declared of an upgrade from this version, oldest first; nothing of one that is this very version."""
    if since in {"", module.version}:
        return []
    return [one for one in module.upgrades if one.versions.has(since)]


def succession_findings(module: "Module") -> Iterator[Finding]:
    """What cannot be converted: to a setting that the schema lacks, or of a name that it still has."""
    for index, upgrade in enumerate(module.upgrades):
        path = f"upgrades[{index}]"
        yield from _former_findings(module, index, path)
        if upgrade.versions.has(module.version):
            text = f"{module.version} itself is in it"
            yield Finding(f"{path}.from", text, expected="older versions", code=FindingCode.BAD_VALUE)
        elif not upgrade.versions.has_before(module.version):
            text = f"no version before {module.version} is in it"
            yield Finding(f"{path}.from", text, expected="older versions", code=FindingCode.BAD_VALUE)


def _value_findings(module: "Module", index: int, old: str, path: str) -> Iterator[Finding]:
    """Values of a table that come to nothing: said before, or another one that this version refuses."""
    stages = [upgrade.former for upgrade in module.upgrades[index:]]
    rule = rule_at(module.schema, final_path(stages, old))
    pairs = stages[0].converted[old].values
    for place, (was, now) in enumerate(pairs):
        where = f"{path}.values[{place}]"
        if any(same(was, before) for before, _ in pairs[:place]):
            yield Finding(f"{where}.was", f"{shown(was)} stands above already", code=FindingCode.DUPLICATE)
        elif not accepts(rule, outcome(stages, module.schema, old, was)):
            text, expected = f"{module.version} refuses {shown(now)}", "a value that schema.yaml accepts"
            yield Finding(f"{where}.now", text, expected=expected, code=FindingCode.BAD_VALUE)


def _former_findings(module: "Module", index: int, path: str) -> Iterator[Finding]:
    former = module.upgrades[index].former
    later = [upgrade.former for upgrade in module.upgrades[index + 1 :]]
    for old, new in former.renamed.items():
        if rule_at(module.schema, final_path(later, new)) is None:
            text = f"there is no setting {new}"
            yield Finding(f"{path}.renamed.{old}", text, code=FindingCode.MISSING)
    for old in former.converted:
        if rule_at(module.schema, final_path([former, *later], old)) is None:
            hint = "say under renamed what it is called now, or under removed what to do"
            text = f"there is no setting {old}"
            yield Finding(f"{path}.converted.{old}", text, hint=hint, code=FindingCode.MISSING)
        else:
            yield from _value_findings(module, index, old, f"{path}.converted.{old}")
    for field_name, names in (("renamed", former.renamed), ("removed", former.removed)):
        for old in names:
            if rule_at(module.schema, old) is not None:
                text, expected = f"{old} is a setting of this version", "one that it has no more"
                where = f"{path}.{field_name}.{old}"
                yield Finding(where, text, expected=expected, code=FindingCode.BAD_VALUE)
    for old in former.removed:
        if old in {*former.renamed, *former.converted}:
            text = f"{old} is renamed or converted too"
            yield Finding(f"{path}.removed.{old}", text, code=FindingCode.DUPLICATE)
