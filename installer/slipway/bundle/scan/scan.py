"""A scan of a bundle: its own document, its own scanner, and the databases that it has or that are given."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from pathlib import Path

from slipway.bundle.scan.databases import HOW, NAMED, Database
from slipway.bundle.scan.document import Packed, materials
from slipway.bundle.scan.grouping import vulnerabilities
from slipway.bundle.scan.scanner import SCANNER, ScannerAnswer, isolation, scanner_answer
from slipway.errors import BundleError
from slipway.model.bundle import Artifact, ArtifactKind, BundleManifest
from slipway.model.platforms import Platform
from slipway.model.vulnerabilities import Compared, Exempted, Exemption, ScanReport, Vulnerability

#: What a bundle needs to be scanned where it arrives.
_BUILD = "slipway bundle build -f cluster.yaml -o DIR --vulnerability-database OSV"


def carried_databases(manifest: BundleManifest, path: Callable[[Artifact], Path]) -> list[Database]:
    """Those that a bundle has. `path`: a file with an artifact's contents, checked by digest.

    Raises:
        BundleError: there is none.
    """
    carried = [artifact for artifact in manifest.artifacts if artifact.kind is ArtifactKind.VULNERABILITIES]
    if not carried:
        why = "no public one comes with Slipway: it would be old on the day on which it is carried in"
        hint = f"give one by --database, or build the bundle with it: {_BUILD}; {HOW}"
        raise BundleError(
            "the bundle has no database of vulnerabilities", where=manifest.name, why=why, hint=hint
        )
    return [Database(NAMED[item.name], path(item), date.fromisoformat(item.version)) for item in carried]


def scan(
    manifest: BundleManifest,
    path: Callable[[Artifact], Path],
    machine: Platform,
    databases: Sequence[Database],
    exemptions: Sequence[Exemption],
    *,
    today: date,
    progress: Callable[[str], None],
) -> ScanReport:
    """What is known to be vulnerable. `machine`: on which this runs; `path`: as of `carried_databases`.

    Raises:
        BundleError: the bundle has no scanner for this machine, or no document; or as of `scanner_answer`.
    """
    program = manifest.find(ArtifactKind.BINARY, SCANNER, platform=machine)
    if program is None:
        what = f"the bundle has no scanner for this machine, {machine.name}"
        hint = f"it comes with a database: {_BUILD}; {HOW}"
        raise BundleError(what, where=manifest.name, hint=hint)
    document = manifest.find(ArtifactKind.SBOM, "cyclonedx")
    if document is None:
        raise BundleError("the bundle has no bill of materials", where=manifest.name, hint=_BUILD)
    file = path(document)
    made = materials(file.read_bytes(), manifest.artifacts, str(file))
    progress(f"{len(made.packages)} packages, modules and libraries")
    before = isolation()
    files = {database.ecosystem: database.path for database in databases}
    answer = scanner_answer(path(program), file, files, before=before, progress=progress)
    found = vulnerabilities(answer.matches, made.packages)
    valid = [exemption for exemption in exemptions if exemption.until >= today]
    exempted = tuple(Exempted(one, exemption) for one in found if (exemption := _exemption(one, valid)))
    passed = {item.vulnerability for item in exempted}
    return ScanReport(
        bundle=manifest.name,
        digest=manifest.digest,
        scanner=f"osv-scalibr {program.version}",
        isolated=bool(before),
        databases=tuple(_compared(databases, answer, today)),
        found=tuple(one for one in found if one not in passed),
        exempted=exempted,
        expired=tuple(exemption for exemption in exemptions if exemption.until < today),
        unused=tuple(exemption for exemption in valid if not any(map(exemption.covers, found))),
        uncovered=_uncovered(made.packages, databases),
        unseen=made.unseen,
    )


def _exemption(found: Vulnerability, exemptions: Iterable[Exemption]) -> Exemption | None:
    return next((exemption for exemption in exemptions if exemption.covers(found)), None)


def _compared(databases: Iterable[Database], answer: ScannerAnswer, today: date) -> Iterable[Compared]:
    """Each database; one about whose ecosystem the bundle has nothing was not opened."""
    tried = {one.name: one for one in answer.ecosystems}
    for database in databases:
        age = max(0, (today - database.newest).days)
        counts = (0, 0, 0)
        if one := tried.get(database.ecosystem):
            counts = (one.records, one.unreadable, one.packages)
        yield Compared(database.ecosystem, database.newest, age, *counts)


def _uncovered(packages: Iterable[Packed], databases: Iterable[Database]) -> dict[str, int]:
    there = {database.ecosystem for database in databases}
    return dict(sorted(Counter(one.kind for one in packages if one.ecosystem not in there).items()))
