"""A module's list of images against what its charts really refer to. Pure; engine/images.py renders the charts.

One Fault per thing that is wrong; its places say chart, template, object and values.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from slipway.catalog.images.acknowledged import PULLED, Acknowledgements, acknowledgements
from slipway.catalog.images.found import Found, ImagePlace
from slipway.catalog.images.names import parse
from slipway.catalog.images.references import Reference, Use
from slipway.catalog.modules import Module, condition_text
from slipway.errors import ERROR, WARNING, Severity


class FaultCode(StrEnum):
    """What can be wrong, in the order in which an image's faults are told."""

    NOT_DECLARED = "not-declared"
    NOT_THEN = "not-then"
    BY_DIGEST = "by-digest"
    NO_REGISTRY = "no-registry"
    LATEST = "latest"
    ALWAYS = "always"
    UNUSED = "unused"
    NOT_RUNTIME = "not-runtime"
    NUMBER = "number"
    UNKNOWN_VALUE = "unknown-value"
    MENTIONED = "mentioned"
    ACKNOWLEDGED = "acknowledged"
    NOT_RENDERED = "not-rendered"
    NO_CHART = "no-chart"


#: What to do about each.
HINTS: Final = {
    FaultCode.NOT_DECLARED: "add it to `images` of module.yaml, or give the chart another",
    FaultCode.NOT_THEN: "correct `when` in module.yaml: a bundle lacks the image where that does not hold",
    FaultCode.BY_DIGEST: "give the chart its tag: a bundle has, for each platform, what a tag means, under that tag",
    FaultCode.NO_REGISTRY: "give the chart the full name: the site registry knows images by where they come from",
    FaultCode.LATEST: "give the chart a tag that names one version",
    FaultCode.ALWAYS: "set the chart's pull policy to IfNotPresent",
    FaultCode.UNUSED: "take it out of `images`; if an operator starts it, list it as `runtimeImages` instead",
    FaultCode.NOT_RUNTIME: "list it as `images`: `runtimeImages` are for what no chart refers to",
    FaultCode.NUMBER: "write it as text in the values, in quotes; or have the template print it with `| int64`",
    FaultCode.UNKNOWN_VALUE: "correct it: Helm passes over values of which a chart knows nothing, and tells nobody",
    FaultCode.MENTIONED: "if something starts it, list it as `runtimeImages`; if nothing does, say why in "
    "`acknowledgedImages`",
    FaultCode.ACKNOWLEDGED: "acknowledge words that a program replaces and text that nothing starts; take the rest out",
}


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


def image_faults(module: Module, found: Collection[Found], *, complete: bool = True) -> list[Fault]:
    """All that is wrong with a module's images.

    `complete`: the renderings cover what the module can do, so
    that an image in none of them is in vain; else that is a warning.
    """
    known = acknowledgements(module)
    left = [item for item in found if not known.cover(item.reference)]
    images = {item.reference.image for item in found}
    faults = [
        *_certain(module, [item for item in left if item.reference.use is not Use.TEXT]),
        *_unused(module, found, complete=complete),
        *_mentioned(module, left, complete=complete),
        *_acknowledged(module, known, [item for item in found if item.reference.use in PULLED]),
        *(_in_vain(module, known.stale(images)) if complete else ()),
    ]
    order = list(FaultCode)
    return sorted(faults, key=lambda fault: (fault.severity, fault.image, order.index(fault.code)))


def condition_faults(module: Module, settings: Mapping[str, Any], found: Iterable[Found]) -> Iterator[Fault]:
    """Of one set of settings, with defaults: images that its charts refer to although `when` says otherwise."""
    left_out = set(module.images) - set(module.images_with(settings))
    pulled = [item for item in found if item.reference.use is not Use.TEXT]

    def problem(item: Reference) -> str:
        name = parse(item.image).reference
        if name not in left_out:
            return ""
        return f"a chart refers to it without {condition_text(module.image_conditions[name])}"

    yield from _grouped(module, FaultCode.NOT_THEN, pulled, problem)


def locked_faults(module: Module) -> Iterator[Fault]:
    """Where the charts are not at hand: what of its images is not what was seen in them when they were locked."""
    if module.lock and module.lock.of_charts:
        known, seen, text = acknowledgements(module), set(module.lock.images), set(module.lock.mentioned)
        lacking = "lock.yaml has it, module.yaml does not"
        for image in sorted(seen - set(module.images)):
            if not known.has(image):
                yield _fault(module, image, FaultCode.NOT_DECLARED, lacking)
        for image in sorted(text):
            if parse(image).reference not in module.images and not known.has(image):
                yield _fault(module, image, FaultCode.MENTIONED, lacking)
        for image in sorted(set(module.images) - set(module.runtime_images) - seen):
            yield _fault(module, image, FaultCode.UNUSED, "module.yaml declares it, and lock.yaml has it not")
        yield from _in_vain(module, known.stale(seen | text))


def _certain(module: Module, found: Collection[Found]) -> Iterator[Fault]:
    """Of images that something is known to pull."""
    yield from _grouped(module, FaultCode.NOT_DECLARED, found, lambda item: _undeclared(module, item.image))
    yield from _grouped(module, FaultCode.BY_DIGEST, found, lambda item: _by_digest(item.image))
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
    if name.reference in module.images or _by_digest(image):
        return ""
    same = [other for other in module.images if parse(other).name == name.name]
    text = "a chart refers to it, and module.yaml does not declare it"
    return f"{text}, but {', '.join(same)}" if same else text


def _by_digest(image: str) -> str:
    name = parse(image)
    return "" if name.tag or not name.digest else "it is named by its digest alone"


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


def _mentioned(module: Module, found: Iterable[Found], *, complete: bool) -> Iterator[Fault]:
    """Text that looks like an image, which is how operators are told what to start."""
    places: dict[str, list[ImagePlace]] = {}
    for item in found:
        if item.reference.use is Use.TEXT and parse(item.reference.image).reference not in module.images:
            places.setdefault(item.reference.image, []).append(item.place)
    severity = ERROR if complete else WARNING
    for image, where in places.items():
        if problem := _by_digest(image):
            yield _fault(module, image, FaultCode.BY_DIGEST, problem, severity, where)
            continue
        text = "arguments or configuration name it, and module.yaml does not"
        yield _fault(module, image, FaultCode.MENTIONED, text, severity, where)


def _acknowledged(module: Module, known: Acknowledgements, pulled: Iterable[Found]) -> Iterator[Fault]:
    """Full names that a kubelet pulls are declared, whatever a reason says."""
    text = "a kubelet pulls it, so no reason spares the bundle from carrying it"
    for image in dict.fromkeys(item.reference.image for item in pulled):
        if known.has(image) and not known.spare(image):
            yield _fault(module, image, FaultCode.ACKNOWLEDGED, text)


def _in_vain(module: Module, images: Iterable[str]) -> Iterator[Fault]:
    text = "module.yaml acknowledges it, and no chart has it"
    return (_fault(module, image, FaultCode.ACKNOWLEDGED, text) for image in images)


def _fault(
    module: Module,
    image: str,
    code: FaultCode,
    problem: str,
    severity: Severity = ERROR,
    places: Iterable[ImagePlace] = (),
) -> Fault:
    return Fault(module.name, image, code, problem, HINTS[code], severity, tuple(dict.fromkeys(places)))
