"""Text that `helm template` prints, taken apart: objects, each with the template it comes from."""

import re
from collections.abc import Iterator
from typing import Any

from slipway import yamltext
from slipway.catalog.images.references import Manifest
from slipway.errors import StepError
from slipway.yamltext import YamlTextError

_BOUNDARY = re.compile(r"^---\s*$", re.MULTILINE)
#: The first part of the path is the chart's name.
_SOURCE = re.compile(r"^# Source: [^/\n]+/(.+)$", re.MULTILINE)


def manifests(text: str) -> tuple[Manifest, ...]:
    """The objects; lists are taken apart. A document without a comment is of the template before it."""
    found: list[Manifest] = []
    template = ""
    for part in parted(text):
        named = _SOURCE.search(part)
        template = named[1] if named else template
        found += (Manifest(template, content) for content in objects(part, where=template))
    return tuple(found)


def parted(text: str) -> list[str]:
    """The documents of a text."""
    return _BOUNDARY.split(text)


def objects(text: str, *, where: str) -> Iterator[dict[str, Any]]:
    """The objects of a text; lists are taken apart.

    Raises:
        StepError: it is no YAML, which Helm itself would have refused.
    """
    try:
        for item in yamltext.load_all(text, strict=False):
            if isinstance(item, dict):
                is_list = item.get("kind") == "List"
                yield from (item.get("items") or ()) if is_list else (item,)
    except YamlTextError as exc:
        raise StepError("what is to be installed is no YAML", where=where, why=str(exc)) from exc
