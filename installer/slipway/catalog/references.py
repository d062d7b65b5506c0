"""The images that rendered manifests refer to: where each stands, and how it is pulled. Pure.

A reference is certain where a kubelet would pull it (containers, image volumes) or where a custom resource has a field
`image`, alone or as one of three parts; in arguments, environment and configuration it is only text (`mentions`).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from slipway.catalog import mentions

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
    """All images of all objects. Definitions of custom resources only describe fields, so they have none."""
    for manifest in manifests:
        if manifest.content.get("kind") != "CustomResourceDefinition":
            for image, use, field, policy in _of_object(manifest.content):
                yield Reference(image, use, manifest.template, manifest.name, field, policy)


ManifestPath = tuple[str | int, ...]
_Found = tuple[str, Use, str, str]


def _of_object(content: Mapping[str, Any]) -> Iterator[_Found]:
    group = str(content.get("apiVersion", "")).rpartition("/")[0]
    foreign = group not in _BUILT_IN and not group.endswith("k8s.io")
    hidden = {"data"} if content.get("kind") == "Secret" else set()
    shown = {key: item for key, item in content.items() if key not in hidden}
    yield from dict.fromkeys(_of_tree(shown, (), foreign=foreign))


def _of_tree(tree: Any, path: ManifestPath, *, foreign: bool) -> Iterator[_Found]:
    for place, parent in _maps(tree, path):
        parted = _parted(parent) if foreign else None
        if parted:
            image, use = parted
            yield (
                image,
                use,
                dotted((*place, "image" if "image" in parent else "repository")),
                _policy(parent),
            )
        for key, value in parent.items():
            if parted and key in _PARTS:
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
    seen = mentions.in_text(text)
    if foreign and field[-1] == "image" and mentions.ANY.fullmatch(text):
        seen.append(text)  # a lone word may be the name of anything
    for document in mentions.documents_in(text):
        seen += [image for image, *_ in _of_tree(document, (), foreign=True)]
    yield from ((image, Use.TEXT, dotted(field), "") for image in dict.fromkeys(seen))


#: Fields that together are one image, as operators' resources have it.
_PARTS = frozenset({"registry", "repository", "image", "tag", "version", "digest"})


def _parted(parent: Mapping[str, Any]) -> tuple[str, Use] | None:
    """The image that a map has in parts; only mentioned where it is switched off, or a part is missing."""
    parts = {key: parent[key] for key in _PARTS & parent.keys() if isinstance(parent[key], str | int | float)}
    name = "/".join(str(parts[key]) for key in ("registry", "repository", "image") if parts.get(key))
    if not parts.get("repository") or not mentions.ANY.fullmatch(name):
        return None
    if {"image", "tag", "digest", "registry"}.isdisjoint(parts) or "://" in name:
        return None  # a repository of code or charts, and its version
    tag = str(next((parts[key] for key in ("digest", "tag", "version") if parts.get(key)), ""))
    whole = f"{name}{'@' if tag.startswith('sha256:') else ':'}{tag}" if tag else name
    sure = bool(tag) and parent.get("enabled") is not False
    return whole, Use.FIELD if sure else Use.TEXT


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


def _maps(tree: Any, path: ManifestPath) -> Iterator[tuple[ManifestPath, Mapping[str, Any]]]:
    """Every map of a tree, the tree itself first."""
    if isinstance(tree, Mapping):
        yield path, tree
        for key, value in tree.items():
            yield from _maps(value, (*path, key))
    elif isinstance(tree, list):
        for number, item in enumerate(tree):
            yield from _maps(item, (*path, number))


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
