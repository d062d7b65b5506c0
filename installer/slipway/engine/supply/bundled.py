"""The modules of a bundle: a site that took a mended one runs it, whichever command line or operator plans."""

from functools import lru_cache
from pathlib import Path

from slipway.bundle.form.modulefolder import is_of_folder, laid_out
from slipway.bundle.site.source import ArtifactSource
from slipway.catalog import Catalog
from slipway.catalog.loader import with_folders
from slipway.model.bundle import Artifact, ArtifactKind, BundleManifest
from slipway.settings import cache_dir


def catalog_of_bundle(release: Catalog, manifest: BundleManifest, source: ArtifactSource) -> Catalog:
    """The release with the modules of a bundle: of one that both have, the bundle's.

    Those that are the same are not fetched.

    Raises:
        BundleError: one cannot be had.
    """
    theirs = [artifact for artifact in manifest.artifacts if artifact.kind is ArtifactKind.MODULE]
    others = [one for one in theirs if not is_of_folder(one.version, release.folders.get(one.name, ""))]
    return _supplied(release, tuple(_folder(source, one) for one in others)) if others else release


def _folder(source: ArtifactSource, artifact: Artifact) -> Path:
    """The module's folder, in a place that belongs to this content alone."""
    place = cache_dir() / "modules" / artifact.digest.replace(":", "-")
    return laid_out(source.path(artifact), artifact.name, place)


@lru_cache(maxsize=8)
def _supplied(release: Catalog, folders: tuple[Path, ...]) -> Catalog:
    """Read once: a folder's place is named by its content."""
    return with_folders(release, folders)
