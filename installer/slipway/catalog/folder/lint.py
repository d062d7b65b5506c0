"""What is wrong with a module's folder although it can be read: what its author left out, what nothing uses.

All of it is found without a cluster, without Helm and without a chart of somebody else's.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from slipway.api.yamlfile import step
from slipway.catalog.facts import cluster_facts
from slipway.catalog.folder import reading
from slipway.catalog.folder.build import Build
from slipway.catalog.folder.caselint import case_findings
from slipway.catalog.folder.conditions import condition_findings
from slipway.catalog.folder.levels import trials_of
from slipway.catalog.folder.locklint import lock_findings
from slipway.catalog.folder.relationlint import relation_findings
from slipway.catalog.folder.steplint import step_findings
from slipway.catalog.folder.table import with_table
from slipway.catalog.modules import Module
from slipway.catalog.relations.succession import succession_findings
from slipway.catalog.settings_schema import setting_findings
from slipway.catalog.shipped import LEVELS
from slipway.errors import ConfigurationError, Finding
from slipway.findings import FindingCode
from slipway.landing import land
from slipway.model.bundle import chart_name
from slipway.smallfiles import text_of

if TYPE_CHECKING:
    from slipway.catalog.catalog import Catalog
    from slipway.model.configuration import Configuration

_README: Final = "README.md"
_CASES: Final = "tests/settings.yaml"


def lint_findings(catalog: "Catalog", name: str, site: "Configuration") -> list[Finding]:
    """Findings of one module by file and field; `site` is any: its facts are what templates are rendered with.

    Raises:
        ConfigurationError: there is no module of that name.
    """
    if name in catalog.broken:
        error = catalog.broken[name]
        return _of_error(error.where.rpartition("/")[2], error)
    module = catalog.named(name)
    try:
        reading.cases(module)
    except ConfigurationError as exc:
        return _of_error(_CASES, exc)
    wrong = list(_no_schema(module.schema))
    return [
        *_readme(module),
        *_levels(module),
        *(_in_file(reading.SETTINGS, one) for one in wrong or _schema(module.schema, "")),
        *(_in_file(_CASES, one) for one in ([] if wrong else case_findings(catalog, module, site))),
        *(_in_file(reading.MODULE, one) for one in _sources(catalog, module)),
        *(_in_file(reading.MODULE, one) for one in relation_findings(catalog, module)),
        *(_in_file(reading.MODULE, one) for one in ([] if wrong else condition_findings(module))),
        *(_in_file(reading.MODULE, one) for one in (*_counted(module), *succession_findings(module))),
        *(_in_file(reading.MODULE, one) for one in ([] if wrong else _steps(catalog, module, site))),
        *(_in_file(reading.MODULE, one) for one in _kinds(catalog, module)),
        *(_in_file(reading.LOCK, one) for one in lock_findings(module)),
        *(_in_file(reading.BUILD, one) for one in _unused(reading.build_of(module.directory), module)),
    ]


def mend(module: Module) -> None:
    """Write what can be made from the rest of the folder: the settings in its README."""
    file = module.directory / _README
    if file.is_file():
        try:
            text = _lines_of(file)
        except (ValueError, OSError):
            return
        if (made := with_table(text, module.schema)) != text:
            land(file, made)


def _of_error(file: str, error: ConfigurationError) -> list[Finding]:
    """What an error says of a file."""
    found = error.findings or (Finding("", error.why or error.what, code=FindingCode.BROKEN_MODULE),)
    return [_in_file(file, one) for one in found]


def _in_file(file: str, finding: Finding) -> Finding:
    return replace(finding, path=f"{file}: {finding.path}" if finding.path else file)


def _readme(module: Module) -> Iterator[Finding]:
    file = module.directory / _README
    if not file.is_file():
        yield Finding(_README, "is missing", expected="what it is, and how to see that it works", code=_LEFT)
        return
    try:
        text = _lines_of(file)
    except (ValueError, OSError) as exc:
        yield Finding(_README, f"cannot be read: {exc}", code=FindingCode.BAD_VALUE)
        return
    if not text.startswith(f"# {module.name}\n"):
        yield Finding(_README, "does not begin with its name", expected=f"# {module.name}", code=_LEFT)
    elif with_table(text, module.schema) != text:
        hint = f"slipway catalog lint {module.name} --fix"
        yield Finding(_README, "has not the settings of schema.yaml", hint=hint, code=FindingCode.STALE)


def _lines_of(file: Path) -> str:
    """Text with the line ends of this machine, whosever editor wrote it."""
    return text_of(file).replace("\r\n", "\n")


def _levels(module: Module) -> Iterator[Finding]:
    try:
        trials_of(module.directory)
    except ConfigurationError as exc:
        yield Finding(LEVELS, exc.why, hint=exc.hint, code=FindingCode.BAD_VALUE)


def _no_schema(schema: Mapping[str, Any]) -> Iterator[Finding]:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as exc:
        yield Finding("", f"is no JSON Schema: {exc.message}", code=FindingCode.BAD_VALUE)


def _schema(schema: Mapping[str, Any], path: str) -> Iterator[Finding]:
    """Closed, and each setting with what it is for; those at the top with a default, which the README shows."""
    if schema.get("additionalProperties") is not False:
        expected = "additionalProperties: false"
        yield Finding(path, "takes settings that it does not know", expected=expected, code=_LEFT)
    for name, rule in schema.get("properties", {}).items():
        place = step(f"{path}.properties" if path else "properties", name)
        if not rule.get("description"):
            yield Finding(place, "has no description", expected="one sentence for who sets it", code=_LEFT)
        if not path and "default" not in rule:
            yield Finding(place, "has no default", expected="what is good without a thought", code=_LEFT)
        if rule.get("properties"):
            yield from _schema(rule, place)


def _steps(catalog: "Catalog", module: Module, site: "Configuration") -> Iterator[Finding]:
    """What its upgrades run, each finding once."""
    facts = {**cluster_facts(site), "digests": {}}
    found = (
        one
        for settings in reading.samples(module)
        if not any(setting_findings(module.schema, settings, ""))
        for one in step_findings(catalog, module, facts, settings)
    )
    yield from dict.fromkeys(found)


def _sources(catalog: "Catalog", module: Module) -> Iterator[Finding]:
    """Has every release a chart?"""
    known = {chart.name for chart in catalog.versions.charts}
    for index, release in enumerate(module.releases):
        if release.repository or release.tree:
            if not (release.locked or release.locked_tree):
                where = "repository" if release.repository else "tree"
                text = f"lock.yaml has no {release.chart} {release.version} of this {where}"
                hint = f"slipway catalog lock {module.name}"
                yield Finding(f"releases[{index}]", text, hint=hint, code=FindingCode.MISSING)
        elif release.by_build and chart_name(module.name, release.chart) not in known:
            text = f"no chart {release.chart} is pinned"
            expected = "one in build.yaml, a chartDir, a repository or a tree"
            yield Finding(f"releases[{index}].chart", text, expected=expected, code=FindingCode.MISSING)


def _kinds(catalog: "Catalog", module: Module) -> Iterator[Finding]:
    """Does everybody say the same of a kind? It holds for the objects of all modules."""
    for index, one in enumerate(module.kinds):
        for other in catalog.modules.values():
            for its in other.kinds:
                if (its.group, its.kind) == (one.group, one.kind) and its != one:
                    text = f"{other.name} says something else of {one.kind}.{one.group}"
                    yield Finding(f"health.kinds[{index}]", text, code=FindingCode.DUPLICATE)


def _counted(module: Module) -> Iterator[Finding]:
    """Is what a request is multiplied by a setting with a number?"""
    for index, request in enumerate(module.resources):
        rule: Any = module.schema
        for key in request.times.split(".") if request.times else ():
            rule = rule.get("properties", {}).get(key, {})
        if request.times and rule.get("type") != "integer":
            text = f"names {request.times}, which is no setting with a whole number"
            yield Finding(f"resources[{index}].times", text, code=FindingCode.BAD_VALUE)


def _unused(build: Build, module: Module) -> Iterator[Finding]:
    """What build.yaml pins, and neither the module nor another pin takes."""
    charts = {release.chart for release in module.releases}
    files = [file for image in build.images for file in image.files.values()]
    for layer in build.layers:
        files += [*layer.files.values(), layer.tree]
    used = {file.partition("/")[0] for file in files} | {chart.source for chart in build.charts}
    used |= {source.base for source in build.sources if source.type == "python"}
    layers = {name for image in build.images for name in image.layers}
    yield from _without("sources", [source.name for source in build.sources], used)
    yield from _without("layers", [layer.name for layer in build.layers], layers)
    yield from _without("charts", [chart.name for chart in build.charts], charts)
    yield from _without("images", [image.full_reference for image in build.images], set(module.images))


def _without(field: str, names: list[str], used: set[str]) -> Iterator[Finding]:
    for index, name in enumerate(names):
        if name not in used:
            yield Finding(f"{field}[{index}]", f"nothing takes {name}", code=FindingCode.UNUSED)


_LEFT: Final = FindingCode.MISSING
