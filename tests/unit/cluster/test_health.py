"""kstatus by example: an object in, its state and what it waits for out."""

from dataclasses import replace
from typing import Any

import pytest

from slipway.cluster.condition.health import KStatus, can_be_unready, status, unready_since, without_lost
from slipway.cluster.lifecycle.diagnosis import pod_reasons
from slipway.cluster.lifecycle.drift import differences
from slipway.model.record import ModulePhase, ModuleRecord, ObjectRef

DONE = {"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}


VERSIONS = {
    **dict.fromkeys(("Deployment", "DaemonSet", "StatefulSet", "ReplicaSet"), "apps/v1"),
    **dict.fromkeys(("Pod", "PersistentVolumeClaim", "ConfigMap", "Service"), "v1"),
    "Job": "batch/v1",
    "CustomResourceDefinition": "apiextensions.k8s.io/v1",
    "APIService": "apiregistration.k8s.io/v1",
}

#: A StatefulSet whose three pods are ready, before and after it follows its last change.
READY = {"observedGeneration": 2, "replicas": 3, "readyReplicas": 3}
OLD = READY | {"currentRevision": "a", "updateRevision": "b"}
ON_DELETE = {"updateStrategy": {"type": "OnDelete"}}
PARTITION = {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}}


def thing(
    kind: str, found: dict[str, Any], spec: dict[str, Any] | None = None, **meta: Any
) -> dict[str, Any]:
    return {
        "apiVersion": VERSIONS.get(kind, "example.com/v1"),
        "kind": kind,
        "metadata": {"name": "x", "generation": 2, **meta},
        "spec": spec or {},
        "status": found,
    }


def condition(name: str, value: str, **more: str) -> dict[str, Any]:
    return {"conditions": [{"type": name, "status": value, **more}]}


CASES = [
    (thing("Service", {"loadBalancer": {}}, {"type": "ClusterIP"}), KStatus.CURRENT, ""),
    (
        thing("Service", {"loadBalancer": {}}, {"type": "LoadBalancer"}),
        KStatus.IN_PROGRESS,
        "no load balancer",
    ),
    (thing("Service", {}, {"type": "LoadBalancer", "externalIPs": ["192.0.2.7"]}), KStatus.CURRENT, ""),
    (
        thing("Service", {"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}]}}, {"type": "LoadBalancer"}),
        KStatus.CURRENT,
        "",
    ),
    (thing("Deployment", DONE, {"replicas": 2}), KStatus.CURRENT, ""),
    (thing("Deployment", {}, {"replicas": 2}), KStatus.IN_PROGRESS, "controller"),
    (
        thing("Deployment", DONE | {"observedGeneration": 1}, {"replicas": 2}),
        KStatus.IN_PROGRESS,
        "last change",
    ),
    (thing("Deployment", DONE | {"updatedReplicas": 1}, {"replicas": 2}), KStatus.IN_PROGRESS, "1 of 2"),
    (thing("Deployment", DONE | {"replicas": 3}, {"replicas": 2}), KStatus.IN_PROGRESS, "1 old"),
    (
        thing(
            "Deployment",
            DONE | condition("Progressing", "False", reason="ProgressDeadlineExceeded", message="m"),
        ),
        KStatus.FAILED,
        "m",
    ),
    (thing("Deployment", DONE, {"replicas": 2}, deletionTimestamp="x"), KStatus.IN_PROGRESS, "deleted"),
    (thing("DaemonSet", {"observedGeneration": 2}), KStatus.CURRENT, ""),
    (thing("DaemonSet", {}), KStatus.IN_PROGRESS, "controller"),
    (
        thing(
            "DaemonSet", {"observedGeneration": 2, "desiredNumberScheduled": 3, "updatedNumberScheduled": 3}
        ),
        KStatus.IN_PROGRESS,
        "0 of 3",
    ),
    (
        thing(
            "DaemonSet",
            {"observedGeneration": 2, "desiredNumberScheduled": 3, "numberAvailable": 3},
            ON_DELETE,
        ),
        KStatus.CURRENT,
        "",
    ),
    (
        thing(
            "DaemonSet",
            {"observedGeneration": 2, "desiredNumberScheduled": 3, "numberAvailable": 2},
            ON_DELETE,
        ),
        KStatus.IN_PROGRESS,
        "2 of 3 pods are available",
    ),
    (
        thing(
            "Deployment",
            {"observedGeneration": 2}
            | {
                "conditions": [
                    {"type": "ReplicaFailure", "status": "True", "message": "violates PodSecurity"}
                ]
            },
        ),
        KStatus.IN_PROGRESS,
        "0 of 1 replicas are updated: violates PodSecurity",
    ),
    (thing("StatefulSet", READY | {"updatedReplicas": 3}, {"replicas": 3}), KStatus.CURRENT, ""),
    (thing("StatefulSet", {}, {"replicas": 0}), KStatus.IN_PROGRESS, "controller"),
    (thing("StatefulSet", {"observedGeneration": 2}), KStatus.IN_PROGRESS, "0 of 1"),
    (
        thing("StatefulSet", OLD | {"updatedReplicas": 2}, {"replicas": 3}),
        KStatus.IN_PROGRESS,
        "2 of 3 replicas are updated",
    ),
    (thing("StatefulSet", OLD, {"replicas": 3} | ON_DELETE), KStatus.CURRENT, ""),
    (
        thing("StatefulSet", OLD | {"readyReplicas": 2}, {"replicas": 3} | ON_DELETE),
        KStatus.IN_PROGRESS,
        "2 of 3 replicas are ready",
    ),
    (thing("StatefulSet", OLD | {"updatedReplicas": 1}, {"replicas": 3} | PARTITION), KStatus.CURRENT, ""),
    (thing("StatefulSet", OLD, {"replicas": 3} | PARTITION), KStatus.IN_PROGRESS, "0 of 1"),
    (
        thing("StatefulSet", READY | {"updatedReplicas": 3, "replicas": 5}, {"replicas": 3}),
        KStatus.IN_PROGRESS,
        "2 old replicas",
    ),
    (thing("ReplicaSet", {"replicas": 2, "readyReplicas": 1}), KStatus.IN_PROGRESS, "1 old"),
    (thing("ReplicaSet", {"readyReplicas": 1}, {"replicas": 2}), KStatus.IN_PROGRESS, "1 of 2"),
    (thing("Job", condition("Complete", "True")), KStatus.CURRENT, ""),
    (thing("Job", condition("Failed", "True", message="BackoffLimitExceeded")), KStatus.FAILED, "Backoff"),
    (thing("Pod", {"phase": "Succeeded"}), KStatus.CURRENT, ""),
    (thing("Pod", {"phase": "Running"} | condition("Ready", "False")), KStatus.IN_PROGRESS, "Running"),
    (thing("Pod", {"phase": "Failed", "reason": "Evicted"}), KStatus.FAILED, "Evicted"),
    (thing("PersistentVolumeClaim", {"phase": "Bound"}), KStatus.CURRENT, ""),
    (thing("PersistentVolumeClaim", {}), KStatus.IN_PROGRESS, "not bound"),
    (thing("CustomResourceDefinition", condition("Established", "True")), KStatus.CURRENT, ""),
    (
        thing("CustomResourceDefinition", condition("NamesAccepted", "False", message="taken")),
        KStatus.FAILED,
        "taken",
    ),
    (
        thing("APIService", condition("Available", "False", message="no endpoints")),
        KStatus.IN_PROGRESS,
        "endpoints",
    ),
    (thing("ConfigMap", {}), KStatus.CURRENT, ""),
    (thing("Widget", condition("Ready", "False", message="soon")), KStatus.IN_PROGRESS, "soon"),
    (thing("Widget", condition("Stalled", "True", message="never")), KStatus.FAILED, "never"),
    (thing("Widget", condition("Reconciling", "True", message="now")), KStatus.IN_PROGRESS, "now"),
    # What a custom resource may have where Kubernetes' own kinds have something else.
    (thing("Widget", {"conditions": {"Ready": "False"}}), KStatus.CURRENT, ""),
    (thing("Widget", {"conditions": ["Ready"]}), KStatus.CURRENT, ""),
    (thing("Widget", {"observedGeneration": "1"}), KStatus.IN_PROGRESS, "last change"),
    (thing("Widget", {"observedGeneration": "2"}), KStatus.CURRENT, ""),
    (thing("Widget", {"observedGeneration": "v2"}), KStatus.CURRENT, ""),
    ({**thing("Widget", {}), "status": "Running"}, KStatus.CURRENT, ""),
    (
        {**thing("Job", {"state": {"phase": "Running"}}), "apiVersion": "batch.volcano.sh/v1"},
        KStatus.CURRENT,
        "",
    ),
]


@pytest.mark.parametrize(("obj", "state", "text"), CASES)
def test_state(obj: dict[str, Any], state: KStatus, text: str) -> None:
    found = status(obj)
    assert found.state is state
    assert text in found.message


@pytest.mark.parametrize(
    ("obj", "expected"),
    [
        (thing("Deployment", condition("Available", "False", lastTransitionTime="t")), "t"),
        (thing("Deployment", condition("Available", "True", lastTransitionTime="t")), ""),
        (thing("Widget", condition("Ready", "Unknown", lastTransitionTime="t")), "t"),
        (thing("Pod", condition("PodScheduled", "False", lastTransitionTime="t")), "t"),
        (thing("Job", condition("Failed", "True", lastTransitionTime="t")), "t"),
        (thing("Job", condition("Failed", "False", lastTransitionTime="t")), ""),
        (thing("StatefulSet", READY), ""),
    ],
)
def test_since_when_it_is_not_current(obj: dict[str, Any], expected: str) -> None:
    assert unready_since(obj) == expected


def test_absent_is_waited_for() -> None:
    assert status(None).state is KStatus.IN_PROGRESS


@pytest.mark.parametrize(
    ("api_version", "kind", "expected"),
    [
        ("apps/v1", "Deployment", True),
        ("v1", "ConfigMap", False),
        ("rbac.authorization.k8s.io/v1", "ClusterRole", False),
        ("example.com/v1", "Widget", True),
        ("v1", "Job", False),
    ],
)
def test_what_is_worth_a_look(api_version: str, kind: str, expected: bool) -> None:
    assert can_be_unready(api_version, kind) is expected


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


def test_an_image_is_named_and_so_is_the_end_of_a_job_s_pod() -> None:
    waiting = {"waiting": {"reason": "ErrImagePull", "message": "unauthorized"}}
    done = {"terminated": {"exitCode": 0}}
    pod = {
        "status": {
            "initContainerStatuses": [{"name": "a", "image": "a.io/x:1", "state": waiting}],
            "containerStatuses": [
                {"name": "b", "state": {"terminated": {"exitCode": 7, "message": "no license"}}},
                {"name": "c", "state": done, "lastState": {}},
            ],
        }
    }
    assert list(pod_reasons(pod)) == [
        "container a: ErrImagePull: a.io/x:1: unauthorized",
        "container b ended with 7 no license",
    ]


def pod(node: str, ready: str, *, bound: bool = True) -> dict[str, Any]:
    term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}
    affinity = {
        "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    }
    spec: dict[str, Any] = {"affinity": affinity} | ({"nodeName": node} if bound else {})
    return thing("Pod", condition("Ready", ready), spec)


def node(name: str, ready: str) -> dict[str, Any]:
    return {"kind": "Node", "metadata": {"name": name}, "status": condition("Ready", ready)}


@pytest.mark.parametrize(
    ("pods", "wanted"),
    [
        ([pod("a", "True"), pod("b", "True"), pod("lost", "False")], 2),
        ([pod("a", "True"), pod("b", "True"), pod("lost", "False", bound=False)], 2),
        # The old one cannot go, the new one cannot come: one node all the same.
        ([pod("a", "True"), pod("b", "True"), pod("lost", "False"), pod("lost", "False")], 2),
        # A pod that is not ready where the node answers is waited for.
        ([pod("a", "True"), pod("b", "False"), pod("lost", "False")], 2),
        # Not taken for dead yet: it counts among the available.
        ([pod("a", "True"), pod("b", "True"), pod("lost", "True")], 3),
    ],
)
def test_a_daemonset_wants_no_pod_where_the_node_is_lost(pods: list[dict[str, Any]], wanted: int) -> None:
    nodes = [node("a", "True"), node("b", "True"), node("lost", "Unknown")]
    ready = sum(one["status"]["conditions"][0]["status"] == "True" for one in pods)
    numbers = {"desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": ready}
    found = without_lost(thing("DaemonSet", {"observedGeneration": 2, **numbers}), pods, nodes)
    assert found["status"]["desiredNumberScheduled"] == wanted
    assert status(found).current is (ready >= wanted)


TEMPORARY = ObjectRef("batch/v1", "Job", "setup", "tools", uid="u", passing=True)


def test_a_job_that_went_by_its_time_to_live_is_no_drift() -> None:
    jobs = (TEMPORARY, replace(TEMPORARY, name="kept", passing=False))
    record = ModuleRecord("tools", ModulePhase.HEALTHY, objects=jobs)
    found = [(drift.what, drift.found) for drift in differences(record, {})]
    assert found == [("Job.batch/tools/kept", "is gone")]
