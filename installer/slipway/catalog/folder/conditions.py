"""What `when` and `unless` in module.yaml say, against schema.yaml: a misspelt setting would never have the value."""

from collections.abc import Iterator, Mapping
from typing import Any

from slipway.catalog.modules import Module
from slipway.catalog.settings_schema import nearest
from slipway.errors import Finding
from slipway.findings import FindingCode


def condition_findings(module: Module) -> Iterator[Finding]:
    """Findings by field of module.yaml."""
    conditions: list[tuple[str, Mapping[str, Any]]] = [
        *((f"requires[{index}].when", one.when) for index, one in enumerate(module.requires)),
        *((f"images ({image}).when", when) for image, when in module.image_conditions.items()),
        *((f"secrets[{index}].when", one.when) for index, one in enumerate(module.secrets)),
        *((f"conflicts[{index}].unless", one.unless) for index, one in enumerate(module.conflicts)),
    ]
    for field, condition in conditions:
        for path, value in condition.items():
            yield from _setting(module.schema, path, value, field)


def _setting(schema: Mapping[str, Any], path: str, value: Any, place: str) -> Iterator[Finding]:
    from jsonschema import Draft202012Validator

    at = schema
    for key in path.split("."):
        known = at.get("properties", {})
        if key not in known:
            text = f"there is no setting {path}"
            yield Finding(place, text, hint=nearest(key, known), code=FindingCode.MISSING)
            return
        at = known[key]
    shapes = [at, at["items"]] if "items" in at else [at]
    if not any(Draft202012Validator(shape).is_valid(value) for shape in shapes):
        yield Finding(place, f"{path} is never {value!r}", code=FindingCode.BAD_VALUE)
