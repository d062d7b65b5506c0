"""What a bundle holds, as data for `bundle info`: artifacts, sizes, and where contents differ from the name."""

from collections import defaultdict
from dataclasses import asdict
from pathlib import Path
from typing import Any

from slipway.bundle.contents import contents
from slipway.catalog import Catalog, Module
from slipway.model.bundle import ArtifactKind, BundleManifest


def describe(manifest: BundleManifest) -> dict[str, Any]:
    """JSON-shaped: name, digest, number and bytes per kind, all artifacts, substitutes."""
    kinds: dict[str, dict[str, int]] = defaultdict(lambda: {"count": 0, "bytes": 0})
    for artifact in manifest.artifacts:
        kinds[str(artifact.kind)]["count"] += 1
        kinds[str(artifact.kind)]["bytes"] += artifact.size
    return {
        "name": manifest.name,
        "digest": manifest.digest,
        "catalog": manifest.catalog,
        "slipway": manifest.slipway,
        "kinds": dict(kinds),
        "artifacts": [asdict(artifact) for artifact in manifest.artifacts],
        "substitutes": {a.reference: a.contents for a in manifest.artifacts if a.contents},
    }


def carried(directory: Path, manifest: BundleManifest) -> int:
    """Bytes that the directory really has: blobs that images share count once, what a delta leaves out does not."""
    return sum((directory / content.path).stat().st_size for content in contents(directory, manifest))


def carried_modules(manifest: BundleManifest, catalog: Catalog) -> list[Module]:
    """The modules whose charts are all in the bundle: the ones it was built with."""
    charts = {artifact.name for artifact in manifest.artifacts if artifact.kind is ArtifactKind.CHART}
    return [m for m in catalog.modules.values() if all(release.chart in charts for release in m.releases)]
