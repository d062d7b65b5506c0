"""Text that `helm template` prints, taken apart: objects, each with the template it comes from."""

import re
from collections.abc import Iterator

import yaml

from slipway.catalog.references import Manifest
from slipway.errors import StepError

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_BOUNDARY = re.compile(r"^---\s*$", re.MULTILINE)
#: The first part of the path is the chart's name.
_SOURCE = re.compile(r"^# Source: [^/\n]+/(.+)$", re.MULTILINE)


def manifests(text: str) -> tuple[Manifest, ...]:
    """The objects; lists are taken apart. A document without a comment is of the template before it."""
    found: list[Manifest] = []
    template = ""
    for part in _BOUNDARY.split(text):
        named = _SOURCE.search(part)
        template = named[1] if named else template
        found += _objects(template, part)
    return tuple(found)


def _objects(template: str, part: str) -> Iterator[Manifest]:
    try:
        for item in yaml.load_all(part, Loader=_Loader):
            if isinstance(item, dict):
                items = item.get("items") or () if item.get("kind") == "List" else [item]
                yield from (Manifest(template, content) for content in items)
    except yaml.YAMLError as exc:
        raise StepError("a template makes what is no YAML", where=template, why=str(exc)) from exc
