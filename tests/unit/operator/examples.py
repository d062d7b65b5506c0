"""Small configurations, plans and observations for the operator's tests."""

from dataclasses import replace
from typing import Any

from slipway.model.configuration import Configuration, Spec
from slipway.model.host.items import Host
from slipway.model.host.settings import HostSettings
from slipway.model.observed import (
    ClusterObserved,
    HostObserved,
    LiveConfiguration,
    NodeObserved,
    Observed,
    RegistryObserved,
    Scope,
)
from slipway.model.operation import Failure, OperationResult, Outcome, StepResult
from slipway.model.plan import Because, Change, Hold, Plan, Reason, Step, StepKind
from slipway.model.record import ModuleRecord

NOW = "2026-11-22T10:00:00Z"
LATER = "2026-11-22T10:05:00Z"


def configuration(generation: int = 2) -> Configuration:
    host = Host(name="cp-01", address="10.0.0.1", roles=("control-plane",), settings=HostSettings())
    worker = Host(name="wk-01", address="10.0.0.2", roles=("worker",), settings=HostSettings())
    return Configuration(
        name="production",
        namespace="slipway-system",
        generation=generation,
        spec=Spec(),
        hosts=(host, worker),
    )


def live(**changes: Any) -> LiveConfiguration:
    return replace(LiveConfiguration("production", "slipway-system", 2, {}), **changes)


def step(step_id: str, **changes: Any) -> Step:
    kind, target, action = [*step_id.split("/"), ""][:3]
    made = Step(
        id=step_id,
        kind=StepKind(kind),
        target=target,
        action=action,
        change=Change.UPDATE,
        digest="d",
        reasons=(Reason(Because.FIELD, f"spec.{target} changed"),),
    )
    return replace(made, **changes)


def plan(*steps: Step) -> Plan:
    return Plan("production", 2, "sha256:catalog", "sha256:plan", NOW, steps)


HOLD = Hold("host wk-01 does not answer", "host/wk-01", "no route to host", "once it answers: slipway apply")


def away(seen: Observed) -> Observed:
    """A reading in which the worker's host did not answer."""
    return replace(
        seen, hosts={"wk-01": HostObserved("wk-01", error_code="unreachable", error="no route to host")}
    )


def observed(*, worker_ready: bool = True, module: str = "Healthy") -> Observed:
    nodes = {
        "cp-01": NodeObserved("cp-01", ready=True, version="v1.35.4"),
        "wk-01": NodeObserved("wk-01", ready=worker_ready, version="v1.35.4", message="kubelet stopped"),
    }
    modules = {"flannel": ModuleRecord("flannel", module, "sha256:f", version="0.28.10")}
    return Observed(
        Scope.RECORDS,
        NOW,
        cluster=ClusterObserved(reachable=True, version="v1.35.4", nodes=nodes, modules=modules),
        registry=RegistryObserved(reachable=True, bundle="sha256:bundle"),
    )


def result(plan_: Plan, outcome: Outcome = Outcome.SUCCEEDED, **failures: str) -> OperationResult:
    """`failures`: step ids with / written as __, to what failed."""
    bad = {key.replace("__", "/"): text for key, text in failures.items()}
    steps = tuple(
        StepResult(s.id, Outcome.FAILED, 1.0, failure=Failure(bad[s.id], hint="look"))
        if s.id in bad
        else StepResult(s.id, Outcome.SUCCEEDED, 1.0)
        for s in plan_.steps
    )
    return OperationResult("op-1", plan_.digest, outcome, steps, seconds=2.0)
