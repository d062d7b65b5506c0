"""Names of fields, flags and variables: which call their value an image, and which a part of one. Pure."""

import re
from enum import StrEnum
from typing import Final

#: Words of a name, however it joins them: imagePullPolicy, RELATED_IMAGE_A, --agent-image.
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", re.ASCII)
_IMAGE: Final = ("image", "images")
#: Behind `image`: what it says of an image is something else than its name.
_OTHER: Final = frozenset(
    {"pull", "pulls", "policy", "policies", "secret", "secrets", "tag", "tags", "version", "versions"}
    | {"registry", "registries", "prefix", "suffix", "digest", "sha", "size", "type", "format", "formats"}
    | {"gc", "id", "ids", "path", "paths", "dir", "directory", "volume", "feature", "features", "streaming"}
    | {
        "awaiter",
        "puller",
        "cleaner",
        "enabled",
        "enable",
        "disabled",
        "count",
        "limit",
        "timeout",
        "interval",
    }
)
#: Behind `image`: its name all the same, so that even a lone word is one.
_NAME: Final = frozenset({"name", "names", "ref", "reference", "url", "uri", "default", "full"})
#: Before a part of an image: they distinguish nothing.
_PLAIN: Final = frozenset({"default", "image", "container", "docker"})
#: Lower case. What fields of such names say instead of an image.
NO_IMAGE: Final = frozenset(
    {"true", "false", "yes", "no", "on", "off", "none", "null", "enabled", "disabled"}
    | {"always", "ifnotpresent", "never", "object", "string", "array"}
)


class ImagePart(StrEnum):
    """What a field has of an image that stands in several."""

    REGISTRY = "registry"
    REPOSITORY = "repository"
    IMAGE = "image"
    NAME = "name"
    TAG = "tag"
    VERSION = "version"
    DIGEST = "digest"


_PARTS: Final = {
    "registry": ImagePart.REGISTRY,
    "hub": ImagePart.REGISTRY,
    "repository": ImagePart.REPOSITORY,
    "repo": ImagePart.REPOSITORY,
    "image": ImagePart.IMAGE,
    "name": ImagePart.NAME,
    "tag": ImagePart.TAG,
    "version": ImagePart.VERSION,
    "digest": ImagePart.DIGEST,
    "sha": ImagePart.DIGEST,
}


def words(name: str) -> list[str]:
    """Its words in small letters; `baseimage` is written as one and means two."""
    found: list[str] = []
    for word in _WORD.findall(name):
        low = word.lower()
        head = next((low.removesuffix(end) for end in _IMAGE if low.endswith(end) and low != end), "")
        found += [head, "image"] if head else ["image" if low in _IMAGE else low]
    return found


def calls_image(name: str) -> bool:
    """Whether a flag, variable or field of this name has an image as its value."""
    behind = _behind(words(name))
    return behind is not None and not behind & _OTHER


def calls_nothing_else(name: str) -> bool:
    """Whether even a lone word is an image there: the name ends with `image`."""
    behind = _behind(words(name))
    return behind is not None and not behind - _NAME


def calls_place(name: str) -> bool:
    """Whether the value is where images are, and no image."""
    return not {
        "registry",
        "registries",
        "repository",
        "repositories",
        "repo",
        "hub",
        "mirror",
        "mirrors",
    }.isdisjoint(words(name))


def part(name: str) -> tuple[str, ImagePart] | None:
    """What a field has of which image: parts of one image say the same before it, often nothing."""
    found = words(name)
    last = _PARTS.get(found[-1]) if found else None
    if last is ImagePart.NAME and found[-2:-1] == ["image"]:
        last = ImagePart.IMAGE
    return None if last is None else (" ".join(word for word in found[:-1] if word not in _PLAIN), last)


def _behind(found: list[str]) -> set[str] | None:
    """Words behind the last `image`; None: it is not among them."""
    if "image" not in found:
        return None
    return set(found[len(found) - found[::-1].index("image") :])
