"""A module's list of images against what its charts really refer to. Pure; engine/images.py renders the charts.

`check` answers with one Fault per thing that is wrong; the places of a fault say chart, template, object and values.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from slipway.catalog.imagenames import parse, values_behind, values_beside
from slipway.catalog.modules import Module
from slipway.catalog.references import Manifest, Reference, Use, references
from slipway.errors import ERROR, WARNING, Severity


class FaultCode(StrEnum):
    """What can be wrong, in the order in which an image's faults are told."""

    NOT_DECLARED = "not-declared"
    NO_REGISTRY = "no-registry"
    LATEST = "latest"
    ALWAYS = "always"
    UNUSED = "unused"
    NOT_RUNTIME = "not-runtime"
    NOT_PINNED = "not-pinned"
    NUMBER = "number"
    MENTIONED = "mentioned"
    NOT_RENDERED = "not-rendered"
    NO_CHART = "no-chart"


#: What to do about each.
HINTS: Final = {
    FaultCode.NOT_DECLARED: "add it to `images` of module.yaml, or give the chart another",
    FaultCode.NO_REGISTRY: "give the chart the full name: the site registry knows images by where they come from",
    FaultCode.LATEST: "give the chart a tag that names one version",
    FaultCode.ALWAYS: "set the chart's pull policy to IfNotPresent",
    FaultCode.UNUSED: "take it out of `images`; if an operator starts it, list it as `runtimeImages` instead",
    FaultCode.NOT_RUNTIME: "list it as `images`: `runtimeImages` are for what no chart refers to",
    FaultCode.NOT_PINNED: "say in build.yaml how it is assembled, or have it pulled: slipway bundle lock",
    FaultCode.NUMBER: "write it as text in the values, in quotes; or have the template print it with `| int64`",
    FaultCode.MENTIONED: "if something starts it, list it as `runtimeImages`",
}


@dataclass(frozen=True, slots=True)
class ImagePlace:
    """Where a chart refers to an image; `values` are the paths of the values that give it, if any do."""

    chart: str
    template: str
    object: str
    field: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with one image of a module. `image` is empty where it is about the module itself."""

    module: str
    image: str
    code: FaultCode
    problem: str
    hint: str
    severity: Severity = ERROR
    places: tuple[ImagePlace, ...] = ()


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


def image_faults(
    module: Module, found: Collection[Found], pinned: Collection[str], *, complete: bool = True
) -> list[Fault]:
    """All that is wrong with a module's images.

    `pinned` are the references that a bundle can carry. `complete`: the renderings cover what the module can do, so
    that an image in none of them is in vain; else that is a warning.
    """
    faults = [
        *_certain(module, [item for item in found if item.reference.use is not Use.TEXT]),
        *_unused(module, found, complete=complete),
        *_not_pinned(module, pinned),
        *_mentioned(module, [item for item in found if item.reference.use is Use.TEXT]),
    ]
    order = list(FaultCode)
    return sorted(faults, key=lambda fault: (fault.severity, fault.image, order.index(fault.code)))


def locked_faults(module: Module) -> Iterator[Fault]:
    """Where the charts are not at hand: what of its images is not what was seen in them when they were locked."""
    seen = set(module.lock.images) if module.lock else set()
    if module.lock:
        for image in sorted(seen - set(module.images)):
            yield _fault(module, image, FaultCode.NOT_DECLARED, "lock.yaml has it, module.yaml does not")
        for image in sorted(set(module.images) - set(module.runtime_images) - seen):
            yield _fault(module, image, FaultCode.UNUSED, "module.yaml declares it, and lock.yaml has it not")


def _certain(module: Module, found: Collection[Found]) -> Iterator[Fault]:
    """Of images that something is known to pull."""
    yield from _grouped(module, FaultCode.NOT_DECLARED, found, lambda item: _undeclared(module, item.image))
    yield from _grouped(module, FaultCode.NO_REGISTRY, found, lambda item: _without_registry(item.image))
    yield from _grouped(module, FaultCode.LATEST, found, lambda item: _floating(item.image))
    yield from _grouped(module, FaultCode.ALWAYS, found, _always)
    runtime = {item.reference.image for item in found} & set(module.runtime_images)
    text = "a chart refers to it, and module.yaml says that it is only started at run time"
    yield from (_fault(module, image, FaultCode.NOT_RUNTIME, text, WARNING) for image in sorted(runtime))


def _grouped(
    module: Module, code: FaultCode, found: Iterable[Found], problem: Callable[[Reference], str]
) -> Iterator[Fault]:
    """One fault per image, with all its places."""
    wrong: dict[tuple[str, str], list[ImagePlace]] = {}
    for item in found:
        text = problem(item.reference)
        if text:
            place = item.policy if code == "always" else item.place
            wrong.setdefault((item.reference.image, text), []).append(place)
    for (image, text), places in wrong.items():
        yield _fault(module, image, code, text, places=places)


def _undeclared(module: Module, image: str) -> str:
    name = parse(image)
    if name.reference in module.images:
        return ""
    same = [other for other in module.images if parse(other).name == name.name]
    text = "a chart refers to it, and module.yaml does not declare it"
    return f"{text}, but {', '.join(same)}" if same else text


def _without_registry(image: str) -> str:
    name = parse(image)
    return "" if name.full else f"its name has no registry; it means {name.name}"


def _floating(image: str) -> str:
    name = parse(image)
    if not name.floating:
        return ""
    what = "its tag is latest" if name.tag else "it has no tag, which means latest"
    return f"{what}: what runs depends on when it was pulled"


def _always(reference: Reference) -> str:
    if reference.policy != "Always":
        return ""
    return "its pull policy is Always: no pod starts while the site registry is away"


def _unused(module: Module, found: Iterable[Found], *, complete: bool) -> Iterator[Fault]:
    used = {parse(item.reference.image).reference for item in found if item.reference.use is not Use.TEXT}
    texts: dict[str, list[ImagePlace]] = {}
    for item in found:
        texts.setdefault(parse(item.reference.image).reference, []).append(item.place)
    for image in module.images:
        if image not in used and image not in module.runtime_images:
            where = "" if complete else " with the values of this site"
            text = f"module.yaml declares it, and no chart refers to it{where}"
            severity = ERROR if complete else WARNING
            yield _fault(module, image, FaultCode.UNUSED, text, severity, texts.get(image, []))


def _not_pinned(module: Module, pinned: Collection[str]) -> Iterator[Fault]:
    pulled = any(release.repository for release in module.releases)
    text = "no recipe builds it"
    text += "; a bundle has it once it is locked" if pulled else ", so no bundle can carry it"
    severity = WARNING if pulled else ERROR
    return (
        _fault(module, image, FaultCode.NOT_PINNED, text, severity)
        for image in dict.fromkeys(module.images)
        if image not in pinned
    )


def _mentioned(module: Module, found: Iterable[Found]) -> Iterator[Fault]:
    """Text that looks like an image, which is how operators are told what to start."""
    places: dict[str, list[ImagePlace]] = {}
    for item in found:
        if parse(item.reference.image).reference not in module.images:
            places.setdefault(item.reference.image, []).append(item.place)
    text = "arguments or configuration name it, and module.yaml does not"
    for image, where in places.items():
        yield _fault(module, image, FaultCode.MENTIONED, text, WARNING, where)


def _fault(
    module: Module,
    image: str,
    code: FaultCode,
    problem: str,
    severity: Severity = ERROR,
    places: Iterable[ImagePlace] = (),
) -> Fault:
    return Fault(module.name, image, code, problem, HINTS[code], severity, tuple(dict.fromkeys(places)))
