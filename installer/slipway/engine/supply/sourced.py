"""All modules of a site: the release's, before them the bundle's, and beside them those of the site's own sources.

What a source has under a name, or an image's reference, that somebody has already is refused: it stands in for nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from slipway.bundle.site.packs import Pack, pack_at
from slipway.bundle.site.source import ArtifactSource, SiteSource
from slipway.catalog import Catalog
from slipway.engine.supply.bundled import catalog_of_bundle
from slipway.errors import Finding
from slipway.findings import FindingCode
from slipway.model.bundle import Artifact, ArtifactKind, BundleManifest
from slipway.model.configuration import Configuration
from slipway.planning.sitenames import mirrored_names


@dataclass(frozen=True, slots=True)
class Supply:
    """The catalog of a site; `packs` without what is refused, which `findings` tell."""

    catalog: Catalog
    packs: tuple[Pack, ...] = ()
    findings: tuple[Finding, ...] = ()


def supply_of(
    release: Catalog,
    site: Configuration,
    manifest: BundleManifest,
    source: ArtifactSource,
    registry: Callable[[], SiteSource],
) -> Supply:
    """The modules of a bundle that is in `source`, and of the sources that the site's ClusterConfiguration names.

    `registry` opens the site registry, which has what these sources pushed.

    Raises:
        BundleError: something cannot be had.
    """
    catalog = catalog_of_bundle(release, manifest, source)
    packs: list[Pack] = []
    findings: list[Finding] = []
    named = {name: one.digest for name, one in sorted(site.spec.module_sources.items()) if one.digest}
    for name, digest in named.items():
        pack = pack_at(registry, name, digest, site.spec.bundle.trusted_keys)
        wrong = pack_findings(pack, catalog, manifest, packs)
        findings += wrong
        if not wrong:
            packs.append(pack)
            catalog = catalog_of_bundle(catalog, pack.manifest, registry())
    return Supply(catalog, tuple(packs), tuple(findings))


def pack_findings(
    pack: Pack, catalog: Catalog, bundle: BundleManifest, others: Sequence[Pack]
) -> list[Finding]:
    """Why a site can have a pack not beside its catalog, its bundle and other packs; none: it can."""
    return [*_names(pack, catalog), *_images(pack, bundle, others)]


def _names(pack: Pack, catalog: Catalog) -> Iterator[Finding]:
    for artifact in _of(pack.manifest, ArtifactKind.MODULE):
        if artifact.name in catalog.folders:
            text = (
                f"has a module {artifact.name}, which the release, the bundle or another source has already"
            )
            hint = f"rename it, push it again, and write the new digest: slipway catalog push DIR --name {pack.source}"
            yield Finding(_path(pack), text, hint=hint, code=FindingCode.DUPLICATE)


def _images(pack: Pack, bundle: BundleManifest, others: Sequence[Pack]) -> Iterator[Finding]:
    """An image under a name that is another one's, or under that of a registry for which hosts ask somebody else."""
    theirs = [one for manifest in (bundle, *(o.manifest for o in others)) for one in manifest.artifacts]
    known = {one.reference: one.digest for one in theirs if one.kind is ArtifactKind.IMAGE}
    mirrored = mirrored_names(bundle)
    for image in _of(pack.manifest, ArtifactKind.IMAGE):
        if known.get(image.reference, image.digest) != image.digest:
            text = f"has {image.reference} with other contents than the site"
            hint = "give it another tag, or lock the digest that the site has"
            yield Finding(_path(pack), text, hint=hint, code=FindingCode.OTHER_IMAGE)
        elif (registry := image.name.partition("/")[0]) not in mirrored:
            text = f"has {image.reference}, and no host asks the site registry for images of {registry}"
            hint = f"have one of {registry} in the bundle: slipway bundle build --image {image.reference}"
            yield Finding(_path(pack), text, hint=hint, code=FindingCode.MISSING_IMAGE)


def _of(manifest: BundleManifest, kind: ArtifactKind) -> list[Artifact]:
    return [artifact for artifact in manifest.artifacts if artifact.kind is kind]


def _path(pack: Pack) -> str:
    return f"spec.moduleSources.{pack.source}.digest"
