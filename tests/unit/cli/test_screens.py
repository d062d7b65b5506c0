"""What people see, kept as text below screens/: a change of a screen is read in the diff.

`python -m tests.unit.cli.test_screens` writes them anew.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from slipway.cli.planview import plan_text
from slipway.cli.progressview import result_text
from slipway.cli.statusview import status_text
from slipway.engine.standing import Operation, Standing, Target
from slipway.model.operation import Counts, Failure, OperationResult, Outcome, StepResult
from tests.unit.planning.example import Example, examples

SCREENS = Path(__file__).parent / "screens"
PLANS = (
    "fresh-install",
    "nothing-to-do",
    "module-setting",
    "module-that-holds-data-disabled",
    "host-added",
    "kubelet-setting-of-all",
    "intent-left-open",
)


def plan_screen(example: Example) -> str:
    text = plan_text(example.plan())
    return text.partition("; plan ")[0] + "\n"  # digests change with the catalog


def succeeded() -> str:
    steps = (
        StepResult("settings/site/apply", Outcome.SUCCEEDED),
        StepResult("module/page/apply", Outcome.SUCCEEDED),
    )
    counts = Counts(planned=2, ansible_runs=1, helm_calls=3)
    return result_text(OperationResult("op-1", "sha256:0", Outcome.SUCCEEDED, steps, counts, 12.34))


def failed() -> str:
    failure = Failure(
        "Fetch kubelet: the registry answered 503",
        "host/worker-01, role kubernetes_node",
        "GET https://registry.slipway.internal:5000/v2/\nservice unavailable",
        "log: .slipway/site/runs/op-2.log",
    )
    steps = (
        StepResult("host/worker-01/node_prepare", Outcome.SUCCEEDED),
        StepResult("host/worker-01/kubernetes_node", Outcome.FAILED, failure=failure),
        StepResult("host/worker-01/kubernetes_worker", Outcome.BLOCKED, failure=Failure("waits")),
    )
    return result_text(
        OperationResult("op-2", "sha256:0", Outcome.FAILED, steps, Counts(planned=3, ansible_runs=1), 8)
    )


def status_of_a_ready_cluster() -> str:
    return status_text(
        Standing(
            "site",
            "2026-01-01T00:00:00+00:00",
            cluster=True,
            phase="Ready",
            version="v1.35.4",
            conditions=(Target("Ready", "True"), Target("Stalled", "False")),
            nodes=(Target("cp-01", "Ready", "v1.35.4"), Target("worker-01", "Ready", "v1.35.4")),
            modules=(Target("flannel", "Healthy", "v0.28.10"), Target("page", "Healthy", "0.1.0")),
            operations=(Operation("op-1", "operator", "succeeded", "2026-01-01T00:00:00Z"),),
        )
    )


def status_of_a_cluster_at_work() -> str:
    return status_text(
        Standing(
            "site",
            "2026-01-01T00:00:00+00:00",
            cluster=True,
            phase="Applying",
            version="v1.35.4",
            conditions=(
                Target("Ready", "False", "Applying", "operation op-2"),
                Target("Reconciling", "True", "Applying", "operation op-2"),
                Target("ModulesReady", "False", "ModulesNotHealthy", "1 of 2: page Applying"),
            ),
            nodes=(
                Target("cp-01", "Ready", "v1.35.4"),
                Target(
                    "worker-01", "NotReady", "v1.35.4", "container runtime network not ready: " + "cni " * 40
                ),
            ),
            modules=(Target("flannel", "Healthy", "v0.28.10"), Target("page", "Applying", "0.1.0")),
            operations=(
                Operation("op-2", "operator", "", "2026-01-01T00:00:00Z", "module/page/apply", 50),
                Operation(
                    "op-1", "here", "interrupted", "2026-01-01T00:00:00+00:00", "host/cp-01/node_prepare"
                ),
            ),
        )
    )


def status_before_there_is_a_cluster() -> str:
    return status_text(
        Standing(
            "site",
            "2026-01-01T00:00:00+00:00",
            cluster=False,
            phase="no cluster",
            why="no kubeconfig of it on this machine",
            hosts=(
                Target("cp-01", "2 of 5 steps", message="in container_runtime; held by slipway@other:77"),
                Target("worker-01", "unreachable", message="no route to host"),
            ),
        )
    )


OTHERS: tuple[Callable[[], str], ...] = (
    succeeded,
    failed,
    status_of_a_ready_cluster,
    status_of_a_cluster_at_work,
    status_before_there_is_a_cluster,
)


@cache
def screens() -> dict[str, str]:
    plans = {f"plan-{one.name}": plan_screen(one) for one in examples() if one.name in PLANS}
    return plans | {make.__name__.replace("_", "-"): make() + "\n" for make in OTHERS}


@pytest.mark.parametrize(
    "name", [*(f"plan-{name}" for name in PLANS), *(m.__name__.replace("_", "-") for m in OTHERS)]
)
def test_screen(name: str) -> None:
    text = screens()[name]
    assert text == (SCREENS / f"{name}.txt").read_text(encoding="utf-8")
    assert max(map(len, text.splitlines())) <= 160, "a line that a terminal breaks"


if __name__ == "__main__":
    for key, screen in screens().items():
        (SCREENS / f"{key}.txt").write_text(screen, encoding="utf-8")
