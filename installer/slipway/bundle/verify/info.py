"""What a bundle holds, as data for `bundle info`: artifacts, sizes, and where contents differ from the name."""

from collections import defaultdict
from dataclasses import asdict
from pathlib import Path
from typing import Any

from slipway.bundle.form.contents import contents
from slipway.bundle.licences.expression import terms
from slipway.catalog import Catalog, Module
from slipway.model.bundle import Artifact, BundleManifest


def bundle_facts(manifest: BundleManifest) -> dict[str, Any]:
    """JSON-shaped: name, digest, Kubernetes versions, number and bytes per kind, artifacts, unread, substitutes."""
    kinds: dict[str, dict[str, int]] = defaultdict(lambda: {"count": 0, "bytes": 0})
    for artifact in manifest.artifacts:
        kinds[str(artifact.kind)]["count"] += 1
        kinds[str(artifact.kind)]["bytes"] += artifact.size
    return {
        "name": manifest.name,
        "digest": manifest.digest,
        "catalog": manifest.catalog,
        "slipway": manifest.slipway,
        "kubernetes": list(manifest.kubernetes),
        "kinds": dict(kinds),
        "artifacts": [asdict(artifact) for artifact in manifest.artifacts],
        "unread": unread_images(manifest),
        "substitutes": {a.reference: a.contents for a in manifest.artifacts if a.contents},
    }


def unread_images(manifest: BundleManifest) -> list[str]:
    """Images that no lock had: their digests were read when the bundle was built."""
    return [artifact.reference for artifact in manifest.artifacts if artifact.unread]


def licences_by_item(manifest: BundleManifest) -> dict[str, Any]:
    """JSON-shaped: each licence with the items that have it, the items of which none is known, and all expressions.

    An item has several where its parts do; `LicenseRef-unknown` has those with parts whose licence is not known.
    """
    by_licence: dict[str, list[str]] = defaultdict(list)
    for artifact in manifest.artifacts:
        for term in terms(artifact.licence) if artifact.licence else ():
            by_licence[term].append(_label(artifact))
    return {
        "name": manifest.name,
        "digest": manifest.digest,
        "licences": [{"licence": name, "items": items} for name, items in sorted(by_licence.items())],
        "unknown": [_label(artifact) for artifact in manifest.artifacts if not artifact.licence],
        "artifacts": [
            {"kind": a.kind, "name": a.name, "version": a.version, "licence": a.licence, "origin": a.origin}
            for a in manifest.artifacts
        ],
    }


def _label(artifact: Artifact) -> str:
    return f"{artifact.kind}/{artifact.reference}"


def carried_bytes(directory: Path, manifest: BundleManifest) -> int:
    """Bytes that the directory really has: blobs that images share count once, what a delta leaves out does not."""
    return sum((directory / content.path).stat().st_size for content in contents(directory, manifest))


def carried_modules(manifest: BundleManifest, catalog: Catalog) -> list[Module]:
    """The modules whose charts are all in the bundle: the ones it was built with."""
    return [
        module
        for module in catalog.modules.values()
        if all(manifest.chart(module.name, release.chart) for release in module.releases)
    ]
