"""The parts of an image's reference, and the values of a chart from which one is put together. Pure."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final, NamedTuple

#: Tags that name a branch, or its builds of each night.
_BRANCHES: Final = frozenset(
    {"canary", "dev", "devel", "develop", "edge", "head", "main", "master", "nightly", "snapshot", "trunk"}
)


class ImageName(NamedTuple):
    """`name` is the full name: what leaves the registry out means docker.io."""

    given: str
    name: str
    tag: str
    digest: str

    @property
    def full(self) -> bool:
        """Whether the registry is named."""
        return self.given == self.name

    @property
    def floating(self) -> bool:
        """Whether it means something else tomorrow, so that a kubelet asks again at each start."""
        return not self.digest and self.tag in {"", "latest"}

    @property
    def staging(self) -> bool:
        """Whether it is where projects put what may become a release: gcr.io/k8s-staging-..., .../staging/..."""
        return "staging" in re.split(r"[^a-z0-9]+", self.name)

    @property
    def of_branch(self) -> bool:
        """Whether its tag is a branch."""
        return self.tag.lower() in _BRANCHES

    @property
    def reference(self) -> str:
        """Full name and tag, as modules declare it and bundles carry it; a digest alone stays."""
        if self.tag or not self.digest:
            return f"{self.name}:{self.tag or 'latest'}"
        return f"{self.name}@{self.digest}"


def parse(reference: str) -> ImageName:
    """Take a reference apart."""
    rest, _, digest = reference.partition("@")
    given, colon, tag = rest.rpartition(":")
    if not colon or "/" in tag:
        given, tag = rest, ""
    return ImageName(given, _full(given), tag, digest)


def _full(name: str) -> str:
    first, slash, _ = name.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return name
    return f"docker.io/{name}" if slash else f"docker.io/library/{name}"


def values_behind(values: Mapping[str, Any], reference: str) -> tuple[str, ...]:
    """Paths of the values that give a reference: itself, or its name and the tag beside it; () when none does."""
    image = parse(reference)
    ranked: dict[int, list[str]] = {}
    for path, parent, value in _leaves(values, ""):
        rank = _rank(image, reference, value, parent, values)
        if rank is not None:
            place, dot, _ = path.rpartition(".")
            tags = [key for key, item in parent.items() if rank == _WITH_TAG and str(item) == image.tag]
            ranked.setdefault(rank, []).extend([path, *(f"{place}{dot}{key}" for key in tags)])
    return tuple(dict.fromkeys(ranked[min(ranked)])) if ranked else ()


def values_beside(values: Mapping[str, Any], near: Collection[str], value: str) -> tuple[str, ...]:
    """Paths of the values that say `value`: in the same map as one of the paths `near` if any is, else all."""
    paths = [path for path, _, found in _leaves(values, "") if found == value]
    maps = {path.rpartition(".")[0] for path in near}
    return tuple([path for path in paths if path.rpartition(".")[0] in maps] or paths)


_WHOLE, _WITH_TAG, _ITS_NAME, _WITHIN = range(4)


def _rank(
    image: ImageName, reference: str, value: str, parent: Mapping[str, Any], values: Mapping[str, Any]
) -> int | None:
    """How likely a value is what gave the image, the least number most; None: it did not."""
    if value == reference:
        return _WHOLE
    beside = {str(item) for item in parent.values()}
    whole = value == image.given
    # A chart may put the registry before it, from beside or from a global setting.
    head = image.given.removesuffix(f"/{value}")
    parted = head != image.given and (head in beside or head in _registries(values))
    if whole or parted:
        return _WITH_TAG if image.tag and image.tag in beside else _ITS_NAME
    return _WITHIN if reference in value else None


def _registries(values: Mapping[str, Any]) -> set[str]:
    shared = values.get("global")
    return (
        {item for item in shared.values() if isinstance(item, str)} if isinstance(shared, Mapping) else set()
    )


def _leaves(tree: Any, path: str) -> Iterator[tuple[str, Mapping[str, Any], str]]:
    """Every string: its path, the map it is in, itself."""
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            below = f"{path}.{key}" if path else str(key)
            if isinstance(value, str):
                yield below, tree, value
            else:
                yield from _leaves(value, below)
    elif isinstance(tree, list):
        for number, item in enumerate(tree):
            if isinstance(item, str):
                yield f"{path}[{number}]", {}, item
            else:
                yield from _leaves(item, f"{path}[{number}]")
