"""Text that names images: arguments, environment, and the JSON or YAML that ConfigMaps and Secrets carry. Pure.

Operators are told so what to start. Nothing here is certain: what is found is for a person to decide.
"""

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from slipway import yamltext
from slipway.catalog.images.words import NO_IMAGE, calls_image, calls_nothing_else, calls_place
from slipway.catalog.outside import registry_asked

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
#: One that is no more.
WORD: Final = re.compile(r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*", re.ASCII)
#: A short name with a tag that is a version and no port: the value of a flag, whatever that is called.
_SHORT: Final = re.compile(
    rf"{PATH}/{PATH}:(?:v\d[\w.-]*|\d+\.[\w.-]+)|[a-z][a-z0-9]*(?:[._-]+[a-z0-9]+)*:v?\d+\.\d[\w.-]*",
    re.ASCII,
)
_UNTAGGED: Final = re.compile(rf"({HOST})/{PATH}", re.ASCII)
#: What is called an image, with its value behind = or : as in flags, properties, lines of YAML and defaults of a shell.
_CALLED: Final = re.compile(
    rf"(?<![\w.])-{{0,2}}([\w.-]*image[\w.-]*)[\"']?[ \t]*(?::-|:=|[=:])[ \t]*[\"']?((?:{HOST}/)?{PATH}{TAG}?)"
    r"(?=[\"',;\s)}\]<|\\`]|$)",
    re.ASCII | re.IGNORECASE | re.MULTILINE,
)
#: A flag and its value in a line of a script.
_FLAGGED: Final = re.compile(
    rf"(?<![\w.-])(--?[\w.-]*image[\w.-]*)[ \t]+((?:{HOST}/)?{PATH}{TAG}?)(?=[\"';\s]|$)", re.ASCII
)
_FLAG: Final = re.compile(r"--?[\w.-]*image[\w.-]*", re.IGNORECASE)
_ASSIGNED: Final = re.compile(r"(-{0,2}[\w.-]+)=(\S+)")
#: Of a pair of name and value, whatever the first is called.
_NAMING: Final = ("name", "key", "path", "parameter")
_TAGGED: Final = re.compile(rf"(?:{HOST}/)?{PATH}{TAG}", re.ASCII)
#: Bytes. A base64 text that is longer is no configuration.
_ENCODED: Final = 1 << 20


def has_tag(reference: str) -> bool:
    """Whether a reference has tag or digest."""
    return bool(_TAGGED.fullmatch(reference))


def of_known_registry(name: str) -> bool:
    """Whether a name without a tag begins with a registry that all the world uses."""
    found = _UNTAGGED.fullmatch(name)
    return bool(found and (registry_asked(found[1]) or found[1].startswith(("registry.", "docker."))))


def may_be(called: str, value: str) -> bool:
    """Whether something of this name has an image as its value; a lone word only where the name says nothing else."""
    if not calls_image(called) or value.isdecimal() or value.lower() in NO_IMAGE:
        return False
    return bool((ANY if calls_nothing_else(called) else NAMED).fullmatch(value))


def in_text(text: str, called: str = "") -> list[str]:
    """References in any text, each once; those without a registry only where something is called an image.

    `called` is the name of the field that has it.
    """
    found = [match.group() for match in _FULL.finditer(text)]
    pairs = [*_CALLED.findall(text), *_FLAGGED.findall(text)]
    found += [value for name, value in pairs if NAMED.fullmatch(value) and may_be(name, value)]
    if "\n" not in text:
        found += _of_line(text.strip(), called)
    return list(dict.fromkeys(found))


def _of_line(text: str, called: str) -> Iterator[str]:
    """The value that a line is, or assigns."""
    assigned = _ASSIGNED.fullmatch(text)
    name, value = assigned.groups() if assigned else (called, text)
    untagged = of_known_registry(value) and not calls_place(name)
    if may_be(name, value) or _SHORT.fullmatch(value) or untagged:
        yield value


def in_list(items: list[Any]) -> Iterator[tuple[tuple[int | str, ...], str]]:
    """Arguments whose flag is the item before them, and variables of an environment: their place, and the image."""
    for number, item in enumerate(items):
        before = items[number - 1] if number else ""
        follows = isinstance(before, str) and _FLAG.fullmatch(before)
        if isinstance(item, str) and follows and may_be(before, item):
            yield (number,), item
        if isinstance(item, Mapping) and isinstance(item.get("value"), str):
            value, named = item["value"], [str(item[key]) for key in _NAMING if key in item]
            if any(may_be(name, value) for name in named):
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


def decoded(text: str) -> str:
    """What a base64 text says; empty: it is none, or its bytes are no text."""
    if len(text) > _ENCODED:
        return ""
    try:
        return base64.b64decode(text, validate=True).decode()
    except ValueError:
        return ""
