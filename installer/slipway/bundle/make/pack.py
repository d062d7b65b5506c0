"""Builds a pack: a bundle of modules of a site's own, with their folders, charts and images and nothing else."""

from collections.abc import Callable, Collection
from pathlib import Path

from slipway import __version__
from slipway.bundle.form import manifest as manifests
from slipway.bundle.form.writer import Writer
from slipway.bundle.ground.disk import guarded
from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.make.build import with_locked_charts
from slipway.bundle.make.builder import Builder
from slipway.bundle.make.official import Official, OfficialFiles
from slipway.catalog import Catalog
from slipway.model.bundle import BundleManifest
from slipway.model.platforms import AMD64, Platform


def build_pack(
    catalog: Catalog,
    modules: Collection[str],
    out: Path,
    *,
    platforms: tuple[Platform, ...] = (AMD64,),
    official: Official | None = None,
    files: OfficialFiles | None = None,
    progress: Callable[[str], None],
) -> BundleManifest:
    """Write all that these modules of the catalog need below `out`, and the manifest last."""
    builder = Builder(catalog.versions, catalog, Writer(out, {}), Workshop(progress), platforms)
    chosen = sorted(modules)
    with guarded(out):
        wanted = builder.wanted((), chosen)
        files = with_locked_charts(files or OfficialFiles(), builder, wanted, chosen)
        builder.files = files.bring(wanted, (), builder.workshop.root)
        artifacts = [
            *builder.images((), builder.images_of(chosen), official or Official()),
            *builder.charts(chosen),
            *builder.modules(chosen),
        ]
        name = f"modules-{'-'.join(chosen)}"[:128]
        manifest = manifests.manifest_of(
            name=name, catalog=catalog.core, slipway=__version__, artifacts=artifacts
        )
        manifests.write(manifest, out)
        builder.writer.prune()
    return manifest
