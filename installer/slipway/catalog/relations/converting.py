"""Settings of an older version as this one says them: renamed, said otherwise, or left out.

Which version a ClusterConfiguration was written for stands nowhere. So a setting counts as one of an older version by
its name, where this version has none of that name, or by its value, where this version refuses it.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final

from slipway import yamltext
from slipway.telltale import HIDDEN, looks_secret, named_secret

#: Stands for a setting that is not there.
ABSENT: Final = object()
#: What a text puts the old value in place of.
PLACE: Final = "{}"
Settings = Mapping[str, Any]
Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Conversion:
    """How a value of an older version is said now; one of these is set. What none fits stays as it is."""

    text: str = ""
    """A number or text in place of `{}`."""
    times: float = 0
    """A number, so many times."""
    listed: bool = False
    """A value alone becomes a list of it, and an empty text an empty list."""
    values: tuple[tuple[Any, Any], ...] = ()
    """What it was, and what it is now."""

    def of(self, value: Any) -> Any:
        """The value as it is said now."""
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if self.values:
            return next((now for was, now in self.values if same(was, value)), value)
        if self.text and (number or isinstance(value, str)):
            return self.text.replace(PLACE, str(value))
        if self.times and number:
            return _multiplied(value, self.times)
        if self.listed and (number or isinstance(value, bool | str)):
            return [value] if value != "" else []
        return value


@dataclass(frozen=True, slots=True)
class Left:
    """A setting that went away."""

    advice: str
    """What to do instead."""
    harmless: tuple[Any, ...] = ()
    """Values that say what is so anyway: with one of them it counts for nothing, and is not refused."""


@dataclass(frozen=True, slots=True)
class FormerSettings:
    """How settings of an older version are said now, by their old paths (`dashboard.enabled`)."""

    renamed: Mapping[str, str] = field(default_factory=dict)
    converted: Mapping[str, Conversion] = field(default_factory=dict)
    removed: Mapping[str, Left] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Told:
    """One setting that was taken otherwise than it is written."""

    path: str
    value: Any
    now: str
    """Path; empty: it counts for nothing."""
    becomes: Any = ABSENT
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Converted:
    """Settings of a user by the names and values of this version."""

    settings: dict[str, Any]
    told: tuple[Told, ...] = ()
    twice: tuple[tuple[str, str], ...] = ()
    """Old and new path of what is given by both; the new one counts."""
    refused: tuple[Told, ...] = ()
    """What went away and would have meant something; `settings` is without it."""


def converted(stages: Sequence[FormerSettings], schema: Schema, settings: Settings) -> Converted:
    """Through all stages, oldest first. What has its form already stays as it is."""
    made = _copied(settings)
    # By its path now: the path and the value that the user wrote.
    origins: dict[str, tuple[str, Any]] = {}
    dropped: list[Told] = []
    refused: list[Told] = []
    twice: list[tuple[str, str]] = []
    for index, stage in enumerate(stages):
        for old, left in stage.removed.items():
            if (value := _taken(made, old)) is not ABSENT:
                path, written = origins.pop(old, (old, value))
                gone = Told(path, written, "", advice=left.advice)
                (dropped if any(same(one, value) for one in left.harmless) else refused).append(gone)
        for old, new, value in _moved(stages[index:], schema, made):
            origin = origins.pop(old, (old, value))
            conversion = stage.converted.get(old, Conversion())
            if value_at(made, new) is not ABSENT or not _put(made, new, conversion.of(value)):
                twice.append((origin[0], new))
            else:
                origins[new] = origin
    told = [Told(path, value, now, value_at(made, now)) for now, (path, value) in origins.items()]
    changed = (one for one in told if one.path != one.now or not same(one.value, one.becomes))
    return Converted(made, (*changed, *dropped), tuple(twice), tuple(refused))


def _moved(
    stages: Sequence[FormerSettings], schema: Schema, made: dict[str, Any]
) -> list[tuple[str, str, Any]]:
    """Old path, new path and value of all that the first stage takes from where it is: two can change places."""
    first, found = stages[0], []
    for old in dict.fromkeys((*first.renamed, *first.converted)):
        new, value = first.renamed.get(old, old), value_at(made, old)
        if value is ABSENT or (new == old and accepts(rule_at(schema, final_path(stages, old)), value)):
            continue
        found.append((old, new, _taken(made, old)))
    return found


def outcome(stages: Sequence[FormerSettings], schema: Schema, path: str, value: Any) -> Any:
    """What this version has of a setting that was alone, at this path with this value, before these stages."""
    settings: dict[str, Any] = {}
    _put(settings, path, value)
    return value_at(converted(stages, schema, settings).settings, final_path(stages, path))


def final_path(stages: Iterable[FormerSettings], path: str) -> str:
    """Where a setting is in this version that had this path before these stages."""
    for stage in stages:
        path = stage.renamed.get(path, path)
    return path


def rule_at(schema: Schema, path: str) -> Schema | None:
    """What a schema says of the setting at a path; None: it has none."""
    rule: Any = schema
    for key in path.split("."):
        properties = rule.get("properties") if isinstance(rule, Mapping) else None
        rule = properties.get(key) if isinstance(properties, Mapping) else None
    return rule if isinstance(rule, Mapping) else None


def accepts(rule: Schema | None, value: Any) -> bool:
    """Whether a setting may have a value. One that is not there has none."""
    if rule is None:
        return False
    from jsonschema import Draft202012Validator

    return bool(Draft202012Validator(rule).is_valid(value))


def value_at(settings: Any, path: str) -> Any:
    """The value at a path, or ABSENT."""
    for key in path.split("."):
        if not isinstance(settings, Mapping) or key not in settings:
            return ABSENT
        settings = settings[key]
    return settings


def shown(value: Any, *paths: str) -> str:
    """A value of a setting in one line of YAML, cut where it is long; not what may be a secret.

    `paths`: that it has, or had.
    """
    if _may_be_secret(value, paths):
        return HIDDEN
    plain = isinstance(value, str) and value.isalnum() and yamltext.load(value) == value
    text = value if plain else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONG else f"{text[: _LONG - 3]}..."


def _may_be_secret(value: Any, paths: Iterable[str]) -> bool:
    if isinstance(value, bool) or value is None:
        return False
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    names = (name for path in paths for name in path.split("."))
    return named_secret(names) or looks_secret(text, of_several=not isinstance(value, str))


def line_of(path: str, value: Any, former: str = "") -> str:
    """What to write in a ClusterConfiguration to have a value at a path. `former`: where it was before."""
    *above, name = path.split(".")
    line = f"{name}: {shown(value, path, former)}"
    for key in reversed(above):
        line = f"{key}: {{{line}}}"
    return line


_LONG: Final = 80
#: Whole numbers that every reader of JSON and YAML takes for such are below it.
_WHOLE: Final = 1 << 63


def _multiplied(value: float, times: float) -> Any:
    """As people count, 0.29 x 100 = 29; a product that no number can hold leaves the value, which is then judged."""
    try:
        made = Fraction(value if isinstance(value, int) else str(value)) * Fraction(str(times))
        return int(made) if made.denominator == 1 and abs(made) < _WHOLE else float(made)
    except (OverflowError, ValueError):  # too large, or not finite
        return value


def same(one: Any, other: Any) -> bool:
    """Equal, and not only to Python: `true` is not 1."""
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _copied(value: Any) -> Any:
    return {key: _copied(item) for key, item in value.items()} if isinstance(value, Mapping) else value


def _taken(settings: dict[str, Any], path: str) -> Any:
    """The value at a path, which is there no more; nor are maps above it that have become empty by that."""
    key, _, rest = path.partition(".")
    if not rest:
        return settings.pop(key, ABSENT)
    below = settings.get(key)
    if not isinstance(below, dict):
        return ABSENT
    value = _taken(below, rest)
    if value is not ABSENT and not below:
        del settings[key]
    return value


def _put(settings: dict[str, Any], path: str, value: Any) -> bool:
    """A value at a path; False: it cannot be there, since something that is no map stands above it."""
    key, _, rest = path.partition(".")
    if not rest:
        settings[key] = value
        return True
    return isinstance(settings.setdefault(key, {}), dict) and _put(settings[key], rest, value)
