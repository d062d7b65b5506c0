"""The spec's structural OpenAPI schema, from the model: no references, bounded, with defaults and rules.

Defaults are written wherever one model holds them. HostSettings has none here: its layers merge, so a default
in one layer would hide what another layer sets.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from slipway.api import cel
from slipway.api.explain import fields_of
from slipway.api.paths import unmet
from slipway.model.configuration import Spec
from slipway.model.fields import Effect, Model
from slipway.model.paths import FieldPath

# Bounds where the model states none. The API server multiplies them into the estimated cost of every rule.
MAX_TEXT = 4096
MAX_LIST = 1024
MAX_MAP = 256

#: Lists that are not replaced as a whole: their keys. All others are atomic.
LIST_KEYS = {
    "spec.hosts.items": ["name"],
    "taints": ["key", "effect"],
    "directories": ["path"],
    "routes": ["to"],
    "registries": ["name"],
}
SETS = {"spec.hosts.items.roles"}

_KEPT = (
    "type",
    "enum",
    "pattern",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "maxProperties",
    "x-kubernetes-int-or-string",
    "x-kubernetes-preserve-unknown-fields",
)
_OPEN = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def spec_schema() -> dict[str, Any]:
    """Schema of `spec`."""
    raw = Spec.model_json_schema(by_alias=True)
    return _object(Spec, raw, raw.get("$defs", {}), "spec")


def is_field(path: FieldPath) -> bool:
    """Whether a path below spec ends at a field of the model; else at what a user named: a key, an entry of a list."""
    node, named = known_schema(), False
    for element in path:
        if not isinstance(element, str):
            node, named = node.get("items", {}), False
            continue
        named = element in node.get("properties", {})
        node = node["properties"][element] if named else node.get("additionalProperties", {})
    return named


def unmet_fields(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[FieldPath]:
    """Paths below spec at which one spec lacks what another one says, or says something else."""
    return unmet(wanted, found, known_schema())


@cache
def known_schema() -> Mapping[str, Any]:
    """The same, made once: not to be changed."""
    return spec_schema()


def effect_of(info: FieldInfo) -> str:
    """live, rolling, immutable, or empty for a field that only groups others."""
    extra = info.json_schema_extra
    return str(extra.get("x-slipway-effect", "")) if isinstance(extra, dict) else ""


def default_of(info: FieldInfo) -> Any:
    """The default as JSON; None when there is none worth writing (absent, empty list or map).

    An object's holds those of all its fields: the API server judges a default by the rules before it fills it in.
    """
    value = info.get_default(call_default_factory=True) if not info.is_required() else None
    if isinstance(value, BaseModel):
        return _worth(value.model_dump(mode="json", by_alias=True))
    return None if value is PydanticUndefined or value in ((), {}) else value


def _worth(value: dict[str, Any]) -> dict[str, Any]:
    members = {key: _worth(item) if isinstance(item, dict) else item for key, item in value.items()}
    return {key: item for key, item in members.items() if item not in (None, [], {})}


def in_host_settings(path: str) -> bool:
    """Whether a path lies in one of the layers that merge."""
    return path.startswith(("spec.hosts.defaults", "spec.hosts.groups.", "spec.hosts.items.settings"))


def _object(
    kind: type[BaseModel], raw: Mapping[str, Any], defs: Mapping[str, Any], path: str
) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "properties": {}}
    rules: list[cel.Rule] = []
    for name, info in fields_of(kind).items():
        here = f"{path}.{name}"
        node = _node(raw["properties"][name], defs, here)
        _describe(node, raw["properties"][name], info)
        if not in_host_settings(here):
            rules += _fixed(node, info, here)
            if (default := default_of(info)) is not None:
                node["default"] = default
        schema["properties"][name] = node
    if raw.get("required"):
        schema["required"] = list(raw["required"])
    cel.attach(schema, cel.RULES.get(path, []) + rules)
    return schema


def _describe(node: dict[str, Any], raw: Mapping[str, Any], info: FieldInfo) -> None:
    effect = effect_of(info)
    text = str(info.description or raw.get("description", ""))
    node["description"] = f"{text} A change is {effect}." if effect else text


def _fixed(node: dict[str, Any], info: FieldInfo, path: str) -> list[cel.Rule]:
    """Transition rules: at the field itself, or for its parent when the field may be absent."""
    if effect_of(info) != Effect.IMMUTABLE or path == "spec.hosts.items.name":
        return []
    if not info.is_required() and default_of(info) is None:
        return [cel.immutable_optional(path, path.rsplit(".", 1)[1])]
    cel.attach(node, [cel.immutable(path)])
    return []


def _node(raw: Mapping[str, Any], defs: Mapping[str, Any], path: str) -> dict[str, Any]:
    if "anyOf" in raw:
        (raw,) = (one for one in raw["anyOf"] if one.get("type") != "null")
    if "$ref" in raw:
        name = raw["$ref"].rsplit("/", 1)[1]
        kind = next(kind for kind in Model.__subclasses__() if kind.__name__ == name)
        return _object(kind, defs[name], defs, path)
    if raw.get("type") == "object":
        return _map(raw, defs, path)
    schema = {key: raw[key] for key in _KEPT if key in raw}
    if "const" in raw:
        schema["enum"] = [raw["const"]]
    if schema.get("type") == "array":
        return _list(schema, _node(raw["items"], defs, path), path)
    if schema.get("type") == "string" and "enum" not in schema:
        schema.setdefault("maxLength", MAX_TEXT)
    return schema


def _list(schema: dict[str, Any], item: dict[str, Any], path: str) -> dict[str, Any]:
    schema["items"] = item
    schema.setdefault("maxItems", MAX_LIST)
    keys = LIST_KEYS.get(path) or LIST_KEYS.get(path.rsplit(".", 1)[1])
    if keys:
        schema |= {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": keys}
    else:
        schema["x-kubernetes-list-type"] = "set" if path in SETS else "atomic"
    return schema


def _map(raw: Mapping[str, Any], defs: Mapping[str, Any], path: str) -> dict[str, Any]:
    values = raw.get("additionalProperties")
    for pattern_values in raw.get("patternProperties", {}).values():
        values = pattern_values
    if values in (True, None):
        return dict(_OPEN)
    schema = {
        "type": "object",
        "maxProperties": raw.get("maxProperties", MAX_MAP),
        "additionalProperties": _node(values, defs, f"{path}.NAME"),
    }
    cel.attach(schema, cel.RULES.get(path, []))
    return schema
