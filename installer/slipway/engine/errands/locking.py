"""`slipway catalog lock`: what a module's charts are at their repositories, written into its folder."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from slipway import yamltext
from slipway.bundle.ground.tally import Tally
from slipway.bundle.locks import chartrepo
from slipway.bundle.locks.downloading import Ways, fetched_places
from slipway.bundle.locks.downloads import Download, Downloads
from slipway.bundle.make.charts import ChartFile, locked_download, read_chart
from slipway.bundle.registry.upstream import Upstreams
from slipway.bundle.registry.web import Web
from slipway.catalog import Catalog, Module, Release
from slipway.catalog.folder.lock import LockedChart, LockFile
from slipway.catalog.folder.reading import LOCK
from slipway.catalog.images.faults import FaultCode
from slipway.clock import utc_now
from slipway.cluster.lifecycle.helm import Helm
from slipway.engine.enquiry.images import Checked, built_charts, checked_modules
from slipway.errors import ConfigurationError
from slipway.landing import land
from slipway.settings import cache_dir


@dataclass(frozen=True, slots=True)
class ModuleLocker:
    """What charts are read with, and where they are kept for `catalog verify` to find them."""

    catalog: Catalog
    helm: Helm
    ways: Ways
    cache: Path
    today: str
    progress: Callable[[Tally], None]

    @classmethod
    def of(
        cls, catalog: Catalog, told: Callable[[str], None], progress: Callable[[Tally], None]
    ) -> "ModuleLocker":
        """With this machine's cache, proxies and accounts."""
        _, helm = built_charts(catalog, told)
        today = utc_now().date().isoformat()
        return cls(catalog, helm, Ways(Web(), Upstreams()), cache_dir(), today, progress)

    def locked(self, module: Module, *, accept: bool) -> LockFile:
        """The lock of a module, read now.

        Raises:
            ConfigurationError: it has no chart at a repository, or one cannot be rendered.
            BundleError: a chart is not there, has no digest, or has other contents than before and nobody accepts
                these.
        """
        releases = [release for release in module.releases if release.repository]
        if not releases:
            what = f"module {module.name} has no chart at a repository, so there is nothing to lock"
            raise ConfigurationError(what, where=str(module.directory))
        found = {release.name: self._resolved(release) for release in releases}
        charts = module.lock.charts if module.lock else ()
        former = Downloads(tuple(locked_download(one, "") for one in charts))
        chartrepo.check_moved(former, found.values(), accept=accept)
        checked = self._looked_at(module, found)
        entries = tuple(_locked(release, found[release.name]) for release in releases)
        return LockFile(charts=entries, images=checked.images, mentioned=checked.mentioned, crds=checked.crds)

    def _resolved(self, release: Release) -> Download:
        chart = f"{release.repository.rstrip('/')}/{release.chart}:{release.version}"
        return chartrepo.resolve(self.ways, chart, self.today)

    def _looked_at(self, module: Module, found: Mapping[str, Download]) -> Checked:
        """All its charts rendered over the settings that its tests accept."""
        places = fetched_places(found.values(), self.cache, self.ways, self.progress)

        def chart_of(_: Module, release: Release) -> ChartFile | None:
            if release.name in found:
                return read_chart(places[found[release.name]])
            return read_chart(release.chart_dir) if release.chart_dir else None

        (checked,) = checked_modules(self.catalog.of([module.name]), chart_of, self.helm)
        unrendered = [fault for fault in checked.faults if fault.code is FaultCode.NOT_RENDERED]
        if unrendered:
            what = f"the charts of module {module.name} cannot be rendered"
            where, hint = str(module.directory), unrendered[0].hint
            raise ConfigurationError(what, where=where, why=unrendered[0].problem, hint=hint)
        return checked


def write_lock(module: Module, lock: LockFile) -> Path:
    """By rename; the file."""
    path = module.directory / LOCK
    text = yamltext.dump(lock.model_dump(mode="json", by_alias=True))
    land(path, f"# Written by `slipway catalog lock {module.name}`: run it again instead of editing.\n{text}")
    return path


def _locked(release: Release, item: Download) -> LockedChart:
    return LockedChart(
        name=item.name,
        version=item.version,
        repository=release.repository,
        url=item.url,
        sha256=item.sha256,
        source=item.source,
        read=item.read,
    )
