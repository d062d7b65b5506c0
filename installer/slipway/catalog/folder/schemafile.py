"""schema.yaml as everybody walks it: maps of settings, each said where it stands."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from slipway.api.yamlfile import step
from slipway.errors import Finding
from slipway.findings import FindingCode

#: Who reads a schema setting by setting finds nothing behind these, or goes in circles, or asks the Internet.
_ELSEWHERE: Final = ("$ref", "$dynamicRef")


def schema_mistakes(schema: Mapping[str, Any], path: str = "") -> Iterator[Finding]:
    """Settings that are no map, and rules that stand elsewhere; what else no JSON Schema is, lint says."""
    for key in _ELSEWHERE:
        if isinstance(schema.get(key), str):
            hint = "write the rule itself"
            yield Finding(
                _at(path, key), "stands for a rule elsewhere", hint=hint, code=FindingCode.BAD_VALUE
            )
    properties = schema.get("properties", {})
    if not isinstance(properties, Mapping):
        yield Finding(_at(path, "properties"), "is no map", expected="settings by name", code=_BAD)
        return
    for name, rule in properties.items():
        where = step(_at(path, "properties"), name)
        if isinstance(rule, Mapping):
            yield from schema_mistakes(rule, where)
        else:
            yield Finding(where, "is no map", expected="what the setting is: type, description", code=_BAD)
    items = schema.get("items")
    if isinstance(items, Mapping):
        yield from schema_mistakes(items, _at(path, "items"))


def _at(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


_BAD: Final = FindingCode.BAD_VALUE
