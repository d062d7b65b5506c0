"""A module's settings against its schema: unknown names with the nearest one, wrong values with the rule."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from difflib import get_close_matches
from functools import reduce
from typing import TYPE_CHECKING, Any

from slipway.api.yamlfile import step
from slipway.catalog.modules import Module
from slipway.catalog.relations.converting import Told, shown
from slipway.catalog.relations.succession import former_findings, of_this_version
from slipway.errors import ConfigurationError, Finding
from slipway.findings import FindingCode

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

    from slipway.model.configuration import Configuration


def module_findings(
    modules: Mapping[str, Module],
    configuration: "Configuration",
    broken: Mapping[str, ConfigurationError] | None = None,
) -> Iterator[Finding]:
    """Findings of `spec.modules`: names and settings, not yet what requires what."""
    for name, spec in configuration.spec.modules.items():
        path = f"spec.modules.{name}"
        if broken and name in broken:
            if spec.enabled is False:
                continue  # whatever it is, it is not wanted
            why = next(iter(map(str, broken[name].findings)), broken[name].why)
            text = f"the module's folder cannot be used: {why}"
            yield Finding(path, text, hint=f"slipway catalog lint {name}", code=FindingCode.BROKEN_MODULE)
        elif name not in modules:
            hint = nearest(name, modules) or "slipway catalog list"
            yield Finding(path, f"there is no module {name!r}", hint=hint, code=FindingCode.UNKNOWN_MODULE)
        elif spec.settings:
            yield from findings_of_user(modules[name], spec.settings, f"{path}.settings")


def findings_of_user(module: Module, settings: Mapping[str, Any], path: str) -> Iterator[Finding]:
    """Findings of settings as a user wrote them, at the names by which they are written."""
    found = of_this_version(module, settings)
    yield from former_findings(module, found, path)
    origins = {f"{path}.{one.now}": one for one in found.told if one.now}
    for finding in setting_findings(module.schema, found.settings, path):
        yield _as_written(finding, origins, path)


def _as_written(finding: Finding, origins: Mapping[str, Told], path: str) -> Finding:
    """Of a setting that was taken otherwise than it is written: where it is written, and as what it was taken."""
    for now, told in origins.items():
        if finding.path == now or finding.path.startswith((f"{now}.", f"{now}[")):
            text = f"{finding.problem} (taken as {told.now}: {shown(told.becomes, told.now, told.path)})"
            return replace(finding, path=f"{path}.{told.path}", problem=text)
    return finding


def setting_findings(schema: Mapping[str, Any], settings: Mapping[str, Any], path: str) -> Iterator[Finding]:
    """Findings of one module's settings."""
    from jsonschema import Draft202012Validator

    errors = Draft202012Validator(schema).iter_errors(settings)
    for error in sorted(errors, key=lambda error: [str(part) for part in error.absolute_path]):
        yield from _findings(error, reduce(step, error.absolute_path, path))


def _findings(error: "ValidationError", path: str) -> Iterator[Finding]:
    if error.validator != "additionalProperties":
        yield Finding(path, error.message, expected=_expected(error), code=FindingCode.INVALID_SETTING)
        return
    known = error.schema.get("properties", {}) if isinstance(error.schema, Mapping) else {}
    instance = error.instance if isinstance(error.instance, Mapping) else {}
    for name in sorted(set(instance) - set(known)):
        yield Finding(
            step(path, name),
            "there is no such setting",
            expected=f"one of {', '.join(sorted(known))}" if known else "no settings",
            hint=nearest(name, known),
            code=FindingCode.UNKNOWN_SETTING,
        )


def _expected(error: "ValidationError") -> str:
    """The rule that was broken, and what the setting is for."""
    wanted = error.validator_value
    texts = {
        "type": f"{wanted}",
        "enum": f"one of {', '.join(map(str, wanted))}" if isinstance(wanted, list) else "",
        "pattern": f"text that matches {wanted}",
        "minimum": f"at least {wanted}",
        "maximum": f"at most {wanted}",
    }
    return texts.get(str(error.validator), f"{error.validator}: {wanted}")


def nearest(name: str, known: Mapping[str, Any]) -> str:
    """A hint with the name that was meant; empty: none is near."""
    close = get_close_matches(name, list(known), n=1)
    return f"did you mean {close[0]!r}?" if close else ""


def settings_of(module: Module, settings: Mapping[str, Any]) -> dict[str, Any]:
    """A user's settings by the names and values of this version, with every default."""
    return with_defaults(module.schema, of_this_version(module, settings).settings)


def with_defaults(schema: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with every default of the schema's properties, also inside maps."""
    filled = dict(settings)
    for name, rule in schema.get("properties", {}).items():
        if name not in filled and "default" in rule:
            filled[name] = rule["default"]
        inner = filled.get(name, {} if rule.get("type") == "object" else None)
        if rule.get("properties") and isinstance(inner, Mapping):
            filled[name] = with_defaults(rule, inner)
    return filled
