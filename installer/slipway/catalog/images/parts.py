"""Images that stand in several fields: registry, repository, name, tag or version, digest; whatever before. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from slipway.catalog.images import mentions
from slipway.catalog.images.words import ImagePart, calls_image, part

_DIGEST: Final = "sha256:"


@dataclass(frozen=True, slots=True)
class Parted:
    """An image of a map: where it is named, the fields that it is made of, and whether nothing of it is missing."""

    image: str
    field: str
    used: frozenset[str]
    sure: bool


@dataclass(frozen=True, slots=True)
class Above:
    """What maps around say for all images in them that do not say it themselves."""

    registry: str = ""
    tag: str = ""


def around(parent: Mapping[str, Any], above: Above) -> Above:
    """What holds below a map."""
    parts = _parts(parent).get("", {})
    said = {kind: str(parent[key]) for kind, key in parts.items()}
    return Above(said.get(ImagePart.REGISTRY) or above.registry, said.get(ImagePart.TAG) or above.tag)


def parted(parent: Mapping[str, Any], called: str, above: Above) -> Iterator[Parted]:
    """The images that a map has in parts; `called` is the name of the map itself.

    One that is switched off, that lacks its tag or takes some of it from maps around is not sure.
    """
    for keys in _parts(parent).values():
        said = {kind: str(parent[key]) for kind, key in keys.items() if str(parent[key])}
        named = next(
            (kind for kind in (ImagePart.REPOSITORY, ImagePart.IMAGE, ImagePart.NAME) if kind in said), None
        )
        if named is None or (named is ImagePart.NAME and not _has_name(said, called)):
            continue
        made = _whole(said, called, above)
        if made and mentions.ANY.fullmatch(made[0]):
            sure = made[1] and parent.get("enabled") is not False
            field = keys[ImagePart.IMAGE] if ImagePart.IMAGE in said else keys[named]
            yield Parted(made[0], field, frozenset(keys.values()), sure)


def _parts(parent: Mapping[str, Any]) -> dict[str, dict[ImagePart, str]]:
    """By what stands before them: the fields that are parts."""
    found: dict[str, dict[ImagePart, str]] = {}
    for key, value in parent.items():
        scalar = isinstance(value, str | int | float) and not isinstance(value, bool)
        one = part(str(key)) if scalar else None
        if one:
            found.setdefault(one[0], {}).setdefault(one[1], key)
    return found


def _has_name(said: Mapping[ImagePart, str], called: str) -> bool:
    """Everything has a name: it is an image's in a map that is called so and has a tag or digest."""
    return calls_image(called) and not {ImagePart.TAG, ImagePart.DIGEST}.isdisjoint(said)


def _whole(said: Mapping[ImagePart, str], called: str, above: Above) -> tuple[str, bool] | None:
    """The reference, and whether nothing is missing or guessed; None: these are parts of something else."""
    registry, place, image = (
        said.get(kind, "") for kind in (ImagePart.REGISTRY, ImagePart.REPOSITORY, ImagePart.IMAGE)
    )
    own = said.get(ImagePart.NAME, "") if place and not image and calls_image(called) else ""
    last = "" if own == place.rpartition("/")[2] else own
    name = "/".join(one.strip("/") for one in (registry, place, image, last) if one)
    tag = _tag(said)
    if not (place or image):
        name, sure = "/".join(one.strip("/") for one in (registry, said[ImagePart.NAME]) if one), True
    elif place:
        others = {ImagePart.IMAGE, ImagePart.TAG, ImagePart.DIGEST, ImagePart.REGISTRY} & said.keys()
        known = calls_image(called) or mentions.of_known_registry(place)
        if "://" in name or not (others or known):
            return None  # a repository of code or charts, and its version
        sure = bool(others)
    elif mentions.has_tag(image):
        return None  # whole by itself: a version beside it is that of something else
    elif registry or tag:
        sure = ImagePart.VERSION not in said or bool(registry)
    elif above.registry and mentions.WORD.fullmatch(image):
        name, tag, sure = f"{above.registry}/{image}", f":{above.tag}" if above.tag else "", False
    else:
        return None
    return f"{name}{tag}", sure and bool(tag)


def _tag(said: Mapping[ImagePart, str]) -> str:
    """Tag and digest as they stand behind a name; a digest may stand where tags do."""
    tag = said.get(ImagePart.TAG) or said.get(ImagePart.VERSION) or ""
    digest = said.get(ImagePart.DIGEST) or (tag if tag.startswith(_DIGEST) else "")
    tag = "" if tag.startswith(_DIGEST) else tag
    return (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")
