"""Renders the modules' charts with the real Helm, and has what they refer to compared with what modules declare.

`slipway catalog verify` asks for all modules (`verify`); `slipway bundle verify` asks what a site's own charts need
(engine/closure.py). Where charts come from is the caller's: a function from a release to a chart.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.make.binaries import binary_archive
from slipway.bundle.make.charts import ChartFile, chart_path, chart_values, charts_in, read_chart
from slipway.catalog import Catalog, Module, Release, cluster_facts, samples
from slipway.catalog.chartvalues.findings import value_faults
from slipway.catalog.images.faults import (
    Fault,
    FaultCode,
    condition_faults,
    image_faults,
    locked_faults,
)
from slipway.catalog.images.found import Rendering, found_in
from slipway.catalog.images.references import Use
from slipway.catalog.numbers import spoiled
from slipway.catalog.relations.asking import answers
from slipway.catalog.rendering import merge
from slipway.cluster.lifecycle.helm import Helm
from slipway.cluster.lifecycle.rendered import manifests
from slipway.errors import WARNING, BundleError, ConfigurationError, SlipwayError
from slipway.model.configuration import Configuration, ModuleSpec, Spec
from slipway.settings import NAMESPACE

#: Helm is a process of its own that mostly parses: a few at once fill the cores of any machine.
PARALLEL = 4

#: Of a module's release; None: there is no such chart here.
ChartOf = Callable[[Module, Release], ChartFile | None]


@dataclass(frozen=True, slots=True)
class Checked:
    """What was looked at of one module.

    `images` are those that its charts refer to, `runtime_images` those that it declares besides; `values` counts the
    sets of values that its charts were rendered with. `crds` are the definitions that its charts bring.
    """

    module: str
    charts: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    runtime_images: tuple[str, ...] = ()
    values: int = 0
    faults: tuple[Fault, ...] = ()
    crds: tuple[str, ...] = ()
    mentioned: tuple[str, ...] = ()
    """What text in its charts names besides."""
    pulled: tuple[str, ...] = ()
    """Of what it declares that which no recipe builds: `bundle build` pulls it as `bundle lock` has read it."""


def built_charts(catalog: Catalog, workshop: Workshop) -> tuple[ChartOf, Helm]:
    """Charts and Helm as `bundle build` takes them, made or fetched now where they were not."""
    versions = catalog.versions
    binaries = versions.release(versions.kubernetes).binaries
    program = binary_archive(versions, versions.binary("helm", binaries["helm"]), workshop)

    def chart_of(module: Module, release: Release) -> ChartFile | None:
        path = chart_path(module, release, versions, workshop)
        return read_chart(path) if path else None

    return chart_of, Helm(program, None)


def fetched_charts(catalog: Catalog, directory: Path) -> ChartOf:
    """Charts of a directory; a module's own chart that is not there is the module's.

    Raises:
        ConfigurationError: no module has any of the charts.
    """
    found = charts_in(directory)
    known = {release.chart for module in catalog.modules.values() for release in module.releases}
    if not known & set(found):
        raise ConfigurationError(
            "no module has any of these charts",
            where=str(directory),
            why=f"there are {', '.join(found)}; modules have {', '.join(sorted(known))}",
        )

    def chart_of(module: Module, release: Release) -> ChartFile | None:
        del module
        own = release.chart_dir
        return found.get(release.chart) or (read_chart(own) if own else None)

    return chart_of


def checked_modules(
    catalog: Catalog, charts: ChartOf, helm: Helm, configuration: Configuration | None = None
) -> list[Checked]:
    """Every module of the catalog: with the values of a site, or with those of the module's own samples."""
    with ThreadPoolExecutor(PARALLEL, thread_name_prefix="helm") as pool:
        verifier = _Verifier(catalog, charts, helm, configuration)
        return list(pool.map(verifier.check, catalog.modules.values()))


class _Verifier:
    """What all modules are checked with."""

    def __init__(
        self, catalog: Catalog, charts: ChartOf, helm: Helm, configuration: Configuration | None
    ) -> None:
        self.catalog, self.charts, self.helm = catalog, charts, helm
        self.site = configuration
        about = configuration or any_site(catalog)
        self.facts = cluster_facts(about)
        self.kubernetes = (
            about.spec.kubernetes.version if about.spec.kubernetes else catalog.versions.kubernetes
        )
        self.built = {image.full_reference for image in catalog.versions.images}

    def check(self, module: Module) -> Checked:
        """One module; a chart that cannot be rendered is a fault like others, one that cannot be had is not."""
        try:
            charts = [(release, self.charts(module, release)) for release in module.releases]
            missing = [_no_chart(module, release) for release, chart in charts if chart is None]
            cases = self._cases(module)
            made = [] if missing else [list(self._renderings(charts, values)) for _, values in cases]
        except BundleError:
            raise
        except SlipwayError as error:
            return Checked(module.name, faults=(_not_rendered(module, error),))
        if missing:
            return Checked(module.name, faults=(*locked_faults(module), *missing))
        renderings = [one for several in made for one in several]
        found = found_in(renderings)
        used = sorted({item.reference.image for item in found if item.reference.use is not Use.TEXT})
        faults = [
            *image_faults(module, found, complete=self.site is None),
            *spoiled(module, renderings),
            *self._wrong_conditions(module, zip([settings for settings, _ in cases], made, strict=True)),
        ]
        for release, chart in charts:
            if chart:
                given = [values[release.name] for _, values in cases]
                faults += value_faults(module, chart.label, chart_values(chart.path), given)
        labels = tuple(dict.fromkeys(rendering.chart for rendering in renderings))
        crds = {
            item.name.partition("/")[2]
            for rendering in renderings
            for item in rendering.manifests
            if item.content.get("kind") == "CustomResourceDefinition"
        }
        return Checked(
            module.name,
            charts=labels,
            images=tuple(used),
            runtime_images=module.runtime_images,
            values=len(cases),
            faults=tuple(faults),
            crds=tuple(sorted(crds)),
            mentioned=tuple(sorted({item.reference.image for item in found} - set(used))),
            pulled=tuple(image for image in dict.fromkeys(module.images) if image not in self.built),
        )

    def _wrong_conditions(
        self, module: Module, made: Iterable[tuple[Mapping[str, Any], list[Rendering]]]
    ) -> list[Fault]:
        """One fault per image."""
        if not module.image_conditions:
            return []
        faults = [
            fault
            for settings, renderings in made
            for fault in condition_faults(
                module, self.catalog.settings(module, settings), found_in(renderings)
            )
        ]
        return list({fault.image: fault for fault in faults}.values())

    def _cases(self, module: Module) -> list[tuple[Mapping[str, Any], dict[str, dict[str, Any]]]]:
        """Settings, and the values per release that come of them."""
        if self.site:
            spec = self.site.spec.modules.get(module.name, ModuleSpec())
            given = [(spec.settings, spec.values)]
        else:
            given = [(settings, {}) for settings in samples(module)]
        return [
            (settings, self.catalog.values(module, settings, values, self.facts, on))
            for settings, values in given
            for on in answers(module)  # what it uses may come later
        ]

    def _renderings(
        self,
        charts: Iterable[tuple[Release, ChartFile | None]],
        values: Mapping[str, Mapping[str, Any]],
    ) -> Iterator[Rendering]:
        for release, chart in charts:
            if chart:
                place = (release.name, release.namespace)
                yield rendering(*place, chart, values[release.name], self.helm, self.kubernetes)


def rendering(
    release: str, namespace: str, chart: ChartFile, values: Mapping[str, Any], helm: Helm, kubernetes: str
) -> Rendering:
    """What a chart makes at the first installation and at an upgrade: a chart may make more of the one or the other."""
    texts = dict.fromkeys(
        helm.template(release, chart.path, values, namespace, kubernetes=kubernetes, upgrade=upgrade)
        for upgrade in (False, True)
    )
    made = tuple(item for text in texts for item in manifests(text))
    return Rendering(chart.label, merge(chart.values, values), made)


def any_site(catalog: Catalog) -> Configuration:
    """A site that has what every site has."""
    kubernetes = {"version": catalog.versions.kubernetes, "endpoint": {"address": "api.example.internal"}}
    spec = Spec.model_validate({"kubernetes": kubernetes})
    return Configuration(name="example", namespace=NAMESPACE, spec=spec)


def _not_rendered(module: Module, error: SlipwayError) -> Fault:
    why = f": {error.why}" if error.why else ""
    hint = error.hint or "correct the chart, or the module's values"
    return Fault(module.name, "", FaultCode.NOT_RENDERED, f"{error.what}{why}", hint)


def _no_chart(module: Module, release: Release) -> Fault:
    lock = " but with lock.yaml" if module.lock and module.lock.of_charts else ""
    text = f"there is no chart {release.chart} here, so nothing was compared{lock}"
    hint = "give a directory with repositories that were fetched elsewhere: --trees-dir DIR"
    if not release.tree:
        hint = "fetch it into the directory"
    return Fault(module.name, "", FaultCode.NO_CHART, text, hint, WARNING)
