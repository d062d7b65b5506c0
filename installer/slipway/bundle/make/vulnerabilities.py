"""Databases of known vulnerabilities in a bundle, and the scanner that reads them: only where somebody gives one."""

from collections.abc import Iterator, Sequence

from slipway.bundle.ground.archive import file_digest
from slipway.bundle.locks.downloads import DownloadKind
from slipway.bundle.make.builder import Builder
from slipway.bundle.make.official import platforms_needed
from slipway.bundle.scan.databases import Database
from slipway.bundle.scan.scanner import SCANNER
from slipway.model.bundle import Artifact, ArtifactKind


def vulnerability_artifacts(databases: Sequence[Database], builder: Builder) -> Iterator[Artifact]:
    """The databases, one artifact each, and the scanner for every machine on which Slipway may be; of none, nothing."""
    if not databases:
        return
    for database in databases:
        builder.workshop.progress(f"vulnerabilities {database.ecosystem}: newest record of {database.newest}")
        yield _written(database, builder)
    for pinned in builder.versions.binaries:
        if pinned.name == SCANNER:
            for platform in platforms_needed(DownloadKind.BINARY, SCANNER, builder.platforms):
                yield builder.binary(SCANNER, pinned.version, platform)


def _written(database: Database, builder: Builder) -> Artifact:
    kind, name, version = ArtifactKind.VULNERABILITIES, database.ecosystem.lower(), str(database.newest)
    digest, size = file_digest(database.path), database.path.stat().st_size
    path = f"{kind}/{name}-{version}.zip"
    builder.writer.copy(database.path, path, digest)
    return Artifact(kind, name, version, digest, size, path, origin="OSV")
