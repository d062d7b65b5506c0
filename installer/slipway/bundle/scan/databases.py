"""Databases of known vulnerabilities as osv.dev exports them: one zip of JSON records per ecosystem."""

import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Final

from slipway.errors import BundleError

#: Bytes of one record; the largest that are known have three million.
RECORD: Final = 64 << 20
#: Name of an export in a directory that is named like its ecosystem.
EXPORT: Final = "all"
HOW: Final = "docs/how-to/offline.md, Known vulnerabilities, says how to get one"


class Ecosystem(StrEnum):
    """Whose packages a database is about, of those that a bundle has; as OSV calls it."""

    DEBIAN = "Debian"
    GO = "Go"
    NPM = "npm"
    PYPI = "PyPI"
    UBUNTU = "Ubuntu"


#: By the names that they have in a bundle.
NAMED: Final = {ecosystem.lower(): ecosystem for ecosystem in Ecosystem}


@dataclass(frozen=True, slots=True)
class Database:
    """A zip of one ecosystem. `newest`: the day on which one of its records was changed last, which tells its age."""

    ecosystem: Ecosystem
    path: Path
    newest: date


def databases_at(place: Path) -> list[Database]:
    """Those of a directory, as ECOSYSTEM/all.zip at any depth or ECOSYSTEM.zip, or one such file; no others are read.

    Raises:
        BundleError: there is none, two are of one ecosystem, or one of them is not what OSV exports.
    """
    found: dict[Ecosystem, Path] = {}
    for path in sorted(place.rglob("*.zip")) if place.is_dir() else [place]:
        name = path.parent.name if path.stem == EXPORT else path.stem
        ecosystem = NAMED.get(name.lower())
        if ecosystem and found.setdefault(ecosystem, path) != path:
            raise BundleError(f"there are two databases of {ecosystem}", where=str(place), hint="keep one")
    if not found:
        why = f"wanted is ECOSYSTEM/all.zip of {', '.join(Ecosystem)}, as osv.dev exports them"
        raise BundleError("there is no database of vulnerabilities", where=str(place), why=why, hint=HOW)
    return [Database(ecosystem, path, _newest(path)) for ecosystem, path in sorted(found.items())]


def _newest(path: Path) -> date:
    try:
        with zipfile.ZipFile(path) as archive:
            return max(_days(archive))
    except (OSError, zipfile.BadZipFile, ValueError, TypeError, KeyError, RecursionError) as exc:
        why = f"{type(exc).__name__}: {exc}"
        raise BundleError("this is no database of OSV", where=str(path), why=why, hint=HOW) from exc


def _days(archive: zipfile.ZipFile) -> Iterator[date]:
    """When each record was changed last; ValueError where one is none, and `max` of none is one too."""
    for entry in archive.infolist():
        if entry.filename.endswith(".json"):
            if entry.file_size > RECORD:
                raise ValueError(f"{entry.filename} has more than {RECORD >> 20} MiB")
            yield date.fromisoformat(json.loads(archive.read(entry))["modified"][:10])
