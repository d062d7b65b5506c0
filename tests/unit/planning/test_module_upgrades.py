"""A module's next version: settings by their old names are taken for the new ones, what stops is told and agreed to."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slipway import catalog
from slipway.bundle.form import manifest as manifests
from slipway.catalog import Catalog
from slipway.catalog.folder.skeleton import write_skeleton
from slipway.cli.views.planview import plan_text
from slipway.engine.enquiry.linted import linted_modules
from slipway.model.bundle import Artifact, ArtifactKind, chart_name
from slipway.model.configuration import Configuration, Spec
from slipway.model.observed import ClusterObserved, DefinitionChange, Observed, Scope
from slipway.model.plan import Because, Plan, Step, WayBack
from slipway.model.record import ModulePhase, ModuleRecord, UpgradeRecord
from slipway.operator.status import plan_summary
from slipway.planning.beside import owner_of
from slipway.planning.modulereasons import former_notices
from slipway.planning.modules import module_steps
from slipway.planning.planform import plan_data
from slipway.planning.requests.codec import module_request
from slipway.settings import NAMESPACE

NO_CHANGES: Mapping[str, dict[str, DefinitionChange]] = {}
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


def planned(
    release: Catalog,
    configuration: Configuration,
    record: ModuleRecord | None = None,
    changes: Mapping[str, dict[str, DefinitionChange]] = NO_CHANGES,
) -> list[Step]:
    name = chart_name("guestbook", "guestbook")
    chart = Artifact(ArtifactKind.CHART, name, "0.1.0", "sha256:1", 1, path="guestbook.tgz")
    bundle = manifests.manifest_of(name="t", catalog=release.digest, slipway="0", artifacts=[chart])
    known = {"guestbook": record} if record else {}
    cluster = ClusterObserved(reachable=True, modules=known, definitions=dict(changes))
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


STEPS = """\
upgrades:
- from: "<2"
  before: [{name: dump, manifests: dump.yaml.j2, timeout: 60}]
- from: "<3"
  after: [{name: index, manifests: dump.yaml.j2}]
"""
JOB: dict[str, Any] = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "dump"}, "spec": {}}


def stepped(root: Path, number: str, *objects: dict[str, Any], upgrades: str = STEPS) -> Catalog:
    """The module in a version whose upgrades make these objects."""
    version(root, number, upgrades="")
    (root / "guestbook" / "dump.yaml.j2").write_text("\n---\n".join(json.dumps(one) for one in objects))
    return version(root, number, upgrades=upgrades)


def stood(root: Path, number: str) -> ModuleRecord:
    (step,) = planned(version(root, number, upgrades=""), wanted())
    return done(step, wanted())


def test_an_upgrade_runs_what_each_version_on_its_way_asks_for_and_its_digest_is_that_of_what_comes(
    tmp_path: Path,
) -> None:
    records = {number: stood(tmp_path, number) for number in ("1.0.0", "2.0.0", "3.0.0")}
    release = stepped(tmp_path, "3.0.0", JOB)
    (fresh,) = planned(release, wanted())
    assert "upgrade" not in fresh.inputs
    ways = {}
    for number, record in records.items():
        (step,) = planned(release, wanted(), record)
        assert step.digest == fresh.digest
        way = module_request(step.inputs).upgrade
        ways[number] = way and ([one.name for one in way.before], [one.name for one in way.after])
    assert ways == {"1.0.0": (["dump"], ["index"]), "2.0.0": ([], ["index"]), "3.0.0": None}


def test_an_upgrade_that_is_on_its_way_is_one_from_what_was_healthy_last(tmp_path: Path) -> None:
    begun = UpgradeRecord("1.0.0", "3.0.0", done=("dump",))
    record = replace(stood(tmp_path, "1.0.0"), version="3.0.0", phase=ModulePhase.FAILED, message="no")
    record = replace(record, extra=replace(record.extra, upgrade=begun))
    (step,) = planned(stepped(tmp_path, "3.0.0", JOB), wanted(), record)
    told = [reason.text for reason in step.reasons if reason.cause is Because.EFFECT]
    assert told == [
        "1.0.0 -> 3.0.0: dump has run, before it comes",
        "1.0.0 -> 3.0.0: index runs, 600 s at most, once it is healthy",
    ]
    assert step.back == WayBack("1.0.0")


def test_what_never_was_healthy_is_no_upgrade(tmp_path: Path) -> None:
    record = replace(stood(tmp_path, "1.0.0"), phase=ModulePhase.FAILED, message="no")
    (step,) = planned(stepped(tmp_path, "3.0.0", JOB), wanted(), record)
    assert "upgrade" not in step.inputs
    assert step.back is None


@pytest.mark.parametrize(
    ("reason", "stored", "obstacles", "line"),
    [
        ("", "", (), "way back: 1.0.0 comes back by itself if this fails, later by an apply of it"),
        (
            "its tables are others",
            "",
            ("its tables are others",),
            "no way back to 1.0.0, a failure is kept and continued: its tables are others",
        ),
        (
            "",
            "v2",
            (
                "objects of gears.example.org are stored as v2 from then on, which no definition without it takes",
            ),
            "way back: 1.0.0 may not come back: objects of gears.example.org are stored as v2 from then on,",
        ),
    ],
)
def test_the_way_back_is_in_the_plan(
    tmp_path: Path, reason: str, stored: str, obstacles: tuple[str, ...], line: str
) -> None:
    record = stood(tmp_path, "1.0.0")
    way = f"upgrades: [{{from: '<2', noWayBack: {reason!r}}}]"
    change = DefinitionChange(("v2 is stored",), stored)
    changes = {"guestbook": {"gears.example.org": change}}
    (step,) = planned(version(tmp_path, "2.0.0", upgrades=way), wanted(), record, changes)
    assert step.back == WayBack("1.0.0", obstacles, bars=bool(reason))
    assert step.disruptive is bool(reason)
    plan = Plan("slipway-system/demo", 1, "sha256:1", "sha256:2", "now", (step,))
    assert line in plan_text(plan)
    assert line in plan_summary(plan)
    assert plan_data(plan)["steps"][0]["back"]["version"] == "1.0.0"


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"kind": "PersistentVolumeClaim", "apiVersion": "v1"}, "which goes when the step has ended"),
        ({"metadata": {"name": "dump", "namespace": "elsewhere"}}, "in namespace elsewhere"),
        ({"spec": {"ttlSecondsAfterFinished": 9}}, "which goes by itself"),
        ({"metadata": {}}, "cannot be rendered"),
    ],
)
def test_a_step_that_makes_what_it_may_not_is_linted(
    tmp_path: Path, found: dict[str, Any], said: str
) -> None:
    release = stepped(tmp_path, "3.0.0", {**JOB, **found})
    (first, *_) = (one for one in linted_modules(release, ["guestbook"])["guestbook"] if said in one.problem)
    assert first.path == "module.yaml: upgrades[0].before[0]"


def test_steps_that_are_right_are_linted_clean_and_empty_ones_are_not(tmp_path: Path) -> None:
    assert linted_modules(stepped(tmp_path, "3.0.0", JOB), ["guestbook"])["guestbook"] == []
    problems = linted_modules(stepped(tmp_path, "3.0.0"), ["guestbook"])["guestbook"]
    assert {one.problem for one in problems} == {"makes nothing"}


def test_steps_of_one_name_and_of_no_file_are_refused(tmp_path: Path) -> None:
    version(tmp_path, "2.0.0", upgrades="")
    file = tmp_path / "guestbook" / "module.yaml"
    step = "{name: dump, manifests: not-there.yaml}"
    file.write_text(f"{file.read_text()}\nupgrades: [{{from: '<2', before: [{step}], after: [{step}]}}]\n")
    problems = [one.problem for one in catalog.load([tmp_path]).broken["guestbook"].findings]
    assert "there is no file not-there.yaml" in problems
    assert any("dump" in one for one in problems)
