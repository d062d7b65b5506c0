"""The values that a chart knows: those of its values.yaml, and words by which its templates may know more. Pure.

A chart has no list of its values. What is said here errs to one side: a map is closed only where no template takes it
as a whole, and a key is unknown only where no file of the chart has the word.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from slipway import yamltext

_KEY: Final = re.compile(r"[A-Za-z_][\w-]*", re.ASCII)
#: In templates: fields, and names in quotes, as for `index`, `hasKey` and `dig`.
_USED: Final = re.compile(r"""\.([A-Za-z_][\w-]*)|["'`]([A-Za-z_][\w-]*)["'`]""", re.ASCII)
#: Of the chart's own values.
_TOP: Final = re.compile(r"""[vV]alues(?:\.|\s+["'])([A-Za-z_][\w-]*)""", re.ASCII)
#: In comments: keys that are off, and paths.
_SAID: Final = re.compile(r"([A-Za-z_][\w-]*)(?=\s*:|\.[A-Za-z_])|(?<=\.)([A-Za-z_][\w-]*)", re.ASCII)
_COMMENT: Final = re.compile(r"#(.*)$", re.MULTILINE)
#: What takes a map as a whole, or hands it to something that may.
_WHOLE: Final = re.compile(
    r"toYaml|toJson|toPrettyJson|toRawJson|toToml|\btpl\b|\brange\b|erge|deepCopy|\bomit\b|\bpick\b|\bkeys\b|\bdict\b"
    r"|include|template|\bset\b|\blist\b|quote|print"
)
#: What takes all values as they are: then any may be given.
_ALL: Final = re.compile(
    r"(?:toYaml|toJson|toPrettyJson|toRawJson|toToml|\btpl|erge\w*|\bomit|\bpick|deepCopy|\brange)\b[^}]*\.Values(?![\w.])"
)
_PART: Final = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_LAST: Final = re.compile(r"\.([A-Za-z_][\w-]*)(?![\w.-])", re.ASCII)
_VARIABLE: Final = re.compile(r"(\$\w+)(?![\w.-])", re.ASCII)
_ITSELF: Final = re.compile(r"[\s(]\.[\s)]")
_NAMED: Final = re.compile(r"(\$\w+)\s*:?=|\bwith\b", re.ASCII)
#: What templates begin with: no values.
_OBJECTS: Final = frozenset({"Values", "Release", "Chart", "Capabilities", "Template", "Files", "Subcharts"})
#: Always there: Helm's own, and what charts share.
_HELM: Final = frozenset(
    {"global", "tags", "enabled", "nameOverride", "fullnameOverride", "namespaceOverride"}
)


@dataclass(frozen=True, slots=True)
class KnownValues:
    """`maps` has the keys of each closed map by its path; what is below any other path may be anything.

    `words` are further ones that a chart's files have, by the path of the values of that chart: Helm calls no key
    wrong, so one is only where neither has it.
    """

    maps: Mapping[str, frozenset[str]]
    words: Mapping[str, frozenset[str]]

    def knows(self, path: str, key: str) -> bool:
        """Whether a key may stand in the map at a path; at the top of a chart templates say which they take."""
        if path not in self.maps or key in self.maps[path] or key in _HELM:
            return True
        if path in self.words:
            return False
        around = (root for root in self.words if f"{path}.".startswith(f"{root}." if root else ""))
        return any(key in self.words[root] for root in around) or any(
            key in keys for keys in self.maps.values()
        )


@dataclass(frozen=True, slots=True)
class UnknownValue:
    """A key that no file of the chart has; `nearest` is a path that is known, empty: none is near."""

    path: tuple[str, ...]
    nearest: str


def unknown_values(known: KnownValues, values: Mapping[str, Any]) -> Iterator[UnknownValue]:
    """What of some values the chart does not know; what is set to null is taken away, and may be."""
    yield from _unknown(known, values, ())


def _unknown(known: KnownValues, values: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[UnknownValue]:
    place = ".".join(path)
    for key, value in values.items():
        below = (*path, str(key))
        if value is not None and not known.knows(place, str(key)):
            yield UnknownValue(below, _nearest(known, place, str(key)))
        elif isinstance(value, Mapping) and ".".join(below) in known.maps:
            yield from _unknown(known, value, below)


def _nearest(known: KnownValues, place: str, key: str) -> str:
    """The nearest key of the same map, or the same key in another one if there is one only."""
    close = get_close_matches(key, sorted(known.maps[place]), n=1)
    if close:
        return f"{place}.{close[0]}" if place else close[0]
    elsewhere = [path for path, keys in known.maps.items() if key in keys]
    return f"{elsewhere[0]}.{key}" if len(elsewhere) == 1 and elsewhere[0] else ""


def known_values(files: Mapping[str, bytes]) -> KnownValues:
    """Of a chart's files by their paths in it, those of charts in it included."""
    maps: dict[str, frozenset[str]] = {}
    words: dict[str, frozenset[str]] = {}
    _of_chart({path: data.decode(errors="replace") for path, data in files.items()}, "", "", maps, words)
    keys: frozenset[str] = frozenset().union(*maps.values())
    return KnownValues(maps, {place: found - keys for place, found in words.items()})


def _of_chart(
    files: Mapping[str, str],
    root: str,
    place: str,
    maps: dict[str, frozenset[str]],
    words: dict[str, frozenset[str]],
) -> None:
    """Files of the chart at `root`, whose values are at `place` in those of the chart around."""
    own = {path.removeprefix(root): text for path, text in files.items() if path.startswith(root)}
    inside = {path: text for path, text in own.items() if not path.startswith("charts/")}
    templates = "\n".join(text for path, text in inside.items() if path.startswith("templates/"))
    text, chart = inside.get("values.yaml", ""), _map(inside.get("Chart.yaml", ""))
    said = {word for line in _COMMENT.findall(text) for pair in _SAID.findall(line) for word in pair if word}
    used = {word for pair in _USED.findall(templates) for word in pair if word}
    words[place] = frozenset(said | used | set(_properties(inside.get("values.schema.json", "")))) - _OBJECTS
    start = f"{place}." if place else ""
    subs = [item for item in chart.get("dependencies") or () if isinstance(item, Mapping)]
    charts = {str(item.get("alias") or item.get("name")) for item in subs}
    conditions = {
        part for item in subs for part in re.split(r"[.,\s]+", str(item.get("condition") or "")) if part
    }
    top = set(_TOP.findall(templates)) | said | charts | conditions
    if not _ALL.search(templates):
        _of_map(_map(text), place, maps, _open(templates), top)
    folders = {path.split("/")[1] for path in own if path.startswith("charts/") and path.count("/") > 1}
    found: dict[str, dict[str, frozenset[str]]] = {f"{start}{called}": {} for called in charts}
    for folder in sorted(folders):
        below = f"charts/{folder}/"
        name = str(_map(own.get(f"{below}Chart.yaml", "")).get("name", folder))
        aliases = [str(item["alias"]) for item in subs if item.get("name") == name and item.get("alias")]
        for called in aliases or [name]:
            inner = found.setdefault(f"{start}{called}", {})
            _of_chart(own, below, f"{start}{called}", inner, words)
    for called, inner in found.items():
        _joined(maps, called, inner)


def _joined(maps: dict[str, frozenset[str]], called: str, inner: Mapping[str, frozenset[str]]) -> None:
    """What a chart says of the values of a chart in it counts together with what that one knows; alone it does not."""
    for path in [path for path in maps if f"{path}.".startswith(f"{called}.")]:
        if path in inner:
            maps[path] |= inner[path]
        else:
            del maps[path]
    maps |= {path: keys for path, keys in inner.items() if path not in maps}


def _of_map(
    tree: Mapping[str, Any], place: str, maps: dict[str, frozenset[str]], opened: set[str], more: set[str]
) -> None:
    keys = [str(key) for key in tree]
    odd = [key for key in keys if not _KEY.fullmatch(key)]
    # Names of labels and files are somebody's own; one among fields is a field.
    if len(odd) * 2 < len(keys) and not any(" " in key for key in odd):
        maps[place] = frozenset(keys) | more
        for key, value in tree.items():
            if isinstance(value, Mapping) and str(key) not in {*opened, *odd}:
                _of_map(value, f"{place}.{key}" if place else str(key), maps, opened, set())


def _open(templates: str) -> set[str]:
    """Last names of what templates take as a whole, at once or by another name that they give it."""
    found: set[str] = set()
    parts = [match.group() for match in _PART.finditer(templates)]
    whole = {name for part in parts if _WHOLE.search(part) for name in _VARIABLE.findall(part)}
    for number, part in enumerate(parts):
        named = _NAMED.search(part)
        after = parts[number + 1 : number + 6] if named else []
        passed = named and (named[1] in whole if named[1] else any(_ITSELF.search(one) for one in after))
        if passed or _WHOLE.search(part):
            found |= set(_LAST.findall(part))
    return found


def _properties(text: str) -> Iterator[str]:
    """Names of a JSON Schema's properties, wherever they are."""
    try:
        stack = [json.loads(text)] if text else []
    except ValueError:
        return
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            inner = node.get("properties")
            yield from inner if isinstance(inner, dict) else ()
            stack += node.values()
        elif isinstance(node, list):
            stack += node


def _map(text: str) -> dict[str, Any]:
    try:
        data = yamltext.load(text, strict=False)
    except yamltext.YamlTextError:
        return {}
    return data if isinstance(data, dict) else {}
