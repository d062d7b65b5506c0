"""Settings that a module's own tests name: accepted, refused, and of older versions, each tried out."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from slipway.catalog.facts import cluster_facts
from slipway.catalog.folder import reading
from slipway.catalog.modules import Module
from slipway.catalog.relations.asking import answers
from slipway.catalog.relations.converting import ABSENT, value_at
from slipway.catalog.relations.succession import of_this_version
from slipway.catalog.settings_schema import findings_of_user, setting_findings
from slipway.errors import ConfigurationError, Finding
from slipway.findings import FindingCode

if TYPE_CHECKING:
    from slipway.catalog.catalog import Catalog
    from slipway.model.configuration import Configuration

_SETTINGS: Final = "settings"


def case_findings(catalog: "Catalog", module: Module, site: "Configuration") -> Iterator[Finding]:
    """Are accepted settings accepted and rendered, refused ones refused, and old ones taken as the module says?"""
    cases = reading.cases(module)
    if not (cases.accepted and cases.rejected) and module.schema.get("properties"):
        expected = "accepted and rejected ones"
        yield Finding("", "has no settings of one kind", expected=expected, code=FindingCode.MISSING)
    facts = {**cluster_facts(site), "digests": {}}
    for index, settings in enumerate(cases.accepted):
        yield from _accepted(catalog, module, facts, settings, f"accepted[{index}]")
    for index, case in enumerate(cases.rejected):
        path = f"rejected[{index}]"
        refused = {
            one.path.removeprefix(_SETTINGS): one.hint
            for one in findings_of_user(module, case.settings, _SETTINGS)
        }
        if case.path not in refused:
            text = f"is refused at {', '.join(refused)}" if refused else "is accepted"
            yield Finding(path, text, expected=f"refused at {case.path}", code=FindingCode.BAD_VALUE)
        elif case.hint not in refused[case.path]:
            text = f"is refused with the hint {refused[case.path]!r}"
            yield Finding(path, text, expected=f"one with {case.hint}", code=FindingCode.BAD_VALUE)
    for index, former in enumerate(cases.converted):
        path, made = f"converted[{index}]", of_this_version(module, former.settings)
        if made.refused:
            gone = made.refused[0]
            text = f"is refused at {gone.path}: {gone.advice}"
            hint = "leave it out, or name the value under harmless"
            yield Finding(path, text, expected=str(former.becomes), hint=hint, code=FindingCode.BAD_VALUE)
        elif made.settings != former.becomes:
            text = f"becomes {made.settings}"
            yield Finding(path, text, expected=str(former.becomes), code=FindingCode.BAD_VALUE)
        else:
            yield from _accepted(catalog, module, facts, former.settings, path)
    yield from _untried(module, [former.settings for former in cases.converted])


def _accepted(
    catalog: "Catalog", module: Module, facts: Mapping[str, Any], settings: Mapping[str, Any], path: str
) -> Iterator[Finding]:
    found = list(findings_of_user(module, settings, path))
    yield from found
    if found:
        return
    yield from setting_findings(module.schema, catalog.settings(module, settings), path)
    try:
        for on in answers(module):
            catalog.values(module, settings, {}, facts, on)
    except ConfigurationError as exc:
        yield Finding(path, exc.what, hint=exc.why, code=FindingCode.BAD_VALUE)


def _untried(module: Module, tried: Iterable[Mapping[str, Any]]) -> Iterator[Finding]:
    """What changes a value is seen at work: that this version would refuse the old one is seen by that too."""
    given = list(tried)
    for upgrade in module.upgrades:
        left = [path for path, one in upgrade.former.removed.items() if one.harmless]
        for path in (*upgrade.former.converted, *left):
            if all(value_at(settings, path) is ABSENT for settings in given):
                text, expected = f"has no case with {path}", "its old value, and what it becomes"
                yield Finding("converted", text, expected=expected, code=FindingCode.MISSING)
