"""Makes the artifacts of a bundle, kind by kind; whoever builds one says which."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from slipway import __version__, yamltext
from slipway.bundle.form import layout
from slipway.bundle.form.layout import LAYOUT, blob_path, stored_manifest
from slipway.bundle.form.modulefolder import folder_entries, folder_version
from slipway.bundle.form.writer import Writer
from slipway.bundle.ground.archive import ArchiveEntry, file_digest, write_tgz
from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.licences.own import own_licence
from slipway.bundle.locks.downloads import Download, DownloadKind
from slipway.bundle.locks.modulelocks import digests_of
from slipway.bundle.make import sources
from slipway.bundle.make.binaries import binary_archive, binary_origin
from slipway.bundle.make.bom import Bom, Ledger, packed_parts
from slipway.bundle.make.charts import chart_download
from slipway.bundle.make.files import Files, Ready
from slipway.bundle.make.images import Assembler
from slipway.bundle.make.indexes import ImagePart, joined
from slipway.bundle.make.licensing import Licensing
from slipway.bundle.make.official import NamedDownload, Official, platforms_needed
from slipway.bundle.make.packages import build_repository, gathered_for, gathered_repository
from slipway.bundle.make.pulling import pull
from slipway.bundle.make.sources.chart import PACKED, pack_own_chart
from slipway.bundle.make.trees.packing import locked_tree
from slipway.bundle.make.unread import with_unread
from slipway.catalog import Catalog, Module, Release, shipped
from slipway.catalog.pins import Chart
from slipway.catalog.versions import Versions
from slipway.clock import utc_now
from slipway.errors import BundleError, Finding
from slipway.findings import FindingCode
from slipway.model.bundle import Artifact, ArtifactKind, chart_name
from slipway.model.platforms import AMD64, BY_NAME, Platform
from slipway.settings import data_dir

#: What of the checkout or wheel the catalog artifact carries; modules are artifacts of their own.
CATALOG_PARTS = ("images", "offline", "playbooks", "plugins", "roles")


class Builder:
    """Makes artifacts, kind by kind, and has them written."""

    def __init__(
        self,
        versions: Versions,
        catalog: Catalog,
        writer: Writer,
        workshop: Workshop,
        platforms: tuple[Platform, ...] = (AMD64,),
    ) -> None:
        self.versions = versions
        self.catalog = catalog
        self.workshop = workshop
        self.writer = writer
        self.platforms = platforms
        self.files = Files()
        self.parts = Ledger()

    def programs(self, kubernetes: Iterable[str]) -> list[tuple[str, str]]:
        """Name and version of each program of these releases, once."""
        return self.versions.programs(kubernetes)

    def wanted(self, kubernetes: Iterable[str], modules: Iterable[str]) -> set[NamedDownload]:
        """Binaries and charts of upstream, which could be downloaded."""
        binaries = [item for item in self.programs(kubernetes) if self.versions.binary(*item).published]
        charts = [
            self.versions.chart(chart_name(name, release.chart))
            for name in modules
            for release in self._module(name).releases
            if release.by_build
        ]
        return {
            *((item.kind, item.artifact, item.version) for item in self.locked_charts(modules)),
            *((DownloadKind.BINARY, name, version) for name, version in binaries),
            *((DownloadKind.CHART, chart.name, chart.version) for chart in charts if chart.published),
        }

    def locked_charts(self, modules: Iterable[str]) -> list[Download]:
        """Charts that come from their repositories.

        Raises:
            BundleError: nobody has read the digest of one.
        """
        return [
            chart_download(name, release)
            for name in modules
            for release in self._module(name).releases
            if release.repository
        ]

    def images(
        self, kubernetes: Iterable[str], images: Iterable[str], official: Official
    ) -> Iterator[Artifact]:
        """Kubernetes' own images and these, in one OCI layout."""
        yield from self.layout({*self.versions.images_of(kubernetes), *official.further, *images}, official)

    def images_of(self, modules: Iterable[str]) -> set[str]:
        """All that may run of these modules."""
        return {image for name in modules for image in self._module(name).images}

    def layout(self, references: Iterable[str], official: Official | None = None) -> Iterator[Artifact]:
        """Images, and the OCI layout that has these and no others."""
        official = official or Official()
        wanted = sorted(set(references))
        official = self._with_unread(official, wanted)
        locked = official.locked(wanted)
        self._check_origins({*wanted} - {item.image for item in locked})
        pulled = pull(locked, official.upstreams, self.writer, official.progress, official.unread)
        parts = [(image.artifact, image.nodes[-1]) for image in pulled]
        here = {item.image for item in locked}
        built = [reference for reference in wanted if reference not in here]
        parts += [self._assembled(reference, platform) for reference in built for platform in self.platforms]
        found = list(joined(parts, self.writer))
        self.writer.json(f"{LAYOUT}/{layout.VERSION_FILE}", dict(layout.VERSION))
        named = ((artifact.reference, artifact.platform, node) for artifact, node in found)
        self.writer.json(f"{LAYOUT}/{layout.INDEX_FILE}", layout.named_index(named))
        yield from (artifact for artifact, _ in found)

    def _with_unread(self, official: Official, wanted: Iterable[str]) -> Official:
        users = self._users(wanted)
        open_ = [one for one in users if not official.knows(one)]
        known = digests_of(self.catalog.modules.values(), open_, official.platforms)
        return with_unread(official, users, self._recipes(), known, utc_now(), self.workshop.progress)

    def _recipes(self) -> set[str]:
        """Images that can be built."""
        return {image.full_reference for image in self.versions.images}

    def _users(self, references: Iterable[str]) -> dict[str, list[str]]:
        """Images with the modules that declare each."""
        modules = self.catalog.modules.values()
        return {one: [item.name for item in modules if one in item.images] for one in sorted(references)}

    def _check_origins(self, references: set[str]) -> None:
        """All that is not pulled can be built; what cannot is named whole, before anything is pulled or built."""
        users = self._users(references - self._recipes())
        if users:
            raise BundleError(
                "images have neither a lock nor a recipe",
                findings=tuple(
                    Finding(
                        f"image/{reference}",
                        f"of {', '.join(names) or 'nobody'} has neither",
                        code=FindingCode.UNVERIFIED,
                    )
                    for reference, names in users.items()
                ),
                hint="slipway bundle lock reads their digests; --profile minimal takes enabled modules alone",
            )

    def _assembled(self, reference: str, platform: Platform) -> ImagePart:
        spec = self.versions.image(reference)
        image = Assembler(self.versions, self.workshop, platform).build(spec)
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
            platform=platform.name,
            origin="assembled from source builds and Debian packages",
            contents=spec.contents,
            licence=self._licensing(platform).image(spec),
        )
        self.parts.note(artifact, self._bom(platform).image(spec))
        return artifact, stored_manifest(image.manifest.data)

    def binaries(self, kubernetes: Iterable[str]) -> Iterator[Artifact]:
        """Programs for hosts, and the tools."""
        for name, version in self.programs(kubernetes):
            for platform in platforms_needed(DownloadKind.BINARY, name, self.platforms):
                yield self.binary(name, version, platform)

    def binary(self, name: str, version: str, platform: Platform = AMD64) -> Artifact:
        """One program, or the archive of several."""
        pinned = self.versions.binary(name, version)
        if item := self.files.find(DownloadKind.BINARY, name, version, platform):
            return self._download(self.files.ready(item, self.workshop, pinned))
        file = binary_archive(self.versions, pinned, self.workshop, platform)
        origin = binary_origin(self.versions, pinned)
        made = self._file(ArtifactKind.BINARY, name, version, file, origin, platform=platform)
        self.parts.note(made, self._bom(platform).binary(pinned))
        return replace(made, licence=self._licensing(platform).binary(pinned))

    def others(self, named: Iterable[NamedDownload]) -> Iterator[Artifact]:
        """Downloads that no release and no module names."""
        for kind, name, version in sorted(named):
            for platform in platforms_needed(kind, name, self.platforms):
                if item := self.files.find(kind, name, version, platform):
                    yield self._download(self.files.ready(item, self.workshop))

    def charts(self, modules: Iterable[str]) -> Iterator[Artifact]:
        """Every chart of the modules, each once, under the name of its module: upstream's, or the module's own."""
        for module in modules:
            releases = {release.chart: release for release in self._module(module).releases}
            for chart, release in releases.items():
                name = chart_name(module, chart)
                if release.tree:
                    yield self._packed_chart(name, self._module(module), release)
                elif release.chart_dir:
                    yield self._own_chart(name, release.chart_dir, module)
                elif release.repository:
                    yield from self.others([(DownloadKind.CHART, name, release.version)])
                else:
                    yield self._upstream_chart(self.versions.chart(name))

    def modules(self, names: Iterable[str] = ()) -> Iterator[Artifact]:
        """The folders of these modules; none named: of all that can be used, even without what they need."""
        for name in names or self.catalog.modules:
            yield self._module_folder(self._module(name))

    def _module_folder(self, module: Module) -> Artifact:
        def build(dest: Path) -> None:
            write_tgz(dest / "module.tar.gz", folder_entries(module.directory))

        name, version = module.name, folder_version(module)
        packed = self.workshop.make("module", name, module.version, module.digest, build) / "module.tar.gz"
        made = self._file(ArtifactKind.MODULE, name, version, packed, f"module {name}", suffix=".tar.gz")
        ours = module.directory.parent == data_dir() / "modules"
        return replace(made, licence=own_licence() if ours else "")

    def packages(
        self, systems: Iterable[str], gathered: Mapping[str, Path], further: tuple[str, ...]
    ) -> Iterator[Artifact]:
        """A repository per system and platform: fetched, or of what a site has gathered; downloads join either."""
        for system in sorted({*systems, *gathered}):
            directory = gathered.get(system)
            for platform in gathered_for(directory, self.platforms) if directory else self.platforms:
                yield self._packages(system, directory, further, platform)

    def _packages(
        self, system: str, directory: Path | None, further: tuple[str, ...], platform: Platform
    ) -> Artifact:
        known, files = self.versions.packages, self.files.packages(system, platform)
        if directory is None and (known.system(system).suite or not files):
            others = "Debian"
            tar, version = build_repository(known, system, self.workshop, further, files, platform)
        else:
            others = "the site" if directory else ""
            tar, version = gathered_repository(
                known, system, directory, self.workshop, further, files, platform
            )
        origin = self.files.sources(system, others, platform)
        made = self._file(
            ArtifactKind.PACKAGES, system, version, tar, origin, suffix=".tar", platform=platform
        )
        self.parts.note(made, packed_parts(tar, system))
        return replace(made, licence=self._licensing(platform).packages(tar))

    def catalog_content(self) -> Artifact:
        """Roles and pins that this bundle was built with."""
        entries = [
            ArchiveEntry(file.relative_to(data_dir()).as_posix(), 0o644, source=file)
            for part in CATALOG_PARTS
            for file in shipped.files(data_dir() / part)
        ]

        def build(dest: Path) -> None:
            write_tgz(dest / "catalog.tar.gz", entries)

        place = self.workshop.make("catalog", "slipway", __version__, self.catalog.core, build)
        packed = place / "catalog.tar.gz"
        made = self._file(ArtifactKind.CATALOG, "slipway", __version__, packed, "Slipway", suffix=".tar.gz")
        return replace(made, licence=own_licence())

    def _licensing(self, platform: Platform = AMD64) -> Licensing:
        return Licensing(self.versions, self.workshop, platform)

    def _bom(self, platform: Platform) -> Bom:
        return Bom(self.versions, self.workshop, platform)

    def _module(self, name: str) -> Module:
        if name not in self.catalog.modules:
            known = ", ".join(sorted(self.catalog.modules))
            raise BundleError(f"the catalog has no module {name!r}", hint=f"it has: {known}")
        return self.catalog.modules[name]

    def _upstream_chart(self, chart: Chart) -> Artifact:
        if item := self.files.find(DownloadKind.CHART, chart.name, chart.version):
            return self._download(self.files.ready(item, self.workshop))
        source = self.versions.source(chart.source)
        packed = sources.source_directory(chart.source, self.versions, self.workshop) / PACKED
        origin = f"{getattr(source, 'module', '')}@{source.version}"
        made = self._file(ArtifactKind.CHART, chart.name, chart.version, packed, origin, suffix=".tgz")
        return replace(made, licence=self._licensing().chart(chart.source))

    def _own_chart(self, name: str, directory: Path, module: str) -> Artifact:
        def build(dest: Path) -> None:
            pack_own_chart(directory, dest / PACKED)

        chart_file = yamltext.load((directory / "Chart.yaml").read_bytes(), strict=False)
        version = str(chart_file["version"])
        content = shipped.digest_of_files([directory])
        packed = self.workshop.make("chart", name, version, content, build) / PACKED
        made = self._file(ArtifactKind.CHART, name, version, packed, f"module {module}", suffix=".tgz")
        return replace(made, licence=Licensing.own_chart(directory))

    def _packed_chart(self, name: str, module: Module, release: Release) -> Artifact:
        made = locked_tree(module, release, self.versions, self.workshop)
        place = (ArtifactKind.CHART, name, release.version, made.path, made.locked.origin)
        return replace(self._file(*place, suffix=".tgz"), licence=made.licence)

    def _download(self, ready: Ready) -> Artifact:
        item = ready.item
        kind = ArtifactKind(item.kind)
        platform = AMD64 if kind is ArtifactKind.CHART else BY_NAME[item.platform]
        return self._file(
            kind, item.artifact, item.version, ready.path, item.origin, suffix=ready.suffix, platform=platform
        )

    def _file(
        self,
        kind: ArtifactKind,
        name: str,
        version: str,
        source: Path,
        origin: str,
        *,
        suffix: str = "",
        platform: Platform = AMD64,
    ) -> Artifact:
        """Put one file into the bundle as KIND/NAME-VERSION, with the architecture behind where it is not amd64."""
        suffix = suffix or "".join(part for part in source.suffixes if part in {".tar", ".gz"})
        path = f"{kind}/{name}-{version}{platform.suffix}{suffix}"
        digest, size = file_digest(source), source.stat().st_size
        self.writer.copy(source, path, digest)
        return Artifact(kind, name, version, digest, size, path=path, platform=platform.name, origin=origin)
