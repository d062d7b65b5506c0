"""The images that rendered manifests refer to: where each stands, and how it is pulled. Pure.

A reference is certain where a kubelet would pull it (containers, image volumes) or where a custom resource has a field
`image`, alone or in parts (`parts`); in arguments, environment and configuration it is only text (`mentions`).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from slipway.catalog.images import mentions
from slipway.catalog.images.parts import Above, around, parted

#: Lists of a PodSpec, wherever a PodSpec stands.
_CONTAINERS = frozenset({"containers", "initContainers", "ephemeralContainers"})

#: Groups of Kubernetes itself, besides those below k8s.io: a field `image` of any other group is an operator's.
_BUILT_IN = frozenset({"", "apps", "autoscaling", "batch", "policy"})


class Use(StrEnum):
    """How certain it is that something pulls it."""

    CONTAINER = "container"
    VOLUME = "volume"
    FIELD = "field"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Manifest:
    """An object as a chart made it, with the template's path in the chart."""

    template: str
    content: Mapping[str, Any]

    @property
    def name(self) -> str:
        """`Kind/name`."""
        metadata = self.content.get("metadata") or {}
        return f"{self.content.get('kind', '?')}/{metadata.get('name', '?')}"


@dataclass(frozen=True, slots=True)
class Reference:
    """One image at one place: `field` is its path in the object, `policy` the pull policy that stands beside it."""

    image: str
    use: Use
    template: str
    object: str
    field: str
    policy: str = ""

    @property
    def policy_field(self) -> str:
        """The path of the pull policy in the object."""
        beside = "pullPolicy" if self.use is Use.VOLUME else "imagePullPolicy"
        return f"{self.field.rpartition('.')[0]}.{beside}"


def references(manifests: Iterable[Manifest]) -> Iterator[Reference]:
    """All images of all objects. Definitions of custom resources describe fields: what they have is defaults."""
    for manifest in manifests:
        defines = manifest.content.get("kind") == "CustomResourceDefinition"
        for image, use, field, policy in (_defaults if defines else _of_object)(manifest.content):
            yield Reference(image, use, manifest.template, manifest.name, field, policy)


ManifestPath = tuple[str | int, ...]
_Found = tuple[str, Use, str, str]

#: Fields of objects of Kubernetes itself that hold what somebody else reads, by whatever names.
_CARRIED: Final = frozenset({"data", "stringData", "binaryData"})
#: Of these, and of what objects they are fields of, the content is in base64.
_ENCODED: Final = frozenset({("Secret", "data"), ("ConfigMap", "binaryData")})


def _of_object(content: Mapping[str, Any]) -> Iterator[_Found]:
    group, kind = str(content.get("apiVersion", "")).rpartition("/")[0], str(content.get("kind"))
    foreign = group not in _BUILT_IN and not group.endswith("k8s.io")
    hidden = {key for of, key in _ENCODED if of == kind and isinstance(content.get(key), Mapping)}
    shown = {key: item for key, item in content.items() if key not in hidden}
    found = [*_of_tree(shown, (), foreign=foreign)]
    for key in hidden:
        read = {name: mentions.decoded(text) for name, text in content[key].items() if isinstance(text, str)}
        found += _of_tree(read, (key,), foreign=False)
    yield from dict.fromkeys(found)


def _defaults(content: Mapping[str, Any]) -> Iterator[_Found]:
    """Images that a definition gives to resources which name none."""
    for path, text in strings(content):
        if path[-1] == "default" and len(path) > 1:
            for image in mentions.in_text(text, str(path[-2])):
                yield image, Use.TEXT, dotted(path), ""


def _of_tree(tree: Any, path: ManifestPath, *, foreign: bool) -> Iterator[_Found]:
    if isinstance(tree, list):
        yield from _of_list(tree, path)
    for place, parent, above in _maps(tree, path, Above()):
        used: set[str] = set()
        carried = place[:1] and place[0] in _CARRIED
        for one in parted(parent, _called(place), above) if foreign or carried else ():
            used |= one.used
            use = Use.FIELD if one.sure and foreign else Use.TEXT
            yield one.image, use, dotted((*place, one.field)), _policy(parent)
        for key, value in parent.items():
            if key in used:
                continue
            if isinstance(value, list):
                yield from _of_list(value, (*place, key))
            for field, text in _strings(value, (*place, key)):
                yield from _of_string(text, field, parent, foreign=foreign)


def _of_list(items: list[Any], path: ManifestPath) -> Iterator[_Found]:
    yield from ((image, Use.TEXT, dotted((*path, *place)), "") for place, image in mentions.in_list(items))


def _of_string(
    text: str, field: ManifestPath, parent: Mapping[str, Any], *, foreign: bool
) -> Iterator[_Found]:
    certain = _certain(field, parent, text, foreign=foreign)
    if certain:
        yield text, certain[0], dotted(field), certain[1]
        return
    # A label of Kubernetes' own objects may be called whatever; what others read is named by them.
    speaks = (foreign and "metadata" not in field) or field[0] in _CARRIED
    seen = mentions.in_text(text, _called(field) if speaks else "")
    read = [
        image
        for document in mentions.documents_in(text)
        for image, *_ in _of_tree(document, (), foreign=True)
    ]
    # Read as what it is, a text says more: the tag that stands beside the name.
    seen = [
        image for image in seen if not any(one.startswith((f"{image}:", f"{image}@")) for one in read)
    ] + read
    yield from ((image, Use.TEXT, dotted(field), "") for image in dict.fromkeys(seen))


def _called(path: ManifestPath) -> str:
    """The name of what stands at a path: items of a list are called as the list is."""
    return next((part for part in reversed(path) if isinstance(part, str)), "")


def _policy(parent: Mapping[str, Any]) -> str:
    return str(parent.get("imagePullPolicy") or "")


def strings(tree: Any, path: ManifestPath = ()) -> Iterator[tuple[ManifestPath, str]]:
    """Every string of a tree, with its path."""
    if isinstance(tree, str):
        yield path, tree
    elif isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from strings(value, (*path, key))
    elif isinstance(tree, list):
        for number, item in enumerate(tree):
            yield from strings(item, (*path, number))


def _maps(
    tree: Any, path: ManifestPath, above: Above
) -> Iterator[tuple[ManifestPath, Mapping[str, Any], Above]]:
    """Every map of a tree, the tree itself first, with what the maps around it say."""
    if isinstance(tree, Mapping):
        yield path, tree, above
        below = around(tree, above)
        for key, value in tree.items():
            yield from _maps(value, (*path, key), below)
    elif isinstance(tree, list):
        for number, item in enumerate(tree):
            yield from _maps(item, (*path, number), above)


def _strings(value: Any, path: ManifestPath) -> Iterator[tuple[ManifestPath, str]]:
    """A map's own strings, and those of lists in it; maps are looked at for themselves."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _strings(item, (*path, number))


def _certain(
    path: ManifestPath, parent: Mapping[str, Any], text: str, *, foreign: bool
) -> tuple[Use, str] | None:
    """What pulls the string at this path, and its pull policy; None: nothing that is known to."""
    if path[-1] == "image":
        policy = _policy(parent)
        if path[-3:-2] and path[-3] in _CONTAINERS:
            return Use.CONTAINER, policy
        if foreign and mentions.NAMED.fullmatch(text):
            return Use.FIELD, policy
    if path[-2:] == ("image", "reference") and "volumes" in path:
        return Use.VOLUME, str(parent.get("pullPolicy") or "")
    return None


def dotted(path: ManifestPath) -> str:
    """A path as people write it."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
