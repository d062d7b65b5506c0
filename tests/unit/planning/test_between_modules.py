"""Modules that use others: what comes later shows in who asked, in nobody else; and goes before it goes."""

from dataclasses import replace
from typing import Any

import pytest

from slipway import catalog
from slipway.bundle.form import manifest as manifests
from slipway.catalog import Catalog
from slipway.catalog.folder.skeleton import write_skeleton
from slipway.model.bundle import Artifact, ArtifactKind
from slipway.model.configuration import Configuration, Spec
from slipway.model.observed import ClusterObserved, Observed, Scope
from slipway.model.plan import Because, Change, Step
from slipway.model.record import ModulePhase, ModuleRecord
from slipway.planning.beside import owner_of
from slipway.planning.modules import module_steps
from slipway.planning.order import ordered
from slipway.settings import NAMESPACE

ASKS = "{% if has('monitoring') %}\nmonitor: true\n{% endif %}\n"
#: Name -> what is added to module.yaml, and to the template of its values.
MODULES = {
    "prometheus": ("provides: [monitoring]\n", ""),
    "asks": ("uses: [monitoring]\n", ASKS),
    "asks-by-name": ("uses: [prometheus]\n", ASKS.replace("monitoring", "prometheus")),
    "asks-where-it-is-told": (
        "uses: [monitoring]\n",
        "{% if settings.replicas > 1 %}\n" + ASKS + "{% endif %}\n",
    ),
    "waits": ("uses: [monitoring]\n", ""),
    "other": ("", ""),
}


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    root = tmp_path_factory.mktemp("modules")
    for name, (text, template) in MODULES.items():
        write_skeleton(root, name)
        module, values = root / name / "module.yaml", root / name / "values.yaml.j2"
        module.write_text(module.read_text().replace("requires: [cni]\n", text))
        values.write_text(values.read_text() + template)
    loaded = catalog.load([root])
    assert loaded.broken == {}
    return loaded


def wanted(*names: str, **settings: dict[str, Any]) -> Configuration:
    modules = {
        name: {"enabled": True, "settings": settings.get(name.replace("-", "_"), {})} for name in names
    }
    spec = Spec.model_validate({"modules": modules})
    return Configuration(name="demo", namespace=NAMESPACE, spec=spec)


def planned(
    release: Catalog, configuration: Configuration, records: dict[str, ModuleRecord]
) -> dict[str, Step]:
    charts = [
        Artifact(ArtifactKind.CHART, f"{name}.{name}", "0.1.0", "sha256:1", 1, path=f"{name}.tgz")
        for name in MODULES
    ]
    bundle = manifests.manifest_of(name="t", catalog=release.digest, slipway="0", artifacts=charts)
    cluster = ClusterObserved(reachable=True, modules=records)
    seen = Observed(Scope.FULL, "2026-01-01T00:00:00+00:00", cluster=cluster)
    steps = ordered(tuple(module_steps(configuration, release, bundle, seen)))
    return {step.target: step for step in steps}


def done(
    configuration: Configuration, steps: dict[str, Step], records: dict[str, ModuleRecord]
) -> dict[str, ModuleRecord]:
    """What the plan leaves behind."""
    left = dict(records)
    for name, step in steps.items():
        if step.change is Change.REMOVE:
            del left[name]
            continue
        requires = tuple(step.inputs["requires"])
        left[name] = ModuleRecord(
            name,
            ModulePhase.HEALTHY,
            step.digest,
            step.parts,
            requires=requires,
            owner=owner_of(configuration),
        )
    return left


OTHERS = tuple(name for name in MODULES if name != "prometheus")


def test_a_provider_that_comes_later_changes_exactly_who_asked(release: Catalog) -> None:
    before = wanted(*OTHERS)
    records = done(before, planned(release, before, {}), {})
    assert planned(release, before, records) == {}
    now = wanted(*MODULES)
    steps = planned(release, now, records)
    assert list(steps) == ["prometheus", "asks", "asks-by-name"]
    for name, asked in (("asks", "monitoring"), ("asks-by-name", "prometheus")):
        assert steps[name].needs == ("module/prometheus/apply",)
        (reason,) = steps[name].reasons
        assert (reason.cause, reason.text) == (Because.USED, f"{asked}, which {name} uses, is on now")
        assert steps[name].inputs["releases"][0]["values"]["monitor"] is True
        assert not {"has", "uses"} & steps[name].inputs.keys()  # the run has no need of it
    assert planned(release, now, done(now, steps, records)) == {}


def test_it_is_forgotten_before_it_goes(release: Catalog) -> None:
    before = wanted(*MODULES)
    records = done(before, planned(release, before, {}), {})
    now = wanted(*OTHERS)
    steps = planned(release, now, records)
    assert list(steps) == ["asks", "asks-by-name", "prometheus"]
    assert steps["prometheus"].needs == ("module/asks/apply", "module/asks-by-name/apply")
    (reason,) = steps["asks"].reasons
    assert reason.text == "monitoring, which asks uses, is on no more"
    assert planned(release, now, done(now, steps, records)) == {}


def test_all_go_together_in_the_order_of_uses(release: Catalog) -> None:
    before = wanted(*MODULES)
    records = done(before, planned(release, before, {}), {})
    assert list(planned(release, wanted(), records))[-1] == "prometheus"


def test_a_question_that_a_setting_brings_counts_with_the_setting(release: Catalog) -> None:
    name = "asks-where-it-is-told"
    before = wanted(name, "prometheus")
    records = done(before, planned(release, before, {}), {})
    now = wanted(name, "prometheus", asks_where_it_is_told={"replicas": 2})
    steps = planned(release, now, records)
    assert [reason.path for reason in steps[name].reasons if reason.path] == [f"spec.modules.{name}.settings"]
    records = done(now, steps, records)
    gone = wanted(name, asks_where_it_is_told={"replicas": 2})
    assert list(planned(release, gone, records)) == [name, "prometheus"]


def test_who_only_comes_later_waits_at_first_and_changes_never(release: Catalog) -> None:
    steps = planned(release, wanted("waits", "prometheus", "other"), {})
    assert list(steps) == ["other", "prometheus", "waits"]
    assert (steps["waits"].needs, steps["other"].needs) == (("module/prometheus/apply",), ())


def test_a_record_of_before_anything_was_asked_tells_why_by_itself(release: Catalog) -> None:
    """As a module's next version leaves it, which asks what this one did not."""
    before = wanted("asks")
    records = done(before, planned(release, before, {}), {})
    parts = {name: part for name, part in records["asks"].parts.items() if not name.startswith("has")}
    old = {"asks": replace(records["asks"], parts=parts, digest="sha256:other")}
    (reason,) = planned(release, before, old)["asks"].reasons
    assert reason.text == "asks asks whether monitoring is on"
