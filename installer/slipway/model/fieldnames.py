"""Names of fields in objects, as people write them: `status.state`, `status.nodes[0]`, `status["a.b"]`."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

#: One key of a map or place in a list.
FieldKey = str | int

_STEP: Final = re.compile(r'(?:^|\.)([A-Za-z0-9_-]+)|\[(\d+)\]|\["([^"\]]+)"\]')


def field_keys(name: str) -> tuple[FieldKey, ...]:
    """The keys from an object's root to the field.

    Raises:
        ValueError: it is no name of a field.
    """
    keys: list[FieldKey] = []
    end = 0
    while found := _STEP.match(name, end):
        key, place, quoted = found.groups()
        keys.append(int(place) if place else key or quoted)
        end = found.end()
    if end != len(name) or not re.match(r"\w", name):
        raise ValueError(f'{name!r} is no field: write it as status.state, status.nodes[0] or status["a.b"]')
    return tuple(keys)


def value_of(obj: Mapping[str, Any], name: str) -> Any:
    """What an object has in a field; None where there is nothing."""
    found: Any = obj
    for key in field_keys(name):
        if isinstance(found, Mapping):
            found = found.get(key)
        elif isinstance(found, Sequence) and not isinstance(found, str) and isinstance(key, int):
            found = found[key] if key < len(found) else None
        else:
            return None
    return found
