"""Whole numbers that Helm spoils: it reads all numbers as floats, and prints a million as 1e+06.

A field that takes a number takes that too; text does not: an argument `--max=1e+06`, a line of a configuration file.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from slipway.catalog.images.faults import HINTS, Fault, FaultCode
from slipway.catalog.images.found import ImagePlace, Rendering
from slipway.catalog.images.references import dotted, strings
from slipway.catalog.modules import Module
from slipway.yamltext import shortest

_PRINTED: Final = re.compile(r"(?<![\w.])-?\d(?:\.\d+)?e\+\d{2,}(?![\w.])", re.ASCII)


def spoiled(module: Module, renderings: Iterable[Rendering]) -> Iterator[Fault]:
    """One fault per number, with all its places."""
    places: dict[tuple[int, str], dict[ImagePlace, None]] = {}
    for rendering in renderings:
        numbers = _large(rendering.values)
        for number, printed, place in _printed(rendering, numbers) if numbers else ():
            places.setdefault((number, printed), {})[place] = None
    for (number, printed), found in places.items():
        text = f"Helm prints the number {number} as {printed} within text"
        yield Fault(module.name, "", FaultCode.NUMBER, text, HINTS[FaultCode.NUMBER], places=tuple(found))


def _large(values: Mapping[str, Any]) -> dict[str, tuple[int, tuple[str, ...]]]:
    """By what Helm prints: the number, and the paths of the values that have it."""
    found: dict[str, tuple[int, tuple[str, ...]]] = {}
    for path, value in _numbers(values, ()):
        printed = shortest(float(value))
        if "e" in printed:
            found[printed] = (value, (*found.get(printed, (value, ()))[1], dotted(path)))
    return found


def _numbers(tree: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], int]]:
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from _numbers(value, (*path, key))
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            yield from _numbers(value, (*path, index))
    elif type(tree) is int:
        yield path, tree


def _printed(
    rendering: Rendering, numbers: Mapping[str, tuple[int, tuple[str, ...]]]
) -> Iterator[tuple[int, str, ImagePlace]]:
    for manifest in rendering.manifests:
        for path, text in strings(manifest.content):
            for printed in dict.fromkeys(_PRINTED.findall(text)):
                if printed in numbers:
                    number, values = numbers[printed]
                    place = (rendering.chart, manifest.template, manifest.name, dotted(path), values)
                    yield number, printed, ImagePlace(*place)
