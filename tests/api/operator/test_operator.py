"""The operator against a real API server: dispatch, status, approval, refusals, succession. Its engine only records."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slipway.api.crd import crds
from slipway.cluster.locks.applier import ACCOUNT, Applier
from slipway.cluster.locks.lease import Lease
from slipway.cluster.own.configurations import Configurations
from slipway.cluster.own.operations import KEEP, put_operation, update_operation
from slipway.cluster.own.secretstore import SecretReader
from slipway.cluster.rest.client import connect
from slipway.engine.handover import hand_over
from slipway.errors import ConfigurationError, PreflightError, StalePlanError, StepError
from slipway.model.observed import NodeObserved
from slipway.model.operation import Outcome, Progress
from slipway.operator import runtime
from slipway.operator.conditions import find
from slipway.operator.door import Key
from slipway.operator.hook import RESYNC
from slipway.operator.runtime import OperatorProcess
from slipway.secrets.store import digests_of
from slipway.settings import API_GROUP, API_VERSION, APPROVE_ANNOTATION, NAMESPACE
from tests.api.operator.recording import RecordingEngine, Running, make_runtime
from tests.apiserver import ApiServer, until
from tests.binaries import binary
from tests.unit.engine.plans import plan, step
from tests.unit.engine.test_merging import context

PLURAL = f"/apis/{API_VERSION}/namespaces/{NAMESPACE}/clusterconfigurations"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with ApiServer(tmp_path_factory.mktemp("operator-api")) as server:
        server.install_crds(*crds())
        server.create_namespace(NAMESPACE)
        yield server


@pytest.fixture(autouse=True)
def _clean(api: ApiServer) -> Iterator[None]:
    yield
    api.kubectl("-n", NAMESPACE, "delete", "cc,op,leases,events", "--all", "--wait=true")


def write(api: ApiServer, name: str = "tools", spec: dict[str, Any] | None = None, **annotations: str) -> int:
    """Server-side apply as a user; the new generation."""
    document = {
        "apiVersion": API_VERSION,
        "kind": "ClusterConfiguration",
        "metadata": {"name": name, "namespace": NAMESPACE, "annotations": annotations},
        "spec": spec or modules(),
    }
    status, answer = api.apply(document, manager="user")
    assert status in {200, 201}, answer["message"]
    return int(answer["metadata"]["generation"])


def modules(**settings: Any) -> dict[str, Any]:
    return {"modules": {"welcome": {"enabled": True} | ({"settings": settings} if settings else {})}}


def status_of(api: ApiServer, name: str = "tools") -> dict[str, Any]:
    answer: dict[str, Any] = api.request("GET", f"{PLURAL}/{name}")[1]
    return answer.get("status") or {}


def settled(api: ApiServer, phase: str, generation: int = 1, name: str = "tools") -> dict[str, Any]:
    """The status once it has that phase for that generation."""

    def there() -> bool:
        status = status_of(api, name)
        return (status.get("phase"), status.get("observedGeneration")) == (phase, generation)

    until(there, seconds=20, what=f"{name} {phase} at generation {generation}: {status_of(api, name)}")
    return status_of(api, name)


def test_every_edit_reaches_the_engine(api: ApiServer) -> None:
    engine = RecordingEngine()
    write(api)
    with Running(make_runtime(api.kubeconfig, "one", engine)):
        settled(api, "Ready")
        for number in range(3):
            generation = write(api, spec=modules(greeting=f"edit {number}"))
            until(lambda runs=number + 2: len(engine.runs) >= runs, seconds=10, what="the engine runs")
            settled(api, "Ready", generation)


def test_status_operation_and_events_of_a_toggle(api: ApiServer) -> None:
    engine = RecordingEngine(step_seconds=3)
    write(api)
    with Running(make_runtime(api.kubeconfig, "one", engine)) as runtime:
        settled(api, "Applying")
        until(
            lambda: status_of(api)["operation"]["step"] == "module/welcome/apply",
            seconds=5,
            what="step shown",
        )
        status = settled(api, "Ready")
        assert {item["type"]: item["status"] for item in status["conditions"]} == {
            "Accepted": "True",
            "Ready": "True",
            "Reconciling": "False",
            "Stalled": "False",
            "HostsReady": "True",
            "ImagesMirrored": "True",
            "KubernetesReady": "True",
            "ModulesReady": "True",
        }
        assert status["modules"][0]["phase"] == "Healthy"
        operation = status["operation"]
        assert (operation["percent"], operation["outcome"]) == (100, "succeeded")
        op = api.request("GET", f"/apis/{API_VERSION}/namespaces/{NAMESPACE}/operations/{operation['id']}")[1]
        assert (op["status"]["phase"], op["status"]["counts"]["planned"]) == ("Succeeded", 1)
        assert op["status"]["steps"][0]["step"] == "module/welcome/apply"
        assert op["status"]["progress"] == {"planned": 1, "ended": 1, "running": []}
        (planned,) = op["spec"]["steps"]
        assert (planned["step"], planned["change"]) == ("module/welcome/apply", "update")
        assert planned["reasons"][0].keys() == {"cause", "text", "path"}

        generation = write(api, spec={"modules": {"welcome": {"enabled": False}}})
        assert settled(api, "Ready", generation)["modules"] == []
        described = api.kubectl("-n", NAMESPACE, "describe", "cc", "tools").stdout
        assert "OperationStarted" in described
        assert "OperationSucceeded" in described
        assert [len(plan.steps) for _, plan in engine.runs] == [1, 1]
        metrics = page(runtime.web.port, "/metrics")
        assert 'slipway_operations_total{outcome="succeeded"} 2.0' in metrics
        assert 'slipway_plan_steps{configuration="slipway-system/tools"} 0.0' in metrics
        assert (page(runtime.web.port, "/healthz"), page(runtime.web.port, "/readyz")) == ("ok", "ok")


def page(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
        return str(answer.read().decode())


def test_status_patches_start_no_run(api: ApiServer) -> None:
    engine = RecordingEngine()
    write(api)
    with Running(make_runtime(api.kubeconfig, "one", engine)):
        settled(api, "Ready")
        until(lambda: quiet(engine), seconds=60, what="the looks of the beginning are over")
        looks = len(engine.scopes)
        api.kubectl("-n", NAMESPACE, "annotate", "cc", "tools", "team=blue")
        time.sleep(1.5)
        assert len(engine.scopes) == looks


def quiet(engine: RecordingEngine) -> bool:
    """Whether nothing is looked at for longer than lies between two looks at what is sick."""
    before = len(engine.scopes)
    time.sleep(3)
    return len(engine.scopes) == before


@pytest.mark.parametrize(
    ("name", "word"),
    [("metric-server", "spec.modules.metric-server"), ("welcome", "spec.modules.welcome.settings")],
)
def test_what_the_schema_cannot_know_is_refused(api: ApiServer, name: str, word: str) -> None:
    engine = RecordingEngine()
    write(api, spec={"modules": {name: {"enabled": True, "settings": {"nonsense": 1}}}})
    with Running(make_runtime(api.kubeconfig, "one", engine)):
        status = settled(api, "Refused")
        assert find(status, "Accepted")["status"] == "False"
        assert word in find(status, "Accepted")["message"]
        assert engine.runs == []
        settled(api, "Ready", write(api))


def test_a_disruptive_plan_waits_for_its_digest(api: ApiServer) -> None:
    engine = RecordingEngine(disruptive=True)
    write(api)
    with Running(make_runtime(api.kubeconfig, "one", engine)):
        status = settled(api, "AwaitingApproval")
        assert find(status, "Ready")["reason"] == "AwaitingApproval"
        assert "disruptive update module/welcome/apply" in find(status, "Ready")["message"]
        write(api, **{APPROVE_ANNOTATION: "sha256:another"})
        time.sleep(1)
        assert engine.runs == []
        write(api, **{APPROVE_ANNOTATION: status["operation"]["plan"]})
        settled(api, "Ready")
        assert len(engine.runs) == 1


def drifts(process: OperatorProcess, engine: RecordingEngine) -> None:
    """A module's objects are not as recorded, and a full read is due."""
    engine.drifted.add("welcome")
    process.queue.add({"binding": RESYNC, "type": "Schedule"})


def test_drift_that_waits_for_a_yes_is_not_forgotten_and_the_yes_is_used(api: ApiServer) -> None:
    engine = RecordingEngine()
    write(api)
    with Running(make_runtime(api.kubeconfig, "one", engine)) as process:
        settled(api, "Ready")
        drifts(process, engine)
        plan = settled(api, "AwaitingApproval")["operation"]["plan"]
        looks = len(engine.scopes)
        until(lambda: len(engine.scopes) > looks + 5, seconds=10, what="looked again and again")
        status = status_of(api)
        assert (status["phase"], status["operation"]["plan"]) == ("AwaitingApproval", plan)
        write(api, **{APPROVE_ANNOTATION: plan})
        settled(api, "Ready")
        assert engine.drifted == set()


def test_drift_that_a_host_holds_back_or_that_was_not_fit_is_not_forgotten(api: ApiServer) -> None:
    engine = RecordingEngine()
    write(api)
    with Running(make_runtime(api.kubeconfig, "one", engine)) as process:
        settled(api, "Ready")
        engine.away = "timed out"
        drifts(process, engine)
        settled(api, "Degraded")
        looks = len(engine.scopes)
        until(lambda: len(engine.scopes) > looks + 3, seconds=15, what="looked again and again")
        assert status_of(api)["phase"] == "Degraded"
        engine.away = ""
        plan = settled(api, "AwaitingApproval")["operation"]["plan"]
        engine.refusals += [PreflightError("not fit", hint="mend it")] * 2
        write(api, **{APPROVE_ANNOTATION: plan})
        settled(api, "Failed")
        settled(api, "Ready")
        assert engine.drifted == set()


def test_while_the_command_line_carries_a_plan_out_nobody_is_asked_for_a_yes(api: ApiServer) -> None:
    engine = RecordingEngine(disruptive=True)
    with connect(api.kubeconfig) as client:
        lease = Lease(client, "tools", "slipway@laptop:7")
        lease.acquire()
        write(api)
        with Running(make_runtime(api.kubeconfig, "one", engine)):
            status = settled(api, "Pending")
            assert find(status, "Ready")["reason"] == "Locked"
            assert "slipway@laptop:7 is changing this cluster" in find(status, "Ready")["message"]
            engine.carry_out("tools", modules())
            lease.release()
            settled(api, "Ready")
    assert engine.runs == []
    events = api.kubectl("-n", NAMESPACE, "get", "events", "-o", "jsonpath={.items[*].reason}").stdout
    assert "AwaitingApproval" not in events.split()


def test_what_passes_by_itself_is_told_without_an_edit(api: ApiServer) -> None:
    engine = RecordingEngine()
    engine.nodes["worker"] = NodeObserved("worker", ready=False, message="it boots")
    write(api, spec=modules() | one_host("worker"))
    with Running(make_runtime(api.kubeconfig, "one", engine)):
        assert find(settled(api, "Degraded"), "HostsReady")["message"] == "0 of 1: worker NotReady"
        engine.nodes["worker"] = NodeObserved("worker", ready=True)
        settled(api, "Ready")


def test_what_is_left_of_a_cancelled_operation_waits_for_an_edit(api: ApiServer) -> None:
    """Also where a step was done, so that the rest is another plan; not even the next operator begins it again."""
    engine = RecordingEngine(step_seconds=3)
    write(api, spec=two_modules())
    with Running(make_runtime(api.kubeconfig, "one", engine)):
        until(lambda: status_of(api).get("operation", {}).get("step"), seconds=10, what="a step runs")
        cancel = f"{API_GROUP}/cancel={status_of(api)['operation']['id']}"
        api.kubectl("-n", NAMESPACE, "annotate", "cc", "tools", cancel)
        settled(api, "Cancelled")
    assert len(engine.applied["tools"]) == 1
    engine.away = "no route to host"
    looks = len(engine.scopes)
    with Running(make_runtime(api.kubeconfig, "two", engine)):
        until(lambda: len(engine.scopes) > looks + 2, seconds=20, what="it looks")
        assert status_of(api)["phase"] == "Cancelled"
        engine.away = ""
        looks = len(engine.scopes)
        until(lambda: len(engine.scopes) > looks + 2, seconds=20, what="it looks again")
        assert (status_of(api)["phase"], len(engine.runs)) == ("Cancelled", 1)
        settled(api, "Ready", write(api, spec={**two_modules(), "upgrade": {"drainTimeout": "9m"}}))


@pytest.mark.parametrize("end", ["Cancelled", "Failed"])
def test_what_an_operation_left_undone_and_the_command_line_did_is_left_no_more(
    api: ApiServer, end: str
) -> None:
    engine = RecordingEngine(step_seconds=3)
    if end == "Failed":
        engine.refusals.append(StepError("a step failed"))
    write(api, spec=two_modules())
    with Running(make_runtime(api.kubeconfig, "one", engine)):
        if end == "Cancelled":
            until(lambda: status_of(api).get("operation", {}).get("step"), seconds=10, what="a step runs")
            cancel = f"{API_GROUP}/cancel={status_of(api)['operation']['id']}"
            api.kubectl("-n", NAMESPACE, "annotate", "cc", "tools", cancel)
        settled(api, end)
        runs = len(engine.runs)
        until(lambda: len(engine.scopes) > 6, seconds=10, what="further looks")
        settled(api, end)
        engine.carry_out("tools", two_modules())
        assert find(settled(api, "Ready"), "Ready")["reason"] == "UpToDate"
        assert len(engine.runs) == runs


def two_modules() -> dict[str, Any]:
    return {"modules": {"welcome": {"enabled": True}, "metrics-server": {"enabled": True}}}


def test_what_a_host_holds_back_is_told_once_and_done_when_it_answers(api: ApiServer) -> None:
    """No operation is begun meanwhile, and it is looked at less and less often."""
    engine = RecordingEngine()
    engine.away = "no route to host"
    write(api)
    with Running(make_runtime(api.kubeconfig, "one", engine)):
        status = settled(api, "Degraded")
        ready = find(status, "Ready")
        assert ready["reason"] == "HostsUnreachable"
        assert ready["message"].startswith("host a does not answer (no route to host): 1 step held back")
        until(lambda: len(engine.scopes) >= 3, seconds=10, what="further looks")
        assert engine.runs == []
        assert phases(api) == []
        engine.away = ""
        settled(api, "Ready")
    events = api.kubectl("-n", NAMESPACE, "get", "events", "-o", "jsonpath={.items[*].reason}").stdout.split()
    assert events.count("HostsUnreachable") == 1


def one_host(name: str) -> dict[str, Any]:
    """A spec with hosts needs a Kubernetes; only the names matter to this engine."""
    return {
        "kubernetes": {"version": "v1.35.4", "endpoint": {"address": "api.internal"}},
        "hosts": {
            "ssh": {"user": "root", "secretRef": {"name": "ssh", "key": "id"}},
            "items": [{"name": name, "address": "10.0.0.1", "roles": ["control-plane"]}],
        },
    }


def test_what_was_not_fit_is_tried_again_without_an_edit(api: ApiServer) -> None:
    engine = RecordingEngine()
    engine.refusals.append(PreflightError("a record cannot be read", hint="take it away"))
    write(api)
    with Running(make_runtime(api.kubeconfig, "one", engine)):
        assert settled(api, "Ready")["operation"]["outcome"] == "succeeded"
    told = api.kubectl("-n", NAMESPACE, "describe", "cc", "tools").stdout
    assert "PreflightFailed" in told
    assert "take it away" in told


def test_of_two_that_have_the_same_the_oldest_wins(api: ApiServer) -> None:
    engine = RecordingEngine()
    write(api, "first")
    time.sleep(1.1)  # creation times have seconds
    write(api, "second")
    with Running(make_runtime(api.kubeconfig, "one", engine)):
        settled(api, "Ready", name="first")
        status = settled(api, "Refused", name="second")
        assert find(status, "Accepted")["reason"] == "Conflict"
        assert f"belongs to {NAMESPACE}/first" in find(status, "Accepted")["message"]
        api.kubectl("-n", NAMESPACE, "delete", "cc", "first")
        settled(api, "Ready", name="second")


def test_a_newer_generation_stops_the_run_after_its_step(api: ApiServer) -> None:
    engine = RecordingEngine(step_seconds=1.5)
    both = {"modules": {"welcome": {"enabled": True}, "metrics-server": {"enabled": True}}}
    write(api, spec=both)
    with Running(make_runtime(api.kubeconfig, "one", engine)):
        until(lambda: bool(engine.runs), seconds=10, what="the first run")
        generation = write(api, spec={"modules": {"welcome": {"enabled": True}}})
        status = settled(api, "Ready", generation)
    assert [[step.id for step in plan.steps] for _, plan in engine.runs] == [
        ["module/metrics-server/apply", "module/welcome/apply"],
        ["module/welcome/apply", "module/metrics-server/remove"],
    ]
    assert [module["name"] for module in status["modules"]] == ["welcome"]
    assert sorted(phases(api)) == ["Succeeded", "Superseded"]


def test_a_deletion_stops_the_run_after_its_step_and_nothing_is_told_of_it_any_more(api: ApiServer) -> None:
    engine = RecordingEngine(step_seconds=2)
    both = {"welcome": {"enabled": True}, "local-path-provisioner": {"enabled": True}}
    write(api, spec={"modules": both})
    with Running(make_runtime(api.kubeconfig, "one", engine)) as runtime:
        until(lambda: status_of(api).get("phase") == "Applying", seconds=10, what="it begins")
        api.kubectl("-n", NAMESPACE, "delete", "cc", "tools")
        until(lambda: "tools" not in page(runtime.web.port, "/metrics"), seconds=10, what="figures are gone")
        assert len(engine.applied["tools"]) == 1
        listed = api.request("GET", f"/apis/{API_VERSION}/namespaces/{NAMESPACE}/operations")[1]
        assert [one["status"]["phase"] for one in listed["items"]] == ["Superseded"]


def test_one_made_anew_with_the_same_generation_is_another(api: ApiServer) -> None:
    engine = RecordingEngine(step_seconds=2)
    both = {"welcome": {"enabled": True}, "local-path-provisioner": {"enabled": True}}
    write(api, spec={"modules": both})
    with Running(make_runtime(api.kubeconfig, "one", engine)):
        until(lambda: status_of(api).get("phase") == "Applying", seconds=10, what="it begins")
        api.kubectl("-n", NAMESPACE, "delete", "cc", "tools")
        assert write(api) == 1
        settled(api, "Ready")
        assert len(engine.runs[0][1].steps) == 2
        assert set(engine.applied["tools"]) == {"welcome"}


def test_the_newest_operations_are_kept(api: ApiServer) -> None:
    engine = RecordingEngine()
    write(api)
    with Running(make_runtime(api.kubeconfig, "one", engine)):
        for number in range(KEEP + 3):
            settled(api, "Ready", write(api, spec=modules(greeting=str(number))))
    items = api.request("GET", f"/apis/{API_VERSION}/namespaces/{NAMESPACE}/operations")[1]["items"]
    assert len(items) == KEEP


def test_a_run_that_gave_way_was_no_operation(api: ApiServer) -> None:
    engine = RecordingEngine(step_seconds=1.2)
    engine.refusals.append(StalePlanError("another operation ended while this one waited"))
    write(api)
    with Running(make_runtime(api.kubeconfig, "one", engine)):
        assert settled(api, "Ready")["operation"]["outcome"] == "succeeded"
    assert phases(api) == ["Succeeded"]


def left_by_a_killed_one(api: ApiServer, generation: int) -> None:
    """What an operator leaves that is killed when it has done one of two steps."""
    done = {"step": "module/metrics-server/apply", "outcome": "succeeded", "seconds": 3.0, "changed": 1}
    left = {
        "phase": "Running",
        "startedAt": "2026-01-01T00:00:00Z",
        "message": "1 of 2 steps",
        "steps": [done],
    }
    with connect(api.kubeconfig) as client:
        spec = {"configuration": "tools", "plan": "sha256:p", "catalog": "sha256:c"}
        put_operation(client, "op-killed", NAMESPACE, spec.copy)
        update_operation(client, "op-killed", NAMESPACE, left)
        told = {"id": "op-killed", "catalog": "sha256:c", "step": "module/welcome/apply", "percent": 50}
        status = {"observedGeneration": generation, "operation": told}
        Configurations(client).write_status(Key(NAMESPACE, "tools"), status)


def test_the_operation_of_an_operator_that_was_killed_is_gone_on_with(api: ApiServer) -> None:
    left_by_a_killed_one(api, write(api))
    with Running(make_runtime(api.kubeconfig, "one", RecordingEngine())):
        assert settled(api, "Ready")["operation"]["id"] == "op-killed"
    (operation,) = operations(api)
    assert operation["metadata"]["name"] == "op-killed"
    told = operation["status"]
    assert (told["phase"], told["startedAt"]) == ("Succeeded", "2026-01-01T00:00:00Z")
    assert told["counts"]["planned"] == 2
    assert {step["step"] for step in told["steps"]} == {"module/metrics-server/apply", "module/welcome/apply"}


def test_an_operation_that_an_edit_has_overtaken_is_closed(api: ApiServer) -> None:
    left_by_a_killed_one(api, write(api))
    generation = write(api, spec=modules(greeting="another"))
    with Running(make_runtime(api.kubeconfig, "one", RecordingEngine())):
        settled(api, "Ready", generation)
    assert sorted(phases(api)) == ["Interrupted", "Succeeded"]


def test_an_operation_outlives_the_operator_whose_pod_it_replaces(api: ApiServer) -> None:
    """As one and the same; who follows it sees no end in between."""
    engine = RecordingEngine(step_seconds=1.0)
    write(api, spec={"modules": {"welcome": {"enabled": True}, "metrics-server": {"enabled": True}}})
    with Running(make_runtime(api.kubeconfig, "one", engine)):
        until(lambda: status_of(api).get("phase") == "Applying", seconds=10, what="the first step runs")
    between = status_of(api)
    assert find(between, "Reconciling")["status"] == "True"
    assert "outcome" not in between["operation"]
    assert phases(api) == ["Running"]
    with Running(make_runtime(api.kubeconfig, "two", engine)):
        status = settled(api, "Ready")
    assert [len(plan.steps) for _, plan in engine.runs] == [2, 1]
    (operation,) = operations(api)
    assert operation["metadata"]["name"] == between["operation"]["id"] == status["operation"]["id"]
    assert (operation["status"]["phase"], operation["status"]["counts"]["planned"]) == ("Succeeded", 2)
    assert len(operation["status"]["steps"]) == 2


def test_the_command_line_follows_an_operation_into_the_next_operator(api: ApiServer, tmp_path: Path) -> None:
    """An apply that replaces the pod of the operator that carries it out."""
    spec = {"modules": {"welcome": {"enabled": True}, "metrics-server": {"enabled": True}}}
    metadata = {"name": "tools", "namespace": NAMESPACE}
    document = {"apiVersion": API_VERSION, "kind": "ClusterConfiguration", "metadata": metadata, "spec": spec}
    mine = context(tmp_path, document)
    mine.kubeconfig = api.kubeconfig
    settings = replace(step("settings/tools/apply"), inputs={"secrets": []})
    engine = RecordingEngine(step_seconds=1.0)
    told: list[Progress] = []
    with ThreadPoolExecutor(1) as pool:
        with Running(make_runtime(api.kubeconfig, "one", engine)):
            following = pool.submit(hand_over, mine, plan(settings), progress=told.append, cancelled=bool)
            until(
                lambda: api.request("GET", f"{PLURAL}/tools")[0] == 200, seconds=20, what="it is handed over"
            )
            until(lambda: status_of(api).get("phase") == "Applying", seconds=20, what="the first step runs")
        with Running(make_runtime(api.kubeconfig, "two", engine)):
            result = following.result(timeout=60)
    assert result is not None
    assert (result.outcome, result.counts.planned) == (Outcome.SUCCEEDED, 2)
    assert [one.outcome for one in result.steps] == [Outcome.SUCCEEDED] * 2
    assert {event.operation for event in told if event.step} == {result.operation}
    assert [item["metadata"]["name"] for item in operations(api)] == [result.operation]


def phases(api: ApiServer) -> list[str]:
    """Of all Operations."""
    return [item["status"]["phase"] for item in operations(api)]


def operations(api: ApiServer) -> list[dict[str, Any]]:
    """All of them."""
    path = f"/apis/{API_VERSION}/namespaces/{NAMESPACE}/operations"
    items: list[dict[str, Any]] = api.request("GET", path)[1]["items"]
    return items


def test_a_standby_takes_over_from_one_that_was_killed(api: ApiServer, tmp_path: Path) -> None:
    log = tmp_path / "log"
    write(api)
    first = start(api, "first", log)
    try:
        until(lambda: log.exists() and "first tools 1" in log.read_text(), seconds=20, what="first is active")
        second = start(api, "second", log)
        try:
            time.sleep(3)
            assert "second" not in log.read_text()
            first.kill()
            first.wait()
            until(lambda: "second tools 1" in log.read_text(), seconds=15, what="second is active")
            second.send_signal(signal.SIGTERM)
            assert second.wait(timeout=15) == 0
            path = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/operator-pair"
            lease = api.request("GET", path)[1]["spec"]
            assert (lease.get("holderIdentity", ""), lease["leaseTransitions"]) == ("", 1)
        finally:
            second.kill()
            second.wait()
    finally:
        first.kill()
        first.wait()


def start(api: ApiServer, identity: str, log: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.api.operator.recording", str(api.kubeconfig), identity, str(log)]
    root = Path(__file__).resolve().parents[3]
    with (log.parent / f"{identity}.stderr").open("wb") as errors:
        return subprocess.Popen(command, cwd=root, stderr=errors, env=dict(os.environ))


def test_secrets_are_read_from_the_api(api: ApiServer, tmp_path: Path) -> None:
    api.kubectl("-n", NAMESPACE, "create", "secret", "generic", "ssh", "--from-literal=id_ed25519=PRIVATE")
    with connect(api.kubeconfig) as client:
        secrets = SecretReader(client)
        assert secrets.read("ssh/id_ed25519") == b"PRIVATE"
        assert (secrets.exists("ssh/other"), secrets.exists("none/key")) == (False, False)
        path = secrets.materialize("ssh/id_ed25519", tmp_path / "keys")
        assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"PRIVATE", 0o600)
        assert path.parent.stat().st_mode & 0o777 == 0o700
        assert digests_of(secrets, ["ssh/id_ed25519", "none/key"], b"k").keys() == {"ssh/id_ed25519"}
        with pytest.raises(ConfigurationError, match="the secret none/key does not exist"):
            secrets.read("none/key")


def test_the_applier_has_a_token_of_its_own(api: ApiServer, tmp_path: Path) -> None:
    api.kubectl("-n", NAMESPACE, "create", "serviceaccount", ACCOUNT)
    path = tmp_path / "private" / "kubeconfig"
    with connect(api.kubeconfig) as client:
        assert Applier(client, path).kubeconfig() == path
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    who = subprocess.run(
        [
            str(binary("kubectl")),
            f"--kubeconfig={path}",
            "auth",
            "whoami",
            "-o",
            "jsonpath={.status.userInfo.username}",
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert who.stdout == f"system:serviceaccount:{NAMESPACE}:{ACCOUNT}"


def test_an_operator_that_may_do_nothing_any_more_is_not_ready_and_says_why(
    api: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "CONTACT_SECONDS", 3.0)
    account, kubeconfig = f"--serviceaccount={NAMESPACE}:works", tmp_path / "kubeconfig"
    rights = ("clusterrolebinding", "works", "--clusterrole=cluster-admin", account)
    api.kubectl("-n", NAMESPACE, "create", "serviceaccount", "works")
    api.kubectl("create", *rights)
    access = json.loads(api.kubeconfig.read_text())
    token = api.kubectl("-n", NAMESPACE, "create", "token", "works").stdout.strip()
    access["users"][0]["user"] = {"token": token}
    kubeconfig.write_text(json.dumps(access))
    with Running(make_runtime(kubeconfig, "one", RecordingEngine())) as process:
        until(lambda: code(process.web.port, "/readyz") == 200, seconds=20, what="ready")
        assert "lease" not in page(process.web.port, "/healthz")
        api.kubectl("delete", *rights[:2])
        until(lambda: code(process.web.port, "/readyz") == 503, seconds=20, what="not ready")
        assert "lease: the Kubernetes API answered 403" in page(process.web.port, "/healthz")
        api.kubectl("create", *rights)
        until(lambda: code(process.web.port, "/readyz") == 200, seconds=20, what="ready again")


def code(port: int, path: str) -> int:
    try:
        page(port, path)
    except urllib.error.HTTPError as error:
        return error.code
    return 200
