"""Steps of a module's upgrades, with the settings that its tests accept: objects that come and go, in their places."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from slipway.catalog.modules import Module
from slipway.errors import ConfigurationError, Finding
from slipway.findings import FindingCode

if TYPE_CHECKING:
    from slipway.catalog.catalog import Catalog

#: What a step that has ended takes away again is none of these: data, what others stand on, and what is told nobody.
_LASTING: Final = {
    "CustomResourceDefinition": "a release brings it",
    "Namespace": "a release brings it",
    "PersistentVolume": "data would go with the step",
    "PersistentVolumeClaim": "data would go with the step: a release brings it",
    "Secret": "secrets of module.yaml are made, and kept",
}


def step_findings(
    catalog: "Catalog", module: Module, facts: Mapping[str, Any], settings: Mapping[str, Any]
) -> Iterator[Finding]:
    """What is wrong with any of its steps, by field of module.yaml."""
    for index, upgrade in enumerate(module.upgrades):
        for stage, steps in (("before", upgrade.before), ("after", upgrade.after)):
            for place, step in enumerate(steps):
                path = f"upgrades[{index}].{stage}[{place}]"
                try:
                    objects = catalog.step_objects(module, step, settings, facts)
                except ConfigurationError as exc:
                    yield Finding(path, exc.what, hint=exc.why, code=FindingCode.BAD_VALUE)
                    continue
                if not objects:
                    yield Finding(path, "makes nothing", expected="a Job", code=FindingCode.MISSING)
                for one in objects:
                    yield from _object_findings(module, one, path)


def _object_findings(module: Module, one: Mapping[str, Any], path: str) -> Iterator[Finding]:
    kind, meta = str(one["kind"]), one["metadata"]
    name, namespace = f"{kind} {meta['name']}", str(meta.get("namespace", ""))
    places = sorted({release.namespace for release in module.releases})
    if kind in _LASTING:
        text, expected = f"makes {name}, which goes when the step has ended", _LASTING[kind]
        yield Finding(path, text, expected=expected, code=FindingCode.BAD_VALUE)
    if namespace and namespace not in places:
        text = f"makes {name} in namespace {namespace}"
        yield Finding(path, text, expected=f"one of {', '.join(places)}", code=FindingCode.NAMESPACE)
    if (one.get("spec") or {}).get("ttlSecondsAfterFinished") is not None:
        text = f"makes {name}, which goes by itself: a run that was killed would run it again"
        yield Finding(path, text, expected="no ttlSecondsAfterFinished", code=FindingCode.BAD_VALUE)
