"""A module after an older version of itself: settings that were called otherwise, and what its upgrade stops."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from slipway.catalog.relations.terms import VersionRange
from slipway.errors import Finding
from slipway.findings import FindingCode

if TYPE_CHECKING:
    from slipway.catalog.modules import Module


@dataclass(frozen=True, slots=True)
class UpgradeFrom:
    """What is to be known of an upgrade from the versions in a range; `disruptive` says what stops, if anything."""

    versions: VersionRange
    renamed: Mapping[str, str] = field(default_factory=dict)
    """Setting as it was called -> as it is called now."""
    disruptive: str = ""


def converted(module: "Module", settings: Mapping[str, Any]) -> dict[str, Any]:
    """A user's settings by the names of this version. One that is given by both names keeps the new one's value."""
    made = dict(settings)
    for upgrade in module.upgrades:
        for old, new in upgrade.renamed.items():
            if old in made:
                value = made.pop(old)
                made.setdefault(new, value)
    return made


def renamed_findings(module: "Module", settings: Mapping[str, Any], path: str) -> Iterator[Finding]:
    """Settings that are given by their old name and by the new one: nobody knows which is meant."""
    for upgrade in module.upgrades:
        for old, new in upgrade.renamed.items():
            if old in settings and new in settings:
                text = f"is called {new} now, which is set too"
                hint = f"leave {old} out"
                yield Finding(
                    f"{path}.{old}", text, expected="one of them", hint=hint, code=FindingCode.DUPLICATE
                )


def old_names(module: "Module", settings: Mapping[str, Any]) -> dict[str, str]:
    """Old name -> new one, of those that a user's settings have."""
    pairs = ((old, new) for upgrade in module.upgrades for old, new in upgrade.renamed.items())
    return {old: new for old, new in pairs if old in settings}


def disruptions(module: "Module", since: str) -> list[str]:
    """What an upgrade from this version stops."""
    if since in {"", module.version}:
        return []
    return [one.disruptive for one in module.upgrades if one.disruptive and one.versions.has(since)]


def succession_findings(module: "Module") -> Iterator[Finding]:
    """Names that cannot be converted: a new one that the schema lacks, an old one that it still has."""
    known = module.schema.get("properties", {})
    for index, upgrade in enumerate(module.upgrades):
        for old, new in upgrade.renamed.items():
            path = f"upgrades[{index}].renamed.{old}"
            if new not in known:
                yield Finding(path, f"there is no setting {new}", code=FindingCode.MISSING)
            if old in known:
                text = f"{old} is a setting of this version"
                yield Finding(path, text, expected="one that it has no more", code=FindingCode.BAD_VALUE)
        if upgrade.versions.has(module.version):
            text = f"{module.version} itself is in it"
            yield Finding(
                f"upgrades[{index}].from", text, expected="older versions", code=FindingCode.BAD_VALUE
            )
