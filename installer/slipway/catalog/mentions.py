"""Text that names images: arguments, environment, and the JSON or YAML that ConfigMaps carry. Pure.

Operators are told so what to start. Nothing here is certain: what is found is for a person to look at.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from slipway import yamltext

HOST: Final = (
    r"(?:(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]+(?::\d+)?|localhost(?::\d+)?|[a-z0-9][a-z0-9-]*:\d+)"
)
PATH: Final = r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*"
TAG: Final = r"(?::\w(?:[\w.-]{0,126}\w)?(?:@sha256:[0-9a-f]{64})?|@sha256:[0-9a-f]{64})"

#: A full name with a tag or digest; one behind `//` is an address of something else.
_FULL: Final = re.compile(rf"(?<![\w./:@-]){HOST}/{PATH}{TAG}(?![\w/])", re.ASCII)
#: Any reference, also one that leaves out registry or tag.
ANY: Final = re.compile(rf"(?:{HOST}/)?{PATH}{TAG}?", re.ASCII)
#: One that is more than a word.
NAMED: Final = re.compile(rf"(?=.*[/:])(?:{HOST}/)?{PATH}{TAG}?", re.ASCII)
#: A short name with a tag that is a version and no port: the value of a flag, whatever that is called.
_SHORT: Final = re.compile(rf"{PATH}/{PATH}:(?:v\d[\w.-]*|\d+\.[\w.-]+)", re.ASCII)
#: What is called an image, with its value behind = or : as in flags, properties and lines of YAML.
_CALLED: Final = re.compile(
    rf"(?<![\w.])-{{0,2}}([\w.-]*image[\w.-]*)[\"']?[ \t]*[=:][ \t]*[\"']?((?:{HOST}/)?{PATH}{TAG}?)(?=[\"',;\s]|$)",
    re.ASCII | re.IGNORECASE | re.MULTILINE,
)
#: Names that have `image` in them and something else behind.
_OTHER: Final = re.compile(
    r"pull|polic|secret|tag|version|registr|prefix|digest|size|type|format|gc|id$|path|dir", re.IGNORECASE
)
_FLAG: Final = re.compile(r"--?[\w.-]*image[\w.-]*", re.IGNORECASE)


def is_image_name(name: str) -> bool:
    """Whether a flag, variable or key of this name has an image as its value."""
    return "image" in name.lower() and not _OTHER.search(name)


def in_text(text: str) -> list[str]:
    """References in any text, each once; those without a registry only where something is called an image."""
    found = [match.group() for match in _FULL.finditer(text)]
    for name, value in _CALLED.findall(text):
        if is_image_name(name) and (NAMED.fullmatch(value) and not value.isdecimal()):
            found.append(value)
    value = text.rpartition("=")[2].strip()
    if "\n" not in text and _SHORT.fullmatch(value):
        found.append(value)
    return list(dict.fromkeys(found))


def in_list(items: list[Any]) -> Iterator[tuple[tuple[int | str, ...], str]]:
    """Arguments whose flag is the item before them, and variables of an environment: their place, and the image."""
    for number, item in enumerate(items):
        before = items[number - 1] if number else ""
        follows = isinstance(before, str) and _FLAG.fullmatch(before) and is_image_name(before)
        if isinstance(item, str) and follows and ANY.fullmatch(item):
            yield (number,), item
        if isinstance(item, Mapping) and is_image_name(str(item.get("name", ""))):
            value = item.get("value")
            if isinstance(value, str) and ANY.fullmatch(value):
                yield (number, "value"), value


def documents_in(text: str) -> list[Any]:
    """The JSON or YAML that a text is; [] where it is none, or nothing that has fields."""
    if not text.lstrip().startswith(("{", "[")) and "\n" not in text.strip():
        return []
    try:
        found = list(yamltext.load_all(text, strict=False))
    except yamltext.YamlTextError:
        return []
    return [item for item in found if isinstance(item, dict | list)]
