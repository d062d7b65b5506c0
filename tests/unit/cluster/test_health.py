"""kstatus by example: an object in, its state and what it waits for out."""

from typing import Any

import pytest

from slipway.cluster.health import State, status, watched
from slipway.cluster.waiting import pod_reasons

DONE = {"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}


def thing(
    kind: str, found: dict[str, Any], spec: dict[str, Any] | None = None, **meta: Any
) -> dict[str, Any]:
    return {
        "kind": kind,
        "metadata": {"name": "x", "generation": 2, **meta},
        "spec": spec or {},
        "status": found,
    }


def condition(name: str, value: str, **more: str) -> dict[str, Any]:
    return {"conditions": [{"type": name, "status": value, **more}]}


CASES = [
    (thing("Deployment", DONE, {"replicas": 2}), State.CURRENT, ""),
    (thing("Deployment", {}, {"replicas": 2}), State.IN_PROGRESS, "controller"),
    (
        thing("Deployment", DONE | {"observedGeneration": 1}, {"replicas": 2}),
        State.IN_PROGRESS,
        "last change",
    ),
    (thing("Deployment", DONE | {"updatedReplicas": 1}, {"replicas": 2}), State.IN_PROGRESS, "1 of 2"),
    (thing("Deployment", DONE | {"replicas": 3}, {"replicas": 2}), State.IN_PROGRESS, "1 old"),
    (
        thing(
            "Deployment",
            DONE | condition("Progressing", "False", reason="ProgressDeadlineExceeded", message="m"),
        ),
        State.FAILED,
        "m",
    ),
    (thing("Deployment", DONE, {"replicas": 2}, deletionTimestamp="x"), State.IN_PROGRESS, "deleted"),
    (thing("DaemonSet", {"observedGeneration": 2}), State.CURRENT, ""),
    (thing("DaemonSet", {}), State.IN_PROGRESS, "controller"),
    (
        thing(
            "DaemonSet", {"observedGeneration": 2, "desiredNumberScheduled": 3, "updatedNumberScheduled": 3}
        ),
        State.IN_PROGRESS,
        "0 of 3",
    ),
    (thing("StatefulSet", {"updatedReplicas": 1, "readyReplicas": 1}), State.CURRENT, ""),
    (thing("StatefulSet", {}), State.IN_PROGRESS, "0 of 1"),
    (thing("Job", condition("Complete", "True")), State.CURRENT, ""),
    (thing("Job", condition("Failed", "True", message="BackoffLimitExceeded")), State.FAILED, "Backoff"),
    (thing("Pod", {"phase": "Succeeded"}), State.CURRENT, ""),
    (thing("Pod", {"phase": "Running"} | condition("Ready", "False")), State.IN_PROGRESS, "Running"),
    (thing("Pod", {"phase": "Failed", "reason": "Evicted"}), State.FAILED, "Evicted"),
    (thing("PersistentVolumeClaim", {"phase": "Bound"}), State.CURRENT, ""),
    (thing("PersistentVolumeClaim", {}), State.IN_PROGRESS, "not bound"),
    (thing("CustomResourceDefinition", condition("Established", "True")), State.CURRENT, ""),
    (
        thing("CustomResourceDefinition", condition("NamesAccepted", "False", message="taken")),
        State.FAILED,
        "taken",
    ),
    (
        thing("APIService", condition("Available", "False", message="no endpoints")),
        State.IN_PROGRESS,
        "endpoints",
    ),
    (thing("ConfigMap", {}), State.CURRENT, ""),
    (thing("Widget", condition("Ready", "False", message="soon")), State.IN_PROGRESS, "soon"),
    (thing("Widget", condition("Stalled", "True", message="never")), State.FAILED, "never"),
    (thing("Widget", condition("Reconciling", "True", message="now")), State.IN_PROGRESS, "now"),
]


@pytest.mark.parametrize(("obj", "state", "text"), CASES)
def test_state(obj: dict[str, Any], state: State, text: str) -> None:
    found = status(obj)
    assert found.state is state
    assert text in found.message


def test_absent_is_waited_for() -> None:
    assert status(None).state is State.IN_PROGRESS


@pytest.mark.parametrize(
    ("api_version", "kind", "expected"),
    [
        ("apps/v1", "Deployment", True),
        ("v1", "ConfigMap", False),
        ("rbac.authorization.k8s.io/v1", "ClusterRole", False),
        ("example.com/v1", "Widget", True),
    ],
)
def test_what_is_worth_a_look(api_version: str, kind: str, expected: bool) -> None:
    assert watched(api_version, kind) is expected


def test_pods_speak_for_themselves() -> None:
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image x"}}
    ended = {"terminated": {"exitCode": 1, "message": "no config"}}
    pod = {
        "status": {
            "conditions": [{"type": "PodScheduled", "status": "True"}],
            "containerStatuses": [
                {"name": "a", "state": waiting},
                {"name": "b", "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": ended},
            ],
        }
    }
    assert list(pod_reasons(pod)) == [
        "container a: ImagePullBackOff: Back-off pulling image x",
        "container b: CrashLoopBackOff",
        "container b ended with 1 no config",
    ]
