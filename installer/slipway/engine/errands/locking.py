"""`slipway catalog lock`: what a module's charts and images are at their sources, written into its folder."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from slipway import yamltext
from slipway.bundle.ground.tally import Tally
from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.locks import chartrepo
from slipway.bundle.locks.downloading import Ways, fetched_places
from slipway.bundle.locks.downloads import Download, Downloads, check_moved
from slipway.bundle.locks.modulelocks import ReadImages, check_read, read_images
from slipway.bundle.make.charts import ChartFile, chart_values, locked_download, read_chart
from slipway.bundle.make.trees.packing import packed_tree
from slipway.bundle.registry.upstream import Upstreams
from slipway.bundle.registry.web import Web
from slipway.catalog import Catalog, Module, Release
from slipway.catalog.folder.lock import LockedChart, LockedImage, LockedValues, LockFile
from slipway.catalog.folder.reading import LOCK
from slipway.catalog.folder.treefile import LockedTree
from slipway.catalog.images.faults import FaultCode
from slipway.catalog.versions import OWN_IMAGE
from slipway.clock import utc_now
from slipway.cluster.lifecycle.helm import Helm
from slipway.engine.enquiry.images import Checked, built_charts, checked_modules
from slipway.errors import BundleError, ConfigurationError, Finding
from slipway.findings import FindingCode
from slipway.landing import land


@dataclass(frozen=True, slots=True)
class ModuleLocker:
    """What charts are read and packed with; what is fetched stays where `catalog verify` finds it."""

    catalog: Catalog
    helm: Helm
    ways: Ways
    workshop: Workshop
    today: str
    progress: Callable[[Tally], None]

    @classmethod
    def of(
        cls, catalog: Catalog, workshop: Workshop, upstreams: Upstreams, progress: Callable[[Tally], None]
    ) -> "ModuleLocker":
        """With this machine's proxies and accounts."""
        _, helm = built_charts(catalog, workshop)
        today = utc_now().date().isoformat()
        return cls(catalog, helm, Ways(Web(), upstreams), workshop, today, progress)

    def images(self, module: Module, *, accept: bool) -> ReadImages:
        """What registries say now of the images that a module declares, but Slipway's own.

        Raises:
            BundleError: one is not there, or its tag means something else than before and nobody accepts that.
        """
        wanted = [one for one in dict.fromkeys(module.images) if not one.startswith(f"{OWN_IMAGE}:")]
        read = read_images(self.ways.upstreams, wanted, self.today)
        check_read(module.lock.digests if module.lock else (), read.found, accept=accept)
        return read

    def locked(self, module: Module, *, accept: bool, images: ReadImages | None = None) -> LockFile:
        """The lock of a module, read now; `images`: what was read of these besides.

        Digests of images that nobody could read stay as they were, and go with an image that is not declared any more.

        Raises:
            ConfigurationError: it has no chart of somebody else's, or one cannot be rendered.
            BundleError: a chart is not there, has no digest, or has other contents than before and nobody accepts
                these.
        """
        found = {one.name: self._resolved(one) for one in module.releases if one.repository}
        packed = {
            one.name: packed_tree(module, one, self.catalog.versions, self.workshop)
            for one in module.releases
            if one.tree
        }
        if not (found or packed or images):
            what = (
                f"module {module.name} has no chart at a repository or of a tree, so there is nothing to lock"
            )
            hint = "--images locks the digests of its images"
            raise ConfigurationError(what, where=str(module.directory), hint=hint)
        former = module.lock or LockFile()
        _check_moved(former, found.values(), [one.locked for one in packed.values()], accept=accept)
        places = fetched_places(found.values(), self.workshop.root, self.ways, self.progress)
        charts = {name: read_chart(places[item]) for name, item in found.items()}
        charts |= {name: read_chart(one.path) for name, one in packed.items()}
        checked = self._looked_at(module, charts) if charts else Checked(module.name)
        releases = {release.name: release for release in module.releases}
        return LockFile(
            charts=tuple(_locked(releases[name], item, charts[name]) for name, item in found.items()),
            trees=tuple(dict.fromkeys(one.locked for one in packed.values())),
            images=checked.images,
            mentioned=checked.mentioned,
            crds=checked.crds,
            values=_known(releases, charts),
            digests=_digests(module, former, images),
        )

    def _resolved(self, release: Release) -> Download:
        chart = f"{release.repository.rstrip('/')}/{release.chart}:{release.version}"
        return chartrepo.resolve(self.ways, chart, self.today)

    def _looked_at(self, module: Module, charts: Mapping[str, ChartFile]) -> Checked:
        """All its charts rendered over the settings that its tests accept."""

        def chart_of(_: Module, release: Release) -> ChartFile | None:
            own = release.chart_dir
            return charts.get(release.name) or (read_chart(own) if own else None)

        (checked,) = checked_modules(self.catalog.of([module.name]), chart_of, self.helm)
        unrendered = [fault for fault in checked.faults if fault.code is FaultCode.NOT_RENDERED]
        if unrendered:
            what = f"the charts of module {module.name} cannot be rendered"
            where, hint = str(module.directory), unrendered[0].hint
            raise ConfigurationError(what, where=where, why=unrendered[0].problem, hint=hint)
        return checked


def _digests(module: Module, former: LockFile, images: ReadImages | None) -> tuple[LockedImage, ...]:
    """What was read now in the place of what was read before."""
    read = {one.image: one for one in (*former.digests, *(images.found if images else ()))}
    return tuple(one for image, one in sorted(read.items()) if image in module.images)


def _known(releases: Mapping[str, Release], charts: Mapping[str, ChartFile]) -> tuple[LockedValues, ...]:
    """What each chart knows of values, once."""
    paths = {releases[name].chart: chart.path for name, chart in charts.items()}
    return tuple(LockedValues.of(name, chart_values(path)) for name, path in sorted(paths.items()))


def write_lock(module: Module, lock: LockFile) -> Path:
    """By rename; the file."""
    path = module.directory / LOCK
    nothing_read = set() if lock.digests else {"digests"}
    text = yamltext.dump(lock.model_dump(mode="json", by_alias=True, exclude=nothing_read))
    land(path, f"# Written by `slipway catalog lock {module.name}`: run it again instead of editing.\n{text}")
    return path


def _check_moved(
    former: LockFile, found: Iterable[Download], packed: Iterable[LockedTree], *, accept: bool
) -> None:
    """Refuse what has other contents than before under the same name, unless somebody has looked.

    Raises:
        BundleError: naming each.
    """
    charts = Downloads(tuple(locked_download(one, "") for one in former.charts))
    check_moved(charts, found, accept=accept)
    before = {(one.origin, one.path, one.name, one.version): one for one in former.trees}
    findings = tuple(
        Finding(
            f"tree/{new.origin}",
            f"has other contents than before: {new.sum}",
            expected=old.sum,
            code=FindingCode.MOVED,
        )
        for new in packed
        if (old := before.get((new.origin, new.path, new.name, new.version))) and old.sum != new.sum
    )
    if findings and not accept:
        hint = "find out why, then take them with --accept"
        raise BundleError("trees have other contents than before", findings=findings, hint=hint)


def _locked(release: Release, item: Download, chart: ChartFile) -> LockedChart:
    return LockedChart(
        name=item.name,
        version=item.version,
        repository=release.repository,
        url=item.url,
        sha256=item.sha256,
        source=item.source,
        read=item.read,
        subcharts=chart.subcharts,
    )
