"""A module from one version to the next: settings converted, steps of its own run once, and the way back."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from slipway import catalog
from slipway.bundle.make.charts import ChartFile, read_chart
from slipway.catalog import Module, Release
from slipway.clock import utc_text
from slipway.cluster.lifecycle.helm import Helm
from slipway.cluster.lifecycle.removal import remove_module
from slipway.cluster.lifecycle.upgrading.claims import CLASS
from slipway.cluster.lifecycle.work import Work
from slipway.cluster.own.settings import ensure_namespace
from slipway.cluster.rest.client import Client
from slipway.engine.enquiry.images import checked_modules
from slipway.errors import Interrupted, StepError
from slipway.model.modulehealth import KindRule, kinds_of
from slipway.model.plan import Because, WayBack
from slipway.model.record import Intent, ModulePhase
from slipway.planning.requests.request import RemovalRequest
from tests.api.modules.charted import definition
from tests.api.modules.dying import is_killed
from tests.api.modules.ledgers import IMAGE, LABEL, NAME, STEPS, Ledger, write_ledger
from tests.apiserver import ApiServer, until
from tests.binaries import binary

NODE = "ledger-1"
#: As the module of the snapshots' controller says it.
READY = KindRule.model_validate(
    {"group": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "fields": {"status.readyToUse": True}}
)


@pytest.fixture(scope="module", autouse=True)
def node(cluster_api: ApiServer) -> None:
    cluster_api.create_node(NODE)


@pytest.fixture
def ledger(client: Client, cluster_api: ApiServer, tmp_path: Path) -> Iterator[Ledger]:
    ensure_namespace(client, NAME)
    helm = Helm(binary("helm"), cluster_api.kubeconfig)
    made = Ledger(tmp_path, Work(client, helm, lambda chart: tmp_path / chart.name))
    opened(client, yes=True)
    made.applied(made.planned(write_ledger(tmp_path, "1.0.0"), days=15))
    yield made
    intent = Intent("op-1", f"module/{NAME}/remove", "gone", 1, "test", utc_text())
    remove_module(made.work, RemovalRequest(NAME), intent)
    assert made.left() == []


def opened(client: Client, *, yes: bool) -> None:
    """Whether Jobs of the steps find a node."""
    client.merge("v1", "Node", NODE, {"metadata": {"labels": {LABEL: "yes" if yes else "no"}}})


def test_an_upgrade_converts_settings_and_runs_its_steps_once(ledger: Ledger) -> None:
    assert ledger.written() == {"retention": "15", "version": "1.0.0"}
    release = write_ledger(ledger.root, "2.0.0", **STEPS)
    step = ledger.planned(release, days=15)
    effects = [reason.text for reason in step.reasons if reason.cause is Because.EFFECT]
    said = "spec.modules.ledger.settings.days: 15 -> retention: 15d, as 2.0.0 says it"
    assert effects == [
        "1.0.0 -> 2.0.0: dump runs, 30 s at most, before it comes",
        "1.0.0 -> 2.0.0: index runs, 30 s at most, once it is healthy",
        f"takes {said}; write it so when it suits, that is no step",
    ]
    assert step.back == WayBack("1.0.0")
    assert not step.disruptive
    ran = {name: len(ledger.jobs(name)) for name in ("dump", "index")}
    done = ledger.applied(step)
    assert (done.phase, done.version, done.extra.upgrade) == (ModulePhase.HEALTHY, "2.0.0", None)
    assert ledger.written() == {"retention": "15d", "version": "2.0.0"}
    assert {name: len(ledger.jobs(name)) - before for name, before in ran.items()} == {"dump": 1, "index": 1}
    assert ledger.left() == []
    edit = ledger.planned(release, retention="20d")
    assert "upgrade" not in edit.inputs
    assert edit.back is None


def test_a_step_that_fails_leaves_what_stands_and_is_continued_when_its_cause_is_mended(
    ledger: Ledger, client: Client
) -> None:
    opened(client, yes=False)
    before = {name: ledger.jobs(name) for name in ("dump", "index")}
    release = write_ledger(ledger.root, "2.0.0", **STEPS)
    with pytest.raises(
        StepError, match="dump did not end well, a step of the upgrade of module ledger"
    ) as caught:
        ledger.applied(ledger.planned(release, days=15))
    assert "Job.batch/ledger/dump: Job was active longer than specified deadline" in caught.value.why
    assert caught.value.hint == "it is kept as it is; mend the cause and run again, it is continued"
    failed = ledger.record
    assert (failed.phase, failed.stood) == (ModulePhase.FAILED, "1.0.0")
    assert failed.revision == 1
    assert ledger.written() == {"retention": "15", "version": "1.0.0"}
    assert ledger.left() == ["dump", "dump"]

    opened(client, yes=True)
    assert ledger.planned(release, days=15).back == WayBack("1.0.0")
    # The next run is killed before its first write, the one after it before its second, until one gets to its end.
    lives = (
        is_killed(lambda work: ledger.applied(ledger.planned(release, days=15), work), ledger.work, nth)
        for nth in range(1, 40)
    )
    assert sum(1 for _ in takewhile(bool, lives)) >= 6
    assert {name: len(ledger.jobs(name) - ran) for name, ran in before.items()} == {"dump": 2, "index": 1}
    assert (ledger.record.phase, ledger.record.version) == (ModulePhase.HEALTHY, "2.0.0")
    assert ledger.written() == {"retention": "15d", "version": "2.0.0"}
    assert ledger.left() == []


def test_what_was_done_before_a_step_that_failed_is_done_anew_since_the_older_version_works_on(
    ledger: Ledger, client: Client
) -> None:
    """A dump, or a snapshot, of the day of the failure would be put back long after."""
    steps = [*STEPS["before"], {"name": "index", "manifests": "upgrade/index.yaml.j2", "timeout": 30}]
    release = write_ledger(ledger.root, "2.0.0", before=steps)
    before = {name: len(ledger.jobs(name)) for name in ("dump", "index")}

    def once_dumped(text: str) -> None:
        if text.startswith("index, "):
            opened(client, yes=False)

    with pytest.raises(StepError, match="index did not end well"):
        ledger.applied(ledger.planned(release, days=15), replace(ledger.work, progress=once_dumped))
    failed = ledger.record.extra.upgrade
    assert failed is not None
    assert (failed.done, failed.step, ledger.written()["version"]) == ((), "index", "1.0.0")
    opened(client, yes=True)
    assert ledger.applied(ledger.planned(release, days=15)).phase is ModulePhase.HEALTHY
    assert {name: len(ledger.jobs(name)) - before[name] for name in before} == {"dump": 2, "index": 2}


def test_going_back_before_anything_came_runs_nothing_and_leaves_nothing(
    ledger: Ledger, client: Client
) -> None:
    opened(client, yes=False)
    with pytest.raises(StepError):
        ledger.applied(ledger.planned(write_ledger(ledger.root, "2.0.0", **STEPS), days=15))
    step = ledger.planned(write_ledger(ledger.root, "1.0.0"), days=15)
    assert "upgrade" not in step.inputs
    done = ledger.applied(step)
    assert (done.phase, done.version, done.revision, done.extra.upgrade) == (
        ModulePhase.HEALTHY,
        "1.0.0",
        1,
        None,
    )
    assert ledger.left() == []


def test_a_version_that_does_not_become_healthy_goes_back_and_its_steps_run_anew(ledger: Ledger) -> None:
    release = write_ledger(ledger.root, "2.0.0", **STEPS)
    before = len(ledger.jobs("dump"))
    with pytest.raises(StepError) as caught:
        ledger.applied(ledger.planned(release, days=15, held=True))
    assert caught.value.hint.startswith("it was rolled back and is healthy again")
    assert ledger.written() == {"retention": "15", "version": "1.0.0"}
    assert ledger.record.extra.upgrade is not None
    assert ledger.record.extra.upgrade.done == ()
    ledger.applied(ledger.planned(release, days=15))
    assert len(ledger.jobs("dump")) - before == 2


def test_without_a_way_back_a_failure_is_kept_and_its_steps_are_not_run_again(ledger: Ledger) -> None:
    release = write_ledger(ledger.root, "2.0.0", **STEPS, noWayBack="its tables are those of 2.0")
    before = len(ledger.jobs("dump"))
    step = ledger.planned(release, days=15, held=True)
    assert step.disruptive
    assert step.back == WayBack("1.0.0", ("its tables are those of 2.0",), bars=True)
    with pytest.raises(StepError) as caught:
        ledger.applied(step)
    assert caught.value.hint == (
        "it is not rolled back: its tables are those of 2.0; mend the cause and run again, it is continued"
    )
    assert ledger.written()["version"] == "2.0.0"
    again = ledger.planned(release, days=15)
    assert "1.0.0 -> 2.0.0: dump has run, before it comes" in [reason.text for reason in again.reasons]
    ledger.applied(again)
    assert len(ledger.jobs("dump")) - before == 1


def test_what_somebody_else_has_by_a_name_of_a_step_is_not_taken(ledger: Ledger, client: Client) -> None:
    other = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "dump", "namespace": NAME}}
    client.create(other)
    step = ledger.planned(write_ledger(ledger.root, "2.0.0", **STEPS), days=15)
    with pytest.raises(
        StepError, match="ServiceAccount/ledger/dump is there, and no upgrade of module ledger made it"
    ):
        ledger.applied(step)
    assert ledger.written()["version"] == "1.0.0"
    client.delete("v1", "ServiceAccount", "dump", NAME)


def test_a_run_that_is_stopped_while_a_step_works_finds_it_again(ledger: Ledger, client: Client) -> None:
    opened(client, yes=False)
    step = ledger.planned(write_ledger(ledger.root, "2.0.0", **STEPS), days=15)
    stopping = Stopping(ledger)
    with pytest.raises(Interrupted):
        ledger.applied(step, stopping.work)
    (job,) = client.list("batch/v1", "Job", NAME)
    opened(client, yes=True)
    until(lambda: finished(client), seconds=20, what="the Job ends")
    assert ledger.record.extra.upgrade is not None
    assert ledger.record.extra.upgrade.done == ()
    before = ledger.jobs("dump")
    assert job["metadata"]["uid"] in before
    assert ledger.applied(ledger.planned(write_ledger(ledger.root, "2.0.0", **STEPS), days=15)).phase is (
        ModulePhase.HEALTHY
    )
    assert ledger.jobs("dump") == before


def finished(client: Client) -> bool:
    """Whether the Job of the first step has ended well."""
    (job,) = client.list("batch/v1", "Job", NAME)
    return bool((job.get("status") or {}).get("succeeded"))


class Stopping:
    """A run that is stopped as soon as a Job is there."""

    def __init__(self, ledger: Ledger) -> None:
        self._client = ledger.client
        self.work = Work(ledger.client, ledger.work.helm, ledger.work.artifact_path, self._cancelled)

    def _cancelled(self) -> bool:
        return bool(self._client.list("batch/v1", "Job", NAME))


SNAPSHOT = ("snapshot.storage.k8s.io/v1", "VolumeSnapshot")
DRIVER = "csi.example.org"
VOLUME: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "PersistentVolume",
    "metadata": {"name": "ledger-data"},
    "spec": {
        "capacity": {"storage": "1Gi"},
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "ledger",
        "persistentVolumeReclaimPolicy": "Retain",
        "csi": {"driver": DRIVER, "volumeHandle": "one"},
    },
}


def snapshots_defined(kind: str, scope: str) -> dict[str, Any]:
    """A definition of the snapshots' group, which has a status apart."""
    made = definition(kind)
    plural, group = f"{kind.lower()}s" if not kind.endswith("s") else f"{kind.lower()}es", SNAPSHOT[0]
    made["metadata"] = {"name": f"{plural}.{group.partition('/')[0]}"}
    made["metadata"]["annotations"] = {"api-approved.kubernetes.io": "unapproved, for a test"}
    names = {"kind": kind, "plural": plural, "singular": kind.lower()}
    made["spec"] |= {"group": group.partition("/")[0], "scope": scope, "names": names}
    made["spec"]["versions"][0]["subresources"] = {"status": {}}
    return made


def phase(client: Client) -> str:
    """How the volume is."""
    found = client.get("v1", "PersistentVolume", "ledger-data") or {}
    return str((found.get("status") or {}).get("phase", ""))


@pytest.fixture
def volume(client: Client, cluster_api: ApiServer) -> Iterator[None]:
    kinds = {"VolumeSnapshot": "Namespaced", "VolumeSnapshotClass": "Cluster"}
    cluster_api.install_crds(*(snapshots_defined(kind, scope) for kind, scope in kinds.items()))
    client.create(VOLUME)
    until(lambda: phase(client) == "Available", seconds=60, what="the volume can be had")
    yield
    client.delete("v1", "PersistentVolumeClaim", "data", NAME)
    client.delete("v1", "PersistentVolume", "ledger-data")
    for one in client.list(*CLASS):
        client.delete(*CLASS, one["metadata"]["name"])
    for one in client.list(*SNAPSHOT):
        client.delete(*SNAPSHOT, one["metadata"]["name"], one["metadata"]["namespace"])


def test_snapshots_are_taken_before_anything_else_and_stay(
    ledger: Ledger, client: Client, volume: None
) -> None:
    first = ledger.planned(write_ledger(ledger.root, "1.0.0"), days=15, claim=True)
    ledger.applied(first, seconds=60)  # a claim is looked at again after a while only
    release = write_ledger(ledger.root, "2.0.0", snapshot=True, noWayBack="its tables are those of 2.0")
    without = ledger.planned(release, days=15, claim=True)
    claim = f"PersistentVolumeClaim {NAME}/data"
    said = f"takes NO snapshot of {claim}: no VolumeSnapshotClass is for {DRIVER}"
    assert said in [reason.text for reason in without.reasons]
    assert without.back == WayBack("1.0.0", ("its tables are those of 2.0",), bars=True)

    for name, driver in (("a", "csi.other.org"), ("b", DRIVER)):
        client.create(
            {"apiVersion": CLASS[0], "kind": CLASS[1], "metadata": {"name": name}, "driver": driver}
        )
    step = ledger.planned(release, days=15, claim=True)
    assert f"takes a snapshot of {claim} before (class b)" in [reason.text for reason in step.reasons]
    assert step.back == WayBack("1.0.0", ("its tables are those of 2.0",), bars=True, saved=(claim,))
    kinds = kinds_of([READY])
    with pytest.raises(Interrupted):
        ledger.applied(
            step, replace(ledger.work, kinds=kinds, cancelled=lambda: bool(client.list(*SNAPSHOT)))
        )
    assert ledger.written()["version"] == "1.0.0"
    (taken,) = client.list(*SNAPSHOT)
    assert (taken["metadata"]["name"], taken["spec"]) == (
        "data-before-2.0.0",
        {"volumeSnapshotClassName": "b", "source": {"persistentVolumeClaimName": "data"}},
    )
    ready = {"status": {"readyToUse": True}}
    client.merge(*SNAPSHOT, "data-before-2.0.0", ready, NAME, subresource="status")
    again = ledger.planned(release, days=15, claim=True)
    done = ledger.applied(again, replace(ledger.work, kinds=kinds))
    assert (done.phase, ledger.written()["version"]) == (ModulePhase.HEALTHY, "2.0.0")
    assert [one["metadata"]["uid"] for one in client.list(*SNAPSHOT)] == [taken["metadata"]["uid"]]

    # The next one by that name has a name of its own: no copy is taken away.
    ledger.applied(ledger.planned(write_ledger(ledger.root, "1.0.0"), days=15, claim=True))
    write_ledger(ledger.root, "2.0.0", snapshot=True)

    def controller(text: str) -> None:
        for one in client.list(*SNAPSHOT):
            client.merge(*SNAPSHOT, one["metadata"]["name"], ready, NAME, subresource="status")

    work = replace(ledger.work, kinds=kinds, progress=controller)
    ledger.applied(
        ledger.planned(write_ledger(ledger.root, "2.0.0", snapshot=True), days=15, claim=True), work
    )
    names = [one["metadata"]["name"] for one in client.list(*SNAPSHOT)]
    assert names == ["data-before-2.0.0", "data-before-2.0.0-2"]


def test_images_of_steps_are_compared_with_what_is_declared(tmp_path: Path) -> None:
    release, helm = write_ledger(tmp_path, "2.0.0", **STEPS), Helm(binary("helm"), None)

    def chart(_: Module, one: Release) -> ChartFile | None:
        return read_chart(one.chart_dir) if one.chart_dir else None

    (checked,) = checked_modules(release, chart, helm)
    assert (checked.images, checked.faults) == ((IMAGE,), ())
    file = tmp_path / NAME / "upgrade" / "index.yaml.j2"
    file.write_text(
        file.read_text().replace('{{ image("registry.test/tool").reference }}', "registry.test/other:1")
    )
    (checked,) = checked_modules(catalog.load([tmp_path]), chart, helm)
    assert [(fault.code, fault.image) for fault in checked.faults] == [
        ("not-declared", "registry.test/other:1")
    ]


@pytest.mark.timeout(900)
def test_killed_before_each_write_an_upgrade_converges_and_runs_nothing_twice(ledger: Ledger) -> None:
    """From each version to the next, the nth killed before its nth write. Before it is what after the one before is."""
    for nth in range(1, 60):
        release = write_ledger(ledger.root, f"{nth + 1}.0.0", **STEPS)
        wanted: dict[str, Any] = {"days": nth}
        before = {name: ledger.jobs(name) for name in ("dump", "index")}
        step = ledger.planned(release, **wanted)
        killed = is_killed(lambda work: ledger.applied(step, work), ledger.work, nth)  # noqa: B023
        if killed:
            ledger.applied(ledger.planned(release, **wanted))
        record = ledger.record
        assert (record.phase, record.intent, record.extra.upgrade) == (ModulePhase.HEALTHY, None, None), nth
        assert ledger.written() == {"retention": f"{nth}d", "version": f"{nth + 1}.0.0"}, nth
        assert ledger.left() == [], nth
        assert [len(ledger.jobs(name) - ran) for name, ran in before.items()] == [1, 1], nth
        if not killed:
            break
    assert nth >= 12
