"""What an Operation tells of a plan, of how far it is and of what failed: data, bounded in size."""

import json

from slipway.engine.chronicle.fitting import SPEC_LIMIT, STATUS_LIMIT, fitting_spec, fitting_status
from slipway.engine.chronicle.forms import broken_off_status, finished_status, planned_spec
from slipway.engine.enquiry.history import of_object
from slipway.model.operation import Failure, Origin, Outcome, StartedBy
from slipway.model.plan import FieldChange, WayBack
from slipway.planning.planform import plan_data, told_step
from tests.unit.operator import examples as e

BY = StartedBy(Origin.COMMAND_LINE, "ann@desk", "slipway@desk:7")


def test_an_operation_of_a_thousand_failures_fits() -> None:
    steps = [e.step(f"host/h{number}/node_prepare") for number in range(4000)]
    plan = e.plan(*steps)
    names = {f"host__h{number}__node_prepare": "x" * 400 for number in range(1000)}
    status = fitting_status(finished_status(e.result(plan, Outcome.FAILED, **names), e.NOW, e.LATER))
    assert len(json.dumps(status)) <= STATUS_LIMIT
    outcomes = [step["outcome"] for step in status["steps"]]
    assert outcomes[:1000] == ["failed"] * 1000
    assert set(outcomes[1000:]) <= {"succeeded"}
    assert status["steps"][0]["failure"]["what"] == "x" * 400
    assert status["steps"][999].keys() == {"step", "outcome"}


def test_of_thousands_that_succeeded_one_that_did_not_is_told_whole() -> None:
    plan = e.plan(*(e.step(f"host/h{number}/node_prepare") for number in range(3000)))
    result = e.result(plan, Outcome.FAILED, host__h2999__node_prepare="no room")
    status = fitting_status(finished_status(result, e.NOW, e.LATER))
    assert len(json.dumps(status)) <= STATUS_LIMIT
    assert status["steps"][0]["failure"]["what"] == "no room"
    assert len(status["steps"]) > 1000
    assert {step["outcome"] for step in status["steps"][1:]} == {"succeeded"}


def test_a_small_operation_is_told_whole() -> None:
    plan = e.plan(e.step("module/flannel/apply"))
    status = fitting_status(finished_status(e.result(plan), e.NOW, e.LATER))
    assert status == {
        "phase": "Succeeded",
        "startedAt": e.NOW,
        "finishedAt": e.LATER,
        "seconds": 2.0,
        "progress": {"planned": 1, "ended": 1, "running": []},
        "steps": [
            {
                "step": "module/flannel/apply",
                "outcome": "succeeded",
                "seconds": 1.0,
                "changed": 0,
                "message": "",
            }
        ],
        "waiting": [],
        "counts": {"planned": 0, "ansibleRuns": 0, "helmCalls": 0, "imagesCopied": 0, "apiWrites": 0},
        "failure": None,
        "message": "1 step",
    }


def test_a_failure_is_told_in_its_parts() -> None:
    result = e.result(
        e.plan(e.step("module/flannel/apply")), Outcome.FAILED, module__flannel__apply="no image"
    )
    (step,) = finished_status(result, e.NOW, e.LATER)["steps"]
    assert step["failure"] == {"what": "no image", "hint": step["failure"]["hint"], "retryable": False}
    assert "no image" in step["message"]
    told = finished_status(result, e.NOW, e.LATER)
    assert told["failure"] == {"step": "module/flannel/apply", **step["failure"]}


def test_a_plan_is_told_step_by_step_with_reasons_and_values() -> None:
    changes = (FieldChange("spec.modules.flannel.settings.mtu", 1450, 1400),)
    steps = (
        e.step("module/flannel/apply", disruptive=True, changes=changes),
        e.step("host/wk-01/kubelet", hold=e.HOLD),
    )
    spec = planned_spec("production", e.plan(*steps), BY)
    assert spec["startedBy"] == {"origin": "command-line", "name": "ann@desk", "holder": "slipway@desk:7"}
    first, second = spec["steps"]
    assert first == {
        "step": "module/flannel/apply",
        "kind": "module",
        "target": "flannel",
        "action": "apply",
        "change": "update",
        "disruptive": True,
        "destructive": False,
        "reasons": [{"cause": "field", "text": "spec.flannel changed", "path": ""}],
        "changes": [{"path": "spec.modules.flannel.settings.mtu", "before": 1450, "after": 1400}],
    }
    assert second["hold"] == {
        "what": "host wk-01 does not answer",
        "where": "host/wk-01",
        "why": "no route to host",
        "hint": "once it answers: slipway apply",
    }


def test_an_operation_says_the_same_of_a_step_as_its_plan() -> None:
    back = WayBack("1.0.0", ("its claims are converted",), bars=True, saved=("data",))
    changes = (FieldChange("spec.x", None, ["a"]),)
    step = e.step("module/flannel/apply", changes=changes, hold=e.HOLD, back=back)
    (printed,) = json.loads(json.dumps(plan_data(e.plan(step))))["steps"]
    told = told_step(step)
    assert told.pop("step") == printed["id"]
    for reason in printed["reasons"]:
        del reason["diff"]
    assert told == {name: printed[name] for name in told}


def test_a_plan_of_ten_thousand_steps_fits_and_counts_what_is_left_out() -> None:
    plan = e.plan(*(e.step(f"host/h{number}/node_prepare") for number in range(10_000)))
    spec = fitting_spec(planned_spec("production", plan, BY))
    assert SPEC_LIMIT * 0.9 < len(json.dumps(spec)) <= SPEC_LIMIT
    assert len(spec["steps"]) + spec["omitted"] == 10_000
    assert spec["brief"] == len(spec["steps"])


def test_a_plan_of_a_thousand_steps_has_all_and_of_the_first_what_changed() -> None:
    """With the status of all of them failed it stays below 256 KiB."""
    change = FieldChange("spec.hosts.defaults.kubelet.maxPods", 110, 220)
    steps = [e.step(f"host/gpu-worker-{n:04}/kubernetes_worker", changes=(change,) * 3) for n in range(1000)]
    plan = e.plan(*steps)
    spec = fitting_spec(planned_spec("production", plan, BY))
    assert len(spec["steps"]) == 1000
    assert "omitted" not in spec
    whole = [step for step in spec["steps"] if step.get("changes")]
    assert len(whole) == 1000 - spec["brief"] > 50
    names = {step.id.replace("/", "__"): "x" * 2000 for step in steps}
    status = fitting_status(finished_status(e.result(plan, Outcome.FAILED, **names), e.NOW, e.LATER))
    assert len(status["steps"]) == 1000
    assert len(json.dumps({"spec": spec, "status": status})) < 240 * 1024


def test_what_was_broken_off_says_why_as_data() -> None:
    status = broken_off_status(Failure("its process ended", why="killed", hint="slipway apply"), e.LATER)
    assert status["phase"] == "Interrupted"
    assert status["progress"] == {"running": []}
    assert status["failure"] == {
        "what": "its process ended",
        "why": "killed",
        "hint": "slipway apply",
        "retryable": False,
    }


def test_an_operation_that_somebody_made_by_hand_says_what_it_says() -> None:
    """Of a step its name alone is asked for by the API: what is missing breaks no list of the others."""
    made = of_object({"metadata": {"name": "op-1"}, "status": {"steps": [{"step": "host/a/os"}]}})
    assert [(step.step, step.outcome, step.text) for step in made.steps] == [("host/a/os", "", "")]
