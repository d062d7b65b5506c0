"""Builds a bundle directory for Kubernetes versions, a set of modules and the hosts' operating systems.

Called by the command line, demo and tests. What is there already by digest is not copied again; bundle.yaml is
written last, so a directory without one is an unfinished bundle, and the same command finishes it.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import yaml

from slipway import __version__
from slipway.bundle import manifest as manifests
from slipway.bundle import sources
from slipway.bundle.archive import Entry, file_digest, write_tgz
from slipway.bundle.binaries import binary_archive, binary_origin
from slipway.bundle.delta import Delta
from slipway.bundle.disk import guarded
from slipway.bundle.downloads import DownloadKind
from slipway.bundle.files import Files, Ready
from slipway.bundle.images import Assembler
from slipway.bundle.installer import installer_artifact
from slipway.bundle.layout import INSTALL, LAYOUT, Node, blob_path, node_of
from slipway.bundle.licences.own import own_licence
from slipway.bundle.licensing import Licensing
from slipway.bundle.official import Named, Official, OfficialFiles
from slipway.bundle.packages import build_repository, gathered_repository
from slipway.bundle.pulling import pull
from slipway.bundle.sources.chart import PACKED, pack_chart
from slipway.bundle.wheel import own_wheel
from slipway.bundle.workshop import Workshop
from slipway.bundle.writer import Writer
from slipway.catalog import Catalog, Module, digests
from slipway.catalog.versions import Chart, Versions
from slipway.errors import BundleError
from slipway.model.bundle import Artifact, ArtifactKind, BundleManifest
from slipway.settings import data_dir

#: What of the checkout or wheel the catalog artifact carries.
CATALOG_PARTS = ("images", "modules", "offline", "playbooks", "plugins", "roles")


def build_bundle(
    versions: Versions,
    catalog: Catalog,
    out: Path,
    *,
    kubernetes: Sequence[str],
    modules: Iterable[str],
    systems: tuple[str, ...],
    packages: Iterable[str] = (),
    gathered: Mapping[str, Path] = MappingProxyType({}),
    elsewhere: Mapping[str, str] = MappingProxyType({}),
    official: Official | None = None,
    files: OfficialFiles | None = None,
    progress: Callable[[str], None],
) -> BundleManifest:
    """Build all that is missing, write it below `out`, and the manifest last.

    `kubernetes`: one version, or all on the way of an upgrade.
    `packages` are those that the site's hosts need besides the ones every host does; `gathered` are directories of
    packages by system, for systems whose packages are not fetched. Contents whose digest is in `elsewhere`, with a
    repository of the site that has it, are left out.
    """
    builder = Builder(versions, catalog, Writer(out, elsewhere), Workshop(progress))
    chosen = sorted(set(modules))
    files = files or OfficialFiles()
    with guarded(out):
        wanted = builder.wanted(kubernetes, chosen)
        builder.files = files.bring(wanted, {*systems, *gathered}, builder.workshop.root)
        artifacts = [
            *builder.images(kubernetes, chosen, official or Official()),
            *builder.binaries(kubernetes),
            *builder.charts(chosen),
            *builder.others(files.further - wanted),
            *builder.packages(systems, gathered, tuple(packages)),
            builder.catalog_content(),
            *builder.installer(),
        ]
        manifest = manifests.make(
            name=f"slipway-{__version__}-kubernetes-{'-'.join(kubernetes)}",
            catalog=catalog.digest,
            slipway=__version__,
            artifacts=artifacts,
            kubernetes=kubernetes,
        )
        Delta(builder.writer.left_out).write(out, manifest)
        manifests.write(manifest, out)
        builder.writer.prune()
    return manifest


class Builder:
    """Makes artifacts, kind by kind, and has them written."""

    def __init__(self, versions: Versions, catalog: Catalog, writer: Writer, workshop: Workshop) -> None:
        self.versions = versions
        self.catalog = catalog
        self.workshop = workshop
        self.writer = writer
        self.licensing = Licensing(versions, workshop)
        self.files = Files()

    def programs(self, kubernetes: Iterable[str]) -> list[tuple[str, str]]:
        """Name and version of each program of these releases, once."""
        return sorted({item for name in kubernetes for item in self.versions.release(name).binaries.items()})

    def wanted(self, kubernetes: Iterable[str], modules: Iterable[str]) -> set[Named]:
        """Binaries and charts of upstream, which could be downloaded."""
        binaries = [item for item in self.programs(kubernetes) if self.versions.binary(*item).published]
        releases = [release for name in modules for release in self._module(name).releases]
        charts = [self.versions.chart(release.chart) for release in releases if not release.chart_dir]
        return {
            *((DownloadKind.BINARY, name, version) for name, version in binaries),
            *((DownloadKind.CHART, chart.name, chart.version) for chart in charts if chart.published),
        }

    def images(
        self, kubernetes: Iterable[str], modules: Iterable[str], official: Official
    ) -> Iterator[Artifact]:
        """Kubernetes' own images and the modules', in one OCI layout."""
        own = {image for name in kubernetes for image in self.versions.release(name).images}
        references = {*own, *official.further}
        for name in modules:
            references.update(self._module(name).images)
        yield from self.layout(references, official)

    def layout(self, references: Iterable[str], official: Official | None = None) -> Iterator[Artifact]:
        """Images, and the OCI layout that has these and no others."""
        official = official or Official()
        wanted = sorted(set(references))
        locked = official.locked(wanted)
        pulled = pull(locked, official.upstreams, self.writer, official.progress)
        found = [(image.artifact, image.nodes[-1]) for image in pulled]
        here = {item.image for item in locked}
        found += [self._assembled(reference) for reference in wanted if reference not in here]
        self.writer.json(f"{LAYOUT}/oci-layout", {"imageLayoutVersion": "1.0.0"})
        index = [_index_entry(artifact, node) for artifact, node in found]
        index.sort(key=lambda entry: json.dumps(entry, sort_keys=True))
        self.writer.json(f"{LAYOUT}/index.json", {"schemaVersion": 2, "manifests": index})
        yield from (artifact for artifact, _ in found)

    def _assembled(self, reference: str) -> tuple[Artifact, Node]:
        spec = self.versions.image(reference)
        image = Assembler(self.versions, self.workshop).build(spec)
        for blob in (*image.blobs, image.manifest):
            self.writer.blob(blob)
        name, _, tag = reference.rpartition(":")
        artifact = Artifact(
            kind=ArtifactKind.IMAGE,
            name=name,
            version=tag,
            digest=image.manifest.digest,
            size=image.size,
            path=blob_path(image.manifest.digest),
            origin="assembled from source builds and Debian packages",
            contents=spec.contents,
            licence=self.licensing.image(spec),
        )
        return artifact, node_of(image.manifest.data)

    def binaries(self, kubernetes: Iterable[str]) -> Iterator[Artifact]:
        """Programs for hosts, and the tools."""
        for name, version in self.programs(kubernetes):
            yield self.binary(name, version)

    def binary(self, name: str, version: str) -> Artifact:
        """One program, or the archive of several."""
        pinned = self.versions.binary(name, version)
        if item := self.files.find(DownloadKind.BINARY, name, version):
            return self._download(self.files.ready(item, self.workshop, pinned))
        file = binary_archive(self.versions, pinned, self.workshop)
        made = self._file(ArtifactKind.BINARY, name, version, file, binary_origin(self.versions, pinned))
        return replace(made, licence=self.licensing.binary(pinned))

    def others(self, named: Iterable[Named]) -> Iterator[Artifact]:
        """Downloads that no release and no module names."""
        for item in filter(None, (self.files.find(*name) for name in sorted(named))):
            yield self._download(self.files.ready(item, self.workshop))

    def charts(self, modules: Iterable[str]) -> Iterator[Artifact]:
        """Every chart of the modules: upstream's, or the module's own."""
        done: set[str] = set()
        for name in modules:
            module = self._module(name)
            for release in module.releases:
                if release.chart in done:
                    continue
                done.add(release.chart)
                if release.chart_dir:
                    yield self._own_chart(release.chart, release.chart_dir, name)
                else:
                    yield self._upstream_chart(self.versions.chart(release.chart))

    def packages(
        self, systems: Iterable[str], gathered: Mapping[str, Path], further: tuple[str, ...]
    ) -> Iterator[Artifact]:
        """A repository per system: fetched, or of what the site has gathered; downloads join either."""
        known = self.versions.packages
        for system in sorted({*systems, *gathered}):
            files = self.files.packages(system)
            if system not in gathered and (known.system(system).suite or not files):
                others = "Debian"
                tar, version = build_repository(known, system, self.workshop, further, files)
            else:
                directory = gathered.get(system)
                others = "the site" if directory else ""
                tar, version = gathered_repository(known, system, directory, self.workshop, further, files)
            origin = self.files.sources(system, others)
            yield self._repository(system, version, tar, origin)

    def catalog_content(self) -> Artifact:
        """Modules, roles and pins that this bundle was built with."""
        entries = [
            Entry(file.relative_to(data_dir()).as_posix(), 0o644, source=file)
            for part in CATALOG_PARTS
            for file in digests.files(data_dir() / part)
        ]

        def build(dest: Path) -> None:
            write_tgz(dest / "catalog.tar.gz", entries)

        place = self.workshop.make("catalog", "slipway", __version__, self.catalog.digest, build)
        packed = place / "catalog.tar.gz"
        made = self._file(ArtifactKind.CATALOG, "slipway", __version__, packed, "Slipway", suffix=".tar.gz")
        return replace(made, licence=own_licence())

    def installer(self) -> Iterator[Artifact]:
        """Slipway itself: wheels, and the script at the bundle's top that installs them.

        A site that lacks one of them gets all: where they are installed nothing can be asked for the rest.
        """
        if not self.versions.wheels:
            return
        others = sources.make(self.versions.wheels, self.versions, self.workshop)
        script = data_dir() / "offline" / INSTALL
        found = {
            file: file_digest(file) for file in (script, own_wheel(self.workshop), *others.glob("*.whl"))
        }
        licences = self.licensing.wheels()
        needed = not all(self.writer.is_elsewhere(digest) for digest in found.values())
        for file, digest in sorted(found.items()):
            licence = licences[file.name] if file.is_relative_to(others) else own_licence()
            artifact = replace(installer_artifact(file, digest), licence=licence)
            self.writer.copy(file, artifact.path, digest, needed=needed)
            yield artifact

    def _module(self, name: str) -> Module:
        if name not in self.catalog.modules:
            known = ", ".join(sorted(self.catalog.modules))
            raise BundleError(f"the catalog has no module {name!r}", hint=f"it has: {known}")
        return self.catalog.modules[name]

    def _upstream_chart(self, chart: Chart) -> Artifact:
        if item := self.files.find(DownloadKind.CHART, chart.name, chart.version):
            return self._download(self.files.ready(item, self.workshop))
        source = self.versions.source(chart.source)
        packed = sources.make(chart.source, self.versions, self.workshop) / PACKED
        origin = f"{getattr(source, 'module', '')}@{source.version}"
        made = self._file(ArtifactKind.CHART, chart.name, chart.version, packed, origin, suffix=".tgz")
        return replace(made, licence=self.licensing.chart(chart.source))

    def _own_chart(self, chart: str, directory: Path, module: str) -> Artifact:
        def build(dest: Path) -> None:
            pack_chart(directory, dest / PACKED)

        chart_file = yaml.safe_load((directory / "Chart.yaml").read_text(encoding="utf-8"))
        version = str(chart_file["version"])
        content = digests.of_files([directory])
        packed = self.workshop.make("chart", chart, version, content, build) / PACKED
        made = self._file(ArtifactKind.CHART, chart, version, packed, f"module {module}", suffix=".tgz")
        return replace(made, licence=self.licensing.own_chart(directory))

    def _repository(self, system: str, version: str, tar: Path, origin: str) -> Artifact:
        made = self._file(ArtifactKind.PACKAGES, system, version, tar, origin, suffix=".tar")
        return replace(made, licence=self.licensing.packages(tar))

    def _download(self, ready: Ready) -> Artifact:
        item = ready.item
        kind = ArtifactKind(item.kind)
        made = self._file(kind, item.name, item.version, ready.path, item.origin, suffix=ready.suffix)
        return replace(made, platform=item.platform)

    def _file(
        self, kind: ArtifactKind, name: str, version: str, source: Path, origin: str, *, suffix: str = ""
    ) -> Artifact:
        """Put one file into the bundle as KIND/NAME-VERSION."""
        suffix = suffix or "".join(part for part in source.suffixes if part in {".tar", ".gz"})
        path = f"{kind}/{name}-{version}{suffix}"
        digest, size = file_digest(source), source.stat().st_size
        self.writer.copy(source, path, digest)
        return Artifact(kind, name, version, digest, size, path=path, origin=origin)


def _index_entry(artifact: Artifact, node: Node) -> dict[str, object]:
    system, _, architecture = artifact.platform.partition("/")
    platform = {"platform": {"architecture": architecture, "os": system}} if architecture else {}
    return {
        "mediaType": node.media_type,
        "digest": node.digest,
        "size": len(node.text),
        **platform,
        "annotations": {"org.opencontainers.image.ref.name": artifact.reference},
    }
