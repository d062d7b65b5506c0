"""Where artifacts come from: one class per type of source, all behind `Source`.

`make` turns a pinned source into a directory of files for one platform, through the workshop's cache.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from pydantic import TypeAdapter

from slipway.bundle.ground.workshop import Workshop, recipe_for
from slipway.bundle.licences.expression import WHOLE
from slipway.bundle.licences.rules import rules_digest
from slipway.bundle.make.sources.c import CSource
from slipway.bundle.make.sources.chart import ChartSource
from slipway.bundle.make.sources.debian import DebianSource, source_package, stanza_fields
from slipway.bundle.make.sources.go import GoSource
from slipway.bundle.make.sources.gotree import GoTreeSource
from slipway.bundle.make.sources.npm import NpmSource
from slipway.bundle.make.sources.python import PythonSource
from slipway.bundle.make.sources.wheels import WheelsSource
from slipway.bundle.sbom.parts import Component
from slipway.catalog.versions import Versions
from slipway.model.platforms import AMD64, Platform

__all__ = ["LICENCES", "PARTS", "TYPES", "WHOLE", "Source", "source_directory", "source_licences"]
__all__ += ["source_package", "source_parts", "stanza_fields"]


class Source(Protocol):
    """One way to get files."""

    kind: str
    """Directory of its results in the cache."""

    def __init__(self, versions: Versions, workshop: Workshop, platform: Platform) -> None: ...

    def recipe(self, spec: Any) -> object:
        """JSON-shaped data that names all that decides the result."""
        ...

    def fetch(self, spec: Any, dest: Path) -> None:
        """Fill an empty directory."""
        ...

    def licences(self, spec: Any, place: Path) -> dict[str, str]:
        """SPDX expressions of its files by name, or of all at once by the name `WHOLE`; empty where not known."""
        ...

    def parts(self, spec: Any, place: Path) -> dict[str, list[Component]]:
        """The packages and modules in its files, by the same names."""
        ...


TYPES: Mapping[str, type[Source]] = {
    "c": CSource,
    "chart": ChartSource,
    "debian": DebianSource,
    "go": GoSource,
    "go-tree": GoTreeSource,
    "npm": NpmSource,
    "python": PythonSource,
    "wheels": WheelsSource,
}
#: What is kept of a source's licences, and of its parts.
LICENCES, PARTS = "licences.json", "parts.json"
_PARTS: Final = TypeAdapter(dict[str, list[Component]])


def source_directory(name: str, versions: Versions, workshop: Workshop, platform: Platform = AMD64) -> Path:
    """The directory with a source's files, built now if it was not."""
    spec = versions.source(name, platform)
    source = TYPES[spec.type](versions, workshop, platform)
    recipe = recipe_for(platform, source.recipe(spec))
    return workshop.make(source.kind, name, spec.version, recipe, lambda dest: source.fetch(spec, dest))


def source_licences(
    name: str, versions: Versions, workshop: Workshop, platform: Platform = AMD64
) -> dict[str, str]:
    """A source's licences by its files' names, as `Source.licences` says them; read once, and again by newer rules."""
    spec, place = versions.source(name, platform), source_directory(name, versions, workshop, platform)

    def read(dest: Path) -> None:
        found = TYPES[spec.type](versions, workshop, platform).licences(spec, place)
        (dest / LICENCES).write_text(json.dumps(found, indent=1, sort_keys=True), encoding="utf-8")

    kept = workshop.make("licence", name, place.name, rules_digest(), read)
    found: dict[str, str] = json.loads((kept / LICENCES).read_text(encoding="utf-8"))
    return found


def source_parts(
    name: str, versions: Versions, workshop: Workshop, platform: Platform = AMD64
) -> dict[str, list[Component]]:
    """A source's parts by its files' names, as `Source.parts` says them; kept likewise."""
    spec, place = versions.source(name, platform), source_directory(name, versions, workshop, platform)

    def read(dest: Path) -> None:
        found = TYPES[spec.type](versions, workshop, platform).parts(spec, place)
        (dest / PARTS).write_bytes(_PARTS.dump_json(found))

    kept = workshop.make("parts", name, place.name, rules_digest(), read)
    return _PARTS.validate_json((kept / PARTS).read_bytes())
