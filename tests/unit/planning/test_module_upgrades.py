"""A module's next version: settings by their old names are taken for the new ones, what stops is told and agreed to."""

from dataclasses import replace
from pathlib import Path

import pytest

from slipway import catalog
from slipway.bundle.form import manifest as manifests
from slipway.catalog import Catalog
from slipway.catalog.folder.skeleton import write_skeleton
from slipway.engine.enquiry.linted import linted_modules
from slipway.model.bundle import Artifact, ArtifactKind, chart_name
from slipway.model.configuration import Configuration, Spec
from slipway.model.observed import ClusterObserved, Observed, Scope
from slipway.model.plan import Because, Step
from slipway.model.record import ModulePhase, ModuleRecord
from slipway.planning.beside import owner_of
from slipway.planning.modulereasons import former_notices
from slipway.planning.modules import module_steps
from slipway.settings import NAMESPACE

UPGRADES = """\
upgrades:
- from: "<2"
  renamed: {pods: replicas}
  disruptive: the page is away while its volume is converted
"""


def version(root: Path, number: str, *, upgrades: str = UPGRADES) -> Catalog:
    """The module as it is in this version."""
    path = root / "guestbook" / "module.yaml"
    if not path.exists():
        write_skeleton(root, "guestbook")
    text = path.read_text().partition("upgrades:")[0]
    lines = [f"version: {number}" if line.startswith("version:") else line for line in text.splitlines()]
    path.write_text("\n".join([*lines, upgrades]))
    loaded = catalog.load([root])
    assert not loaded.broken
    return loaded


def wanted(**settings: int) -> Configuration:
    spec = Spec.model_validate({"modules": {"guestbook": {"enabled": True, "settings": settings}}})
    return Configuration(name="demo", namespace=NAMESPACE, spec=spec)


def planned(release: Catalog, configuration: Configuration, record: ModuleRecord | None = None) -> list[Step]:
    name = chart_name("guestbook", "guestbook")
    chart = Artifact(ArtifactKind.CHART, name, "0.1.0", "sha256:1", 1, path="guestbook.tgz")
    bundle = manifests.manifest_of(name="t", catalog=release.digest, slipway="0", artifacts=[chart])
    cluster = ClusterObserved(reachable=True, modules={"guestbook": record} if record else {})
    seen = Observed(Scope.FULL, "2026-01-01T00:00:00+00:00", cluster=cluster)
    return list(module_steps(configuration, release, bundle, seen))


def done(step: Step, configuration: Configuration) -> ModuleRecord:
    return ModuleRecord(
        "guestbook",
        ModulePhase.HEALTHY,
        step.digest,
        step.parts,
        version=step.inputs["version"],
        owner=owner_of(configuration),
    )


def test_an_upgrade_tells_its_versions_and_what_it_stops(tmp_path: Path) -> None:
    old = version(tmp_path, "1.4.0", upgrades="")
    (first,) = planned(old, wanted())
    record = done(first, wanted())
    (step,) = planned(version(tmp_path, "2.0.0"), wanted(), record)
    assert step.disruptive
    assert [(reason.cause, reason.text) for reason in step.reasons] == [
        (Because.CONTENT, "guestbook 1.4.0 -> 2.0.0"),
        (Because.EFFECT, "1.4.0 -> 2.0.0: the page is away while its volume is converted"),
    ]
    later = done(step, wanted())
    (small,) = planned(version(tmp_path, "2.1.0"), wanted(), later)
    assert not small.disruptive
    assert [reason.text for reason in small.reasons] == ["guestbook 2.0.0 -> 2.1.0"]


def test_a_setting_by_its_old_name_is_taken_for_the_new_one_and_its_renaming_is_no_step(
    tmp_path: Path,
) -> None:
    release = version(tmp_path, "2.0.0")
    assert release.check(wanted(pods=3)) == []
    (step,) = planned(release, wanted(pods=3))
    assert step.inputs["settings"] == {"replicas": 3}
    assert step.inputs["releases"][0]["values"]["replicas"] == 3
    said = "takes spec.modules.guestbook.settings.pods: 3 -> replicas: 3, as 2.0.0 says it"
    assert any(reason.text.startswith(said) for reason in step.reasons)
    assert list(former_notices(wanted(pods=3), release, [step])) == []
    (note,) = former_notices(wanted(pods=3), release, [])
    assert note.startswith(said)
    record = done(step, wanted())
    assert planned(release, wanted(pods=3), record) == []
    assert planned(release, wanted(replicas=3), record) == []


def test_both_names_are_refused_and_so_is_a_wrong_value_by_the_old_one(tmp_path: Path) -> None:
    release = version(tmp_path, "2.0.0")
    (both,) = release.check(wanted(pods=3, replicas=2))
    assert (both.path, both.code, both.hint) == (
        "spec.modules.guestbook.settings.pods",
        "duplicate",
        "leave pods out",
    )
    assert [one.code for one in release.check(wanted(pods=900))] == ["invalid-setting"]
    assert [one.code for one in release.check(wanted(podz=3))] == ["unknown-setting"]


@pytest.mark.parametrize(
    ("upgrades", "said"),
    [
        ("upgrades: [{from: '<2', renamed: {pods: replica}}]", "there is no setting replica"),
        ("upgrades: [{from: '<2', renamed: {replicas: pods}}]", "replicas is a setting of this version"),
        ("upgrades: [{from: '<=2'}]", "2.0.0 itself is in it"),
    ],
)
def test_what_cannot_be_converted_is_linted(tmp_path: Path, upgrades: str, said: str) -> None:
    found = linted_modules(version(tmp_path, "2.0.0", upgrades=upgrades), ["guestbook"])["guestbook"]
    assert any(said in one.problem for one in found)


def test_a_version_that_is_no_number_is_in_no_range(tmp_path: Path) -> None:
    (step,) = planned(version(tmp_path, "2.0.0"), wanted())
    record = replace(done(step, wanted()), version="RELEASE.2024-01-01", digest="sha256:other")
    assert not planned(version(tmp_path, "2.0.0"), wanted(), record)[0].disruptive
