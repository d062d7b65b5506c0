"""What the status says, moment by moment."""

from dataclasses import replace
from typing import Any

import pytest

from slipway.engine.chronicle.course import Running
from slipway.errors import ConfigurationError, ConflictError, Finding, PreflightError, TransientError
from slipway.model.operation import Failure, OperationResult, Outcome, StepResult
from slipway.model.standing import Ailment, Cause, Part
from slipway.operator.conditions import find
from slipway.operator.status import (
    SUMMARY_STEPS,
    percent,
    plan_summary,
    refused_status,
    status_after_look,
    status_of,
    stopped_status,
)
from tests.unit.operator import examples as e

KSTATUS = ("Ready", "Reconciling", "Stalled")


def words(status: dict[str, Any]) -> dict[str, str]:
    return {item["type"]: item["status"] for item in status["conditions"]}


def test_nothing_to_do() -> None:
    status = status_of(e.configuration(), e.plan(), e.observed(), previous={}, now=e.NOW)
    assert status["phase"] == "Ready"
    assert status["observedGeneration"] == 2
    assert status["version"] == "v1.35.4"
    assert words(status) == {
        "Ready": "True",
        "Reconciling": "False",
        "Stalled": "False",
        "Accepted": "True",
        "HostsReady": "True",
        "ImagesMirrored": "True",
        "KubernetesReady": "True",
        "ModulesReady": "True",
    }
    assert [(host["name"], host["phase"]) for host in status["hosts"]] == [
        ("cp-01", "Ready"),
        ("wk-01", "Ready"),
    ]
    assert [(m["name"], m["phase"], m["version"]) for m in status["modules"]] == [
        ("flannel", "Healthy", "0.28.10")
    ]


def test_the_same_again_is_the_same_status() -> None:
    first = status_of(e.configuration(), e.plan(), e.observed(), previous={}, now=e.NOW)
    assert status_of(e.configuration(), e.plan(), e.observed(), previous=first, now=e.LATER) == first


def test_transition_time_moves_with_the_status_only() -> None:
    first = status_of(e.configuration(), e.plan(), e.observed(), previous={}, now=e.NOW)
    second = status_of(
        e.configuration(3), e.plan(), e.observed(worker_ready=False), previous=first, now=e.LATER
    )
    assert find(second, "Ready")["lastTransitionTime"] == e.LATER
    assert find(second, "KubernetesReady")["lastTransitionTime"] == e.NOW
    assert find(second, "KubernetesReady")["observedGeneration"] == 3
    times = {host["name"]: host["lastTransitionTime"] for host in second["hosts"]}
    assert times == {"cp-01": e.NOW, "wk-01": e.LATER}


def test_a_node_that_is_not_ready_degrades() -> None:
    status = status_of(e.configuration(), e.plan(), e.observed(worker_ready=False), previous={}, now=e.NOW)
    assert status["phase"] == "Degraded"
    assert find(status, "HostsReady")["message"] == "1 of 2: wk-01 NotReady"
    assert words(status)["KubernetesReady"] == "True"
    assert status["hosts"][1]["message"] == "kubelet stopped"
    ready = find(status, "Ready")
    assert ready["reason"] == "Degraded"
    assert "node wk-01 is not well: kubelet stopped" in ready["message"]


def test_a_module_that_is_not_healthy_now_degrades() -> None:
    """Whatever its record says: that was when it was applied."""
    words_of_a_pod = "Deployment.apps/web/web: 0 of 1 replicas are available\npod web/web-1: CrashLoopBackOff"
    ailment = Ailment(Part.MODULE, "flannel", Cause.NOT_CURRENT, words_of_a_pod, e.NOW)
    seen = e.observed()
    seen = replace(seen, cluster=replace(seen.cluster, sick={"flannel": (ailment,)}))
    status = status_of(e.configuration(), e.plan(), seen, previous={}, now=e.LATER)
    ready = find(status, "Ready")
    assert (status["phase"], ready["status"], ready["reason"]) == ("Degraded", "False", "Degraded")
    assert ready["message"].splitlines() == [
        "ModulesReady: 0 of 1: flannel Unhealthy",
        f"module flannel is not well since {e.NOW}: Deployment.apps/web/web: 0 of 1 replicas are available",
        "pod web/web-1: CrashLoopBackOff",
    ]
    assert words(status)["ModulesReady"] == "False"
    (module,) = status["modules"]
    assert (module["phase"], module["lastTransitionTime"]) == ("Unhealthy", e.NOW)
    assert module["message"] == words_of_a_pod
    well = status_of(e.configuration(), e.plan(), e.observed(), previous=status, now=e.LATER)
    assert (well["phase"], well["modules"][0]["lastTransitionTime"]) == ("Ready", e.LATER)


def told(status: dict[str, Any]) -> tuple[str, dict[str, str], dict[str, str]]:
    """Phase, and phases of hosts and modules."""
    lists = ({item["name"]: item["phase"] for item in status[kind]} for kind in ("hosts", "modules"))
    return (status["phase"], *lists)  # type: ignore[return-value]


def test_what_is_sick_is_said_without_a_plan() -> None:
    ready = status_of(e.configuration(), e.plan(), e.observed(), previous={}, now=e.NOW)
    seen = e.observed(worker_ready=False).cluster
    status = status_after_look(e.configuration(), seen, previous=ready, now=e.LATER)
    assert told(status) == ("Degraded", {"cp-01": "Ready", "wk-01": "NotReady"}, {"flannel": "Healthy"})
    assert find(status, "Ready")["reason"] == "Degraded"
    assert status["operation"] == ready["operation"]
    well = status_after_look(e.configuration(), e.observed().cluster, previous=status, now=e.LATER)
    assert told(well) == ("Ready", {"cp-01": "Ready", "wk-01": "Ready"}, {"flannel": "Healthy"})


def test_a_control_plane_that_is_not_ready_and_a_node_that_is_gone_are_seen() -> None:
    ready = status_of(e.configuration(), e.plan(), e.observed(), previous={}, now=e.NOW)
    seen = e.observed().cluster
    nodes = {"cp-01": replace(seen.nodes["cp-01"], ready=False, message="no network")}
    status = status_after_look(e.configuration(), replace(seen, nodes=nodes), previous=ready, now=e.LATER)
    assert told(status)[:2] == ("Degraded", {"cp-01": "NotReady", "wk-01": "Pending"})
    assert words(status)["KubernetesReady"] == "False"
    assert "node wk-01 is not well: no Node of that name" in find(status, "Ready")["message"]


def test_what_an_operation_left_is_not_forgotten_over_it() -> None:
    plan = e.plan(e.step("host/wk-01/node_prepare"), e.step("module/flannel/apply"))
    result = e.result(plan, Outcome.FAILED, host__wk_01__node_prepare="no route")
    failures = {"host/wk-01/node_prepare": Outcome.FAILED}
    steps = tuple(
        replace(step, outcome=failures.get(step.step, step.outcome), failure=Failure("no route"))
        for step in result.steps
    )
    result = replace(result, steps=steps)
    failed = status_of(e.configuration(), plan, e.observed(), previous={}, now=e.NOW, result=result)
    status = status_after_look(e.configuration(), e.observed().cluster, previous=failed, now=e.LATER)
    assert (
        told(status)
        == told(failed)
        == ("Failed", {"cp-01": "Ready", "wk-01": "Failed"}, {"flannel": "Healthy"})
    )
    sick = status_after_look(
        e.configuration(), e.observed(worker_ready=False).cluster, previous=failed, now=e.LATER
    )
    assert told(sick) == ("Failed", {"cp-01": "Ready", "wk-01": "NotReady"}, {"flannel": "Healthy"})


def test_disruptive_plan_waits_for_its_digest() -> None:
    plan = e.plan(e.step("host/wk-01/container_runtime", disruptive=True), e.step("module/flannel/apply"))
    status = status_of(e.configuration(), plan, e.observed(), previous={}, now=e.NOW)
    ready = find(status, "Ready")
    assert (status["phase"], ready["status"], ready["reason"]) == (
        "AwaitingApproval",
        "False",
        "AwaitingApproval",
    )
    assert ready["message"].splitlines() == [
        "plan sha256:plan needs approval: 2 steps, 1 of them disruptive",
        "- disruptive update host/wk-01/container_runtime: spec.wk-01 changed",
        "- update module/flannel/apply: spec.flannel changed",
    ]
    assert words(status)["Stalled"] == "False"
    assert status["operation"]["plan"] == "sha256:plan"
    assert "id" not in status["operation"]


def test_running() -> None:
    plan = e.plan(
        e.step("host/wk-01/node_prepare"), e.step("module/flannel/apply"), e.step("module/demo/apply")
    )
    done = {"host/wk-01/node_prepare": e.result(plan).steps[0]}
    running = Running("op-1", e.NOW, done, frozenset({"module/flannel/apply"}))
    status = status_of(e.configuration(), plan, e.observed(), previous={}, now=e.LATER, running=running)
    assert status["phase"] == "Applying"
    assert status["operation"] == {
        "id": "op-1",
        "catalog": "sha256:catalog",
        "plan": "sha256:plan",
        "step": "module/flannel/apply",
        "percent": 33,
        "started": e.NOW,
    }
    assert words(status)["Reconciling"] == "True"
    assert {m["name"]: m["phase"] for m in status["modules"]} == {"demo": "Pending", "flannel": "Applying"}


def test_what_waits_for_its_locks_is_no_operation_yet() -> None:
    plan = e.plan(e.step("module/flannel/apply"))
    before = {"operation": {"id": "op-0", "outcome": "succeeded"}}
    waits = Running("op-1", e.NOW, locked=False, waits="waiting: slipway@laptop:7 is changing this cluster")
    status = status_of(e.configuration(), plan, e.observed(), previous=before, now=e.NOW, running=waits)
    assert (status["phase"], words(status)["Reconciling"]) == ("Pending", "True")
    assert find(status, "Ready")["message"] == waits.waits
    assert status["operation"] == before["operation"]


def test_a_failed_step_says_what_where_and_what_next() -> None:
    plan = e.plan(e.step("module/flannel/apply"), e.step("module/demo/apply"))
    outcome = e.result(plan, Outcome.FAILED, module__demo__apply="ImagePullBackOff")
    status = status_of(e.configuration(), plan, e.observed(), previous={}, now=e.NOW, result=outcome)
    assert (status["phase"], words(status)["Stalled"]) == ("Failed", "True")
    assert find(status, "Ready")["message"] == "module/demo/apply: ImagePullBackOff; next: look"
    assert {m["name"]: m["phase"] for m in status["modules"]} == {"demo": "Failed", "flannel": "Healthy"}
    assert (status["operation"]["percent"], status["operation"]["outcome"]) == (50, "failed")


def test_a_host_away_is_named_in_the_same_words_after_the_run_and_at_each_look() -> None:
    """Otherwise the status would change with every look, and Events with it."""
    held = [e.step(f"host/wk-01/{role}", hold=e.HOLD) for role in ("node_prepare", "node_system")]
    plan = e.plan(*held, e.step("module/flannel/apply"))
    failure = Failure(e.HOLD.what, e.HOLD.where, e.HOLD.why, e.HOLD.hint)
    steps = (
        *(StepResult(step.id, Outcome.BLOCKED, failure=failure) for step in held),
        StepResult("module/flannel/apply", Outcome.SUCCEEDED),
    )
    result = OperationResult("op-1", plan.digest, Outcome.BLOCKED, steps)
    seen = e.away(e.observed())
    ended = status_of(e.configuration(), plan, seen, previous={}, now=e.NOW, result=result)
    assert ended["phase"] == "Degraded"
    ready = find(ended, "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "HostsUnreachable")
    assert ready["message"] == (
        "host wk-01 does not answer (no route to host): 2 steps held back; next: once it answers: slipway apply"
    )
    assert [words(ended)[kind] for kind in KSTATUS] == ["False", "False", "False"]
    assert {host["name"]: host["phase"] for host in ended["hosts"]} == {
        "cp-01": "Ready",
        "wk-01": "Unreachable",
    }
    assert ended["operation"]["outcome"] == "blocked"
    left = e.plan(*held)
    assert left.held
    assert status_of(e.configuration(), left, seen, previous=ended, now=e.LATER) == ended


def test_what_is_held_back_asks_nobody_for_a_yes() -> None:
    step = e.step("host/wk-01/container_runtime", disruptive=True)
    assert e.plan(step).needs_approval
    assert not e.plan(replace(step, hold=e.HOLD), e.step("module/flannel/apply")).needs_approval


def test_success_keeps_the_begin_of_the_operation() -> None:
    plan = e.plan(e.step("module/flannel/apply"))
    status = status_of(
        e.configuration(),
        plan,
        e.observed(),
        previous={},
        now=e.LATER,
        running=Running("op-1", e.NOW),
        result=e.result(plan),
    )
    assert (status["phase"], words(status)["Ready"]) == ("Ready", "True")
    assert status["operation"]["started"] == e.NOW
    assert status["operation"]["percent"] == 100


def test_a_removed_module_is_listed_no_more() -> None:
    plan = e.plan(e.step("module/gone/remove"))
    running = Running("op-1", e.NOW, {}, frozenset({"module/gone/remove"}))
    during = status_of(e.configuration(), plan, e.observed(), previous={}, now=e.NOW, running=running)
    assert {m["name"]: m["phase"] for m in during["modules"]}["gone"] == "Removing"
    after = status_of(
        e.configuration(), plan, e.observed(), previous=during, now=e.NOW, result=e.result(plan)
    )
    assert [m["name"] for m in after["modules"]] == ["flannel"]


def test_an_operation_that_was_killed_is_told_as_interrupted() -> None:
    previous = {"operation": {"id": "op-0", "step": "module/flannel/apply", "percent": 10}}
    status = status_of(e.configuration(), e.plan(), e.observed(), previous=previous, now=e.NOW)
    assert status["operation"] == {"id": "op-0", "step": "", "percent": 10, "outcome": "interrupted"}


def test_refused_keeps_what_is_known() -> None:
    before = status_of(e.configuration(1), e.plan(), e.observed(), previous={}, now=e.NOW)
    finding = Finding(
        "spec.modules.metric-server", "there is no such module", hint="did you mean metrics-server?"
    )
    error = ConfigurationError("the ClusterConfiguration has 1 mistake", findings=(finding,))
    status = refused_status(e.live(status=before), error, now=e.LATER)
    accepted = find(status, "Accepted")
    assert (status["phase"], accepted["status"], accepted["reason"]) == ("Refused", "False", "Invalid")
    assert "spec.modules.metric-server: there is no such module (did you mean" in accepted["message"]
    assert words(status)["Ready"] == "False"
    assert status["hosts"] == before["hosts"]
    assert status["observedGeneration"] == 2


@pytest.mark.parametrize(
    ("error", "phase", "reason", "stalled"),
    [
        (PreflightError("disk too small"), "Failed", "PreflightFailed", "True"),
        (ConflictError("locked by slipway@laptop"), "Pending", "Locked", "False"),
        (TransientError("no answer"), "Pending", "TransientError", "False"),
    ],
)
def test_stopped_outside_of_steps(error: Exception, phase: str, reason: str, stalled: str) -> None:
    status = stopped_status(e.live(), error, now=e.NOW)  # type: ignore[arg-type]
    assert (status["phase"], find(status, "Ready")["reason"], words(status)["Stalled"]) == (
        phase,
        reason,
        stalled,
    )
    assert words(status)["Accepted"] == "True"


def test_long_plans_are_counted() -> None:
    steps = [e.step(f"module/m{number}/apply") for number in range(SUMMARY_STEPS + 5)]
    assert plan_summary(e.plan(*steps)).endswith("- and 5 more")


def test_percent_is_never_full_before_the_end() -> None:
    assert (percent(0, 0), percent(1, 3), percent(3, 3)) == (0, 33, 99)


def test_every_status_has_the_conditions_of_kstatus() -> None:
    status = stopped_status(e.live(), TransientError("x"), now=e.NOW)
    assert set(KSTATUS) <= set(words(status))


def test_between_two_operations_of_one_edit_nobody_takes_it_for_done() -> None:
    plan = replace(e.plan(), sequel="then all Secrets are written anew")
    told = status_of(
        e.configuration(), plan, e.observed(), previous={}, now=e.NOW, result=e.result(plan), more=True
    )
    conditions = {one["type"]: (one["status"], one["message"]) for one in told["conditions"]}
    assert told["phase"] == "Pending"
    assert conditions["Ready"] == ("False", plan.sequel)
    assert conditions["Reconciling"] == ("True", plan.sequel)
