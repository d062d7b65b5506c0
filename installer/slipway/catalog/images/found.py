"""References of rendered charts, each with the place where it stands and the values that give it. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from slipway.catalog.images.names import values_behind, values_beside
from slipway.catalog.images.references import Manifest, Reference, references


@dataclass(frozen=True, slots=True)
class ImagePlace:
    """Where a chart refers to an image; `values` are the paths of the values that give it, if any do."""

    chart: str
    template: str
    object: str
    field: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rendering:
    """What a chart makes of some values. `values` are the module's over the chart's own."""

    chart: str
    values: Mapping[str, Any] = field(repr=False)
    manifests: tuple[Manifest, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Found:
    """A reference, where it stands, and where its pull policy does."""

    reference: Reference
    place: ImagePlace
    policy: ImagePlace


def found_in(renderings: Iterable[Rendering]) -> list[Found]:
    """Every reference at every place, once."""
    seen: dict[tuple[Reference, str], Found] = {}
    for rendering in renderings:
        for item in references(rendering.manifests):
            if (item, rendering.chart) not in seen:
                seen[item, rendering.chart] = _placed(rendering, item)
    return list(seen.values())


def _placed(rendering: Rendering, item: Reference) -> Found:
    values = values_behind(rendering.values, item.image)
    policy = values_beside(rendering.values, values, item.policy) if item.policy else ()
    place = ImagePlace(rendering.chart, item.template, item.object, item.field, values)
    return Found(item, place, replace(place, field=item.policy_field, values=policy))
