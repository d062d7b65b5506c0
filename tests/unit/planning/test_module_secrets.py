"""Secrets of modules in a plan: names, rotations and HMACs; a step that says why, and is held where one is missing."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slipway import catalog
from slipway.bundle.form import manifest as manifests
from slipway.catalog import Catalog, Fate
from slipway.model.bundle import Artifact, ArtifactKind
from slipway.model.configuration import Configuration, Spec
from slipway.model.observed import ClusterObserved, DefinitionChange, Observed, Scope
from slipway.model.plan import Because, Step
from slipway.model.record import ModuleDetails, ModulePhase, ModuleRecord, ReleaseRecord, SecretRecord
from slipway.planning.modules import module_steps
from slipway.settings import NAMESPACE
from tests.secretmodules import write_secret_module

GIVEN = {"secrets": {"login": {"given": {"password": {"name": "page", "key": "word"}}}}}

Definitions = Mapping[str, dict[str, DefinitionChange]]
NO_DEFINITIONS: Definitions = {}


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    folder = tmp_path_factory.mktemp("modules") / "told"
    write_secret_module(folder)
    return catalog.load([folder.parent])


def steps(
    release: Catalog,
    told: dict[str, Any],
    record: ModuleRecord | None = None,
    definitions: Definitions = NO_DEFINITIONS,
    **secrets: str,
) -> list[Step]:
    spec = Spec.model_validate({"modules": {"told": {"enabled": True, **told}}})
    chart = Artifact(ArtifactKind.CHART, "told.told", "0.1.0", "sha256:1", 1, path="told.tgz")
    bundle = manifests.manifest_of(name="t", catalog=release.core, slipway="0", artifacts=[chart])
    modules = {"told": record} if record else {}
    seen = Observed(
        Scope.FULL,
        "2026-01-01T00:00:00+00:00",
        cluster=ClusterObserved(reachable=True, modules=modules, definitions=dict(definitions)),
        secrets={reference.replace("_", "/"): value for reference, value in secrets.items()},
    )
    return list(
        module_steps(Configuration(name="demo", namespace=NAMESPACE, spec=spec), release, bundle, seen)
    )


def done(step: Step) -> ModuleRecord:
    """What the step leaves behind."""
    secrets = tuple(
        SecretRecord(one["entry"], one["namespace"], one["name"], one["version"], one["rotation"])
        for one in step.inputs.get("module_secrets", {}).values()
    )
    return ModuleRecord(
        "told",
        ModulePhase.HEALTHY,
        step.digest,
        step.parts,
        owner=f"{NAMESPACE}/demo",
        secrets=secrets,
        releases=("told",),
        extra=ModuleDetails({"told": ReleaseRecord("told")}),
    )


def test_nothing_is_planned_again_and_a_rotation_is_with_its_reason(release: Catalog) -> None:
    (made,) = steps(release, {})
    assert steps(release, {}, done(made)) == []
    (rotated,) = steps(release, {"secrets": {"login": {"rotation": 1}}}, done(made))
    (reason,) = rotated.reasons
    assert reason.text.startswith(
        "its secret login is made anew, and what takes it restarts: spec.modules.told"
    )
    assert (reason.cause, reason.path) == (Because.FIELD, "spec.modules.told.secrets.login.rotation")


def test_definitions_that_change_are_in_the_plan(release: Catalog) -> None:
    reason = "changes CustomResourceDefinition gears.example.org: v1 is new, the schema of v1beta1"
    (made,) = steps(release, {})
    change = DefinitionChange(("v1 is new", "the schema of v1beta1"))
    changes = {"told": {"gears.example.org": change}}
    (rotated,) = steps(release, {"secrets": {"login": {"rotation": 1}}}, done(made), definitions=changes)
    assert (Because.EFFECT, reason) in [(one.cause, one.text) for one in rotated.reasons]


def test_another_value_of_the_sites_own_is_a_step(release: Catalog) -> None:
    (made,) = steps(release, GIVEN, page_word="h1")
    assert steps(release, GIVEN, done(made), page_word="h1") == []
    (changed,) = steps(release, GIVEN, done(made), page_word="h2")
    assert [reason.text for reason in changed.reasons] == [
        "its secret login is another one, and what takes it restarts"
    ]
    assert "h2" not in json.dumps(changed.inputs)


def test_one_that_the_site_does_not_have_holds_the_module_back(release: Catalog) -> None:
    (held,) = steps(release, GIVEN)
    assert held.hold
    assert held.hold.where == "spec.modules.told.secrets.login.given.password"
    assert "page/word" in held.hold.why
    (free,) = steps(release, GIVEN, page_word="h1")
    assert free.hold is None


def test_a_removal_says_what_it_keeps_and_what_it_destroys(release: Catalog) -> None:
    (made,) = steps(release, {})
    (removal,) = steps(release, {"enabled": False}, done(made))
    kept = f"keeps Secret {NAMESPACE}/slipway-made.told.login: enabled again, it has the same"
    assert kept in [reason.text for reason in removal.reasons]
    assert not removal.destructive
    module = release.modules["told"]
    deleting = replace(
        release, modules={"told": replace(module, removal=replace(module.removal, data=Fate.DELETE))}
    )
    (removal,) = steps(deleting, {"enabled": False}, done(made))
    assert removal.destructive


def test_a_module_without_secrets_has_the_inputs_that_it_had(release: Catalog) -> None:
    (step,) = steps(release, {"settings": {"auth": False}})
    assert "module_secrets" not in step.inputs
    assert {part for part in step.parts if "secret" in part} == set()


def test_a_template_has_names_and_nothing_else(release: Catalog, tmp_path: Path) -> None:
    (step,) = steps(release, {})
    assert step.inputs["releases"][0]["values"] == {"node": "here", "login": "told-login", "key": "password"}
