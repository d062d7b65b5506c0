"""Builds a bundle directory for Kubernetes versions, a set of modules and the hosts' operating systems.

Called by the command line, demo and tests. What is there already by digest is not copied again; bundle.yaml is
written last, so a directory without one is an unfinished bundle, and the same command finishes it.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from slipway import __version__
from slipway.bundle.form import manifest as manifests
from slipway.bundle.form.delta import Delta
from slipway.bundle.form.writer import Writer
from slipway.bundle.ground.disk import guarded
from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.locks.downloads import Downloads
from slipway.bundle.make.bom import write_documents
from slipway.bundle.make.builder import Builder
from slipway.bundle.make.installer import installer
from slipway.bundle.make.official import NamedDownload, Official, OfficialFiles
from slipway.bundle.make.vulnerabilities import vulnerability_artifacts
from slipway.bundle.scan.databases import databases_at
from slipway.catalog import Catalog
from slipway.catalog.versions import Versions
from slipway.model.bundle import BundleManifest
from slipway.model.platforms import AMD64, Platform


def build_bundle(
    versions: Versions,
    catalog: Catalog,
    out: Path,
    *,
    kubernetes: Sequence[str],
    modules: Iterable[str],
    images: Collection[str] | None = None,
    systems: tuple[str, ...],
    platforms: tuple[Platform, ...] = (AMD64,),
    packages: Iterable[str] = (),
    gathered: Mapping[str, Path] = MappingProxyType({}),
    elsewhere: Mapping[str, str] = MappingProxyType({}),
    official: Official | None = None,
    files: OfficialFiles | None = None,
    vulnerabilities: Path | None = None,
    trees: Path | None = None,
    progress: Callable[[str], None],
) -> BundleManifest:
    """Build all that is missing, write it below `out`, and the manifest last.

    `kubernetes`: one version, or all on the way of an upgrade. `images`: of those of the modules, what the site's
    settings ask for; None: all. `platforms` are those of the site's hosts.
    `packages` are those that the hosts need besides the ones every host does; `gathered` are directories of packages
    by system, for systems whose packages are not fetched. Contents whose digest is in `elsewhere`, with a
    repository of the site that has it, are left out. `vulnerabilities`: databases to carry, and then the scanner.
    `trees`: git repositories that have commits of charts' trees.
    """
    builder = Builder(versions, catalog, Writer(out, elsewhere), Workshop(progress, trees=trees), platforms)
    chosen = sorted(set(modules))
    files = files or OfficialFiles()
    # First: what is wrong with them is said before anything is built.
    databases = databases_at(vulnerabilities) if vulnerabilities else []
    with guarded(out):
        wanted = builder.wanted(kubernetes, chosen)
        files = with_locked_charts(files, builder, wanted, chosen)
        builder.files = files.bring(wanted, {*systems, *gathered}, builder.workshop.root)
        artifacts = [
            *builder.images(
                kubernetes, builder.images_of(chosen) if images is None else images, official or Official()
            ),
            *builder.binaries(kubernetes),
            *builder.charts(chosen),
            *builder.others(files.further - wanted),
            *builder.packages(systems, gathered, tuple(packages)),
            *builder.modules(),
            builder.catalog_content(),
            *installer(versions, builder.writer, builder.workshop, platforms),
            *vulnerability_artifacts(databases, builder),
        ]
        name = f"slipway-{__version__}-kubernetes-{'-'.join(kubernetes)}"
        documents = write_documents(name, builder.parts.items(artifacts), builder.writer)
        manifest = manifests.manifest_of(
            name=name,
            catalog=catalog.core,
            slipway=__version__,
            artifacts=[*artifacts, *documents],
            kubernetes=kubernetes,
        )
        Delta(builder.writer.left_out).write(out, manifest)
        manifests.write(manifest, out)
        builder.writer.prune()
    return manifest


def with_locked_charts(
    files: OfficialFiles, builder: Builder, wanted: Iterable[NamedDownload], modules: Sequence[str]
) -> OfficialFiles:
    """The same files, and the charts that modules' own locks name at their repositories."""
    locked, site = builder.locked_charts(modules), files.lock.of_modules(wanted)
    return replace(
        files,
        lock=Downloads(tuple(locked)).merged(site.files),
        further=files.further | {(item.kind, item.artifact, item.version) for item in locked},
    )
