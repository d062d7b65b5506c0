"""The images that rendered manifests refer to: where each stands, and how it is pulled. Pure.

A reference is certain where a kubelet would pull it (containers, image volumes) or where a custom resource has a field
`image`; in arguments, environment and configuration it is only text that looks like an image.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

#: Lists of a PodSpec, wherever a PodSpec stands.
_CONTAINERS = frozenset({"containers", "initContainers", "ephemeralContainers"})

#: Groups of Kubernetes itself, besides those below k8s.io: a field `image` of any other group is an operator's.
_BUILT_IN = frozenset({"", "apps", "autoscaling", "batch", "policy"})

_HOST = r"(?:(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]+|localhost)(?::\d+)?"
_PATH = r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*"
_TAG = r"(?::\w(?:[\w.-]{0,126}\w)?(?:@sha256:[0-9a-f]{64})?|@sha256:[0-9a-f]{64})"

#: A full name with a tag or digest; one behind `//` is an address of something else.
_FULL = re.compile(rf"(?<![\w./:@-]){_HOST}/{_PATH}{_TAG}(?![\w/])", re.ASCII)
#: A line of YAML within text, as of a pod template in a ConfigMap.
_LINE = re.compile(
    rf"^[ \t-]*image:[ \t]*[\"']?((?:{_HOST}/)?{_PATH}{_TAG})[\"']?[ \t]*$", re.ASCII | re.MULTILINE
)
#: In a field of an operator's: a lone word there may be the name of anything.
_IMAGE = re.compile(rf"(?=.*[/:])(?:{_HOST}/)?{_PATH}{_TAG}?", re.ASCII)


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


_Found = tuple[str, Use, str, str]


def _of_object(content: Mapping[str, Any]) -> Iterator[_Found]:
    group = str(content.get("apiVersion", "")).rpartition("/")[0]
    foreign = group not in _BUILT_IN and not group.endswith("k8s.io")
    hidden = {"data"} if content.get("kind") == "Secret" else set()
    for path, parent in _maps({key: item for key, item in content.items() if key not in hidden}, ()):
        for key, value in parent.items():
            for field, text in _strings(value, (*path, key)):
                certain = _certain(field, parent, text, foreign=foreign)
                if certain:
                    yield text, certain[0], dotted(field), certain[1]
                else:
                    yield from ((image, Use.TEXT, dotted(field), "") for image in _in_text(text))


Path = tuple[str | int, ...]


def strings(tree: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Every string of a tree, with its path."""
    if isinstance(tree, str):
        yield path, tree
    elif isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from strings(value, (*path, key))
    elif isinstance(tree, list):
        for number, item in enumerate(tree):
            yield from strings(item, (*path, number))


def _maps(tree: Any, path: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Every map of a tree, the tree itself first."""
    if isinstance(tree, Mapping):
        yield path, tree
        for key, value in tree.items():
            yield from _maps(value, (*path, key))
    elif isinstance(tree, list):
        for number, item in enumerate(tree):
            yield from _maps(item, (*path, number))


def _strings(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """A map's own strings, and those of lists in it; maps are looked at for themselves."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _strings(item, (*path, number))


def _certain(path: Path, parent: Mapping[str, Any], text: str, *, foreign: bool) -> tuple[Use, str] | None:
    """What pulls the string at this path, and its pull policy; None: nothing that is known to."""
    if path[-1] == "image":
        policy = str(parent.get("imagePullPolicy") or "")
        if path[-3:-2] and path[-3] in _CONTAINERS:
            return Use.CONTAINER, policy
        if foreign and _IMAGE.fullmatch(text):
            return Use.FIELD, policy
    if path[-2:] == ("image", "reference") and "volumes" in path:
        return Use.VOLUME, str(parent.get("pullPolicy") or "")
    return None


def _in_text(text: str) -> list[str]:
    found = [match.group() for match in _FULL.finditer(text)]
    return list(dict.fromkeys([*found, *_LINE.findall(text)]))


def dotted(path: Path) -> str:
    """A path as people write it."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
