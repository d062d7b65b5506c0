"""Values of which a chart knows nothing, as faults of a module and as findings of a ClusterConfiguration. Pure."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from slipway.api.yamlfile import step
from slipway.catalog.chartvalues.known import KnownValues, unknown_values
from slipway.catalog.images.faults import HINTS, Fault, FaultCode
from slipway.catalog.modules import Module, Release
from slipway.errors import WARNING, Finding
from slipway.findings import FindingCode

if TYPE_CHECKING:
    from slipway.model.configuration import Configuration

#: What is known of a release's chart; None: nothing.
KnownOf = Callable[[Module, Release], KnownValues | None]


def value_faults(
    module: Module, chart: str, known: KnownValues, given: Iterable[Mapping[str, Any]]
) -> Iterator[Fault]:
    """One warning per value that a module or a site gives a chart, and that the chart does not know."""
    unknown = {one.path: one.nearest for values in given for one in unknown_values(known, values)}
    for path, nearest in unknown.items():
        text = f"{chart} knows no value {'.'.join(path)}{_near(nearest)}"
        code = FaultCode.UNKNOWN_VALUE
        yield Fault(module.name, "", code, text, HINTS[code], WARNING)


def value_findings(
    modules: Mapping[str, Module], configuration: "Configuration", on: Collection[str], known_of: KnownOf
) -> Iterator[Finding]:
    """Of the raw `values` that a ClusterConfiguration gives modules that are on."""
    for name, spec in configuration.spec.modules.items():
        module = modules.get(name)
        if module and name in on and spec.values:
            several = len(module.releases) > 1
            for release in module.releases:
                given = spec.values.get(release.name, {}) if several else spec.values
                known = known_of(module, release) if isinstance(given, Mapping) and given else None
                place = f"spec.modules.{name}.values"
                yield from _findings(known, given, step(place, release.name) if several else place, release)


def _findings(
    known: KnownValues | None, given: Mapping[str, Any], place: str, release: Release
) -> Iterator[Finding]:
    for one in unknown_values(known, given) if known else ():
        path = place
        for key in one.path:
            path = step(path, key)
        yield Finding(
            path,
            f"is nothing that chart {release.chart} knows",
            hint=f"did you mean {one.nearest}?" if one.nearest else "Helm passes over it: take it out",
            code=FindingCode.UNKNOWN_VALUE,
            severity=WARNING,
        )


def _near(nearest: str) -> str:
    return f"; did you mean {nearest}?" if nearest else ""
