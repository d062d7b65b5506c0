"""What `drift.sh` printed, as Things. Pure; a line that makes no sense is left out, and its thing counts as missing."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from slipway.model.record import MadeKind
from slipway.model.things import PathState, Things, UnitState

#: Fields of a line `path`: type, mode, owner, group, size, path, target.
_PATH_FIELDS: Final = 7
#: Digits of a mode without its special bits.
_MODE_DIGITS: Final = 4
_THERE: Final = {kind.value: kind for kind in (MadeKind.PACKAGE, MadeKind.RULES, MadeKind.USER)}


def parse_things(lines: Iterable[str]) -> Things:
    """All that a host said of the things that its list names."""
    told: dict[str, list[list[str]]] = {}
    quoted: dict[tuple[str, str], list[str]] = {}
    quote: list[str] = []
    for line in lines:
        if line.startswith("|"):
            quote.append(line[1:])
            continue
        kind, *fields = line.split("\t")
        told.setdefault(kind, []).append(fields)
        quote = quoted.setdefault((kind, "\t".join(fields)), [])
    paths = dict(_paths(told.get("path", [])))
    for key, name in (("digest", "digest"), ("block", "block")):
        for value, path in _pairs(told.get(key, [])):
            if path in paths:
                paths[path] = replace(paths[path], **{name: value})
    for (key, path), text in quoted.items():
        if key in {"diff", "text"} and path in paths:
            paths[path] = replace(paths[path], **{key: "\n".join(text)})
    return Things(
        listed=next(
            (int(fields[0]) for fields in told.get("listed", []) if fields and fields[0].isdigit()), None
        ),
        paths=paths,
        units=dict(_units(told.get("unit", []))),
        parameters={name: " ".join(value.split()) for name, value in _pairs(told.get("parameter", []))},
        there=frozenset(
            (kind, fields[0]) for word, kind in _THERE.items() for fields in told.get(word, []) if fields
        ),
        swapping=frozenset(fields[0] for fields in told.get("swap", []) if fields),
    )


def _pairs(lines: list[list[str]]) -> Iterator[tuple[str, str]]:
    return ((fields[0], "\t".join(fields[1:])) for fields in lines if len(fields) > 1)


def _paths(lines: list[list[str]]) -> Iterator[tuple[str, PathState]]:
    for fields in lines:
        if len(fields) >= _PATH_FIELDS:
            kind, mode, owner, group, _size, path = fields[: _PATH_FIELDS - 1]
            target = "\t".join(fields[_PATH_FIELDS - 1 :])
            yield path, PathState(kind, mode.zfill(_MODE_DIGITS), owner, group, target)


def _units(lines: list[list[str]]) -> Iterator[tuple[str, UnitState]]:
    """Blocks of properties, an empty line behind each; a unit under all of its names."""
    block: dict[str, str] = {}
    for fields in [*lines, [""]]:
        if len(fields) > 1:
            block[fields[0]] = "\t".join(fields[1:])
            continue
        state = UnitState(block.get("UnitFileState", ""), block.get("ActiveState", ""))
        for name in block.get("Names", "").split():
            yield name, state
        block = {}
