"""Is an object as its spec wants it? The rules of kstatus, as a pure function of the object."""

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

Object = Mapping[str, Any]


class State(StrEnum):
    """What a look at an object says."""

    CURRENT = "Current"
    IN_PROGRESS = "InProgress"
    FAILED = "Failed"


class Status(NamedTuple):
    """State, and why it is not (yet) current."""

    state: State
    message: str = ""

    @property
    def current(self) -> bool:
        """Nothing left to wait for."""
        return self.state is State.CURRENT


CURRENT = Status(State.CURRENT)


def status(obj: Object | None) -> Status:
    """Status of any object; None is one that is not there (yet)."""
    if obj is None:
        return _waits("not there")
    if obj["metadata"].get("deletionTimestamp"):
        return _waits("being deleted")
    seen = (obj.get("status") or {}).get("observedGeneration")
    if seen is not None and seen < obj["metadata"].get("generation", 0):
        return _waits("its controller has not seen the last change")
    return _RULES.get(obj["kind"], _generic)(obj)


def _deployment(obj: Object) -> Status:
    found = obj.get("status") or {}
    wanted = obj["spec"].get("replicas", 1)
    progressing = _condition(obj, "Progressing")
    if progressing.get("reason") == "ProgressDeadlineExceeded":
        return Status(State.FAILED, progressing.get("message", ""))
    if "observedGeneration" not in found:
        return _waits("its controller has not seen it")
    for field, text in (("updatedReplicas", "updated"), ("availableReplicas", "available")):
        if found.get(field, 0) < wanted:
            return _waits(f"{found.get(field, 0)} of {wanted} replicas are {text}")
    if found.get("replicas", 0) > wanted:
        return _waits(f"{found['replicas'] - wanted} old replicas are still there")
    return CURRENT


def _daemonset(obj: Object) -> Status:
    found = obj.get("status") or {}
    if "observedGeneration" not in found:
        return _waits("its controller has not seen it")
    wanted = found.get("desiredNumberScheduled", 0)
    for field, text in (("updatedNumberScheduled", "updated"), ("numberAvailable", "available")):
        if found.get(field, 0) < wanted:
            return _waits(f"{found.get(field, 0)} of {wanted} pods are {text}")
    return CURRENT


def without_lost(daemonset: Object, pods: Iterable[Object], nodes: Iterable[Object]) -> Object:
    """A DaemonSet that wants no pod where the node does not answer: there nothing can become ready or be replaced."""
    lost = {node["metadata"]["name"] for node in nodes if _condition(node, "Ready").get("status") != "True"}
    away = lost & {_pod_node(pod) for pod in pods if not status(pod).current}
    found = daemonset.get("status") or {}
    wanted = found.get("desiredNumberScheduled", 0) - len(away)
    return {**daemonset, "status": {**found, "desiredNumberScheduled": max(wanted, 0)}}


def _pod_node(pod: Object) -> str:
    """The node of a DaemonSet's pod, also before it is bound: it was made for that one."""
    spec = pod.get("spec") or {}
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    fields = (
        field for term in required.get("nodeSelectorTerms") or () for field in term.get("matchFields") or ()
    )
    made_for = next((field["values"][0] for field in fields if field["key"] == "metadata.name"), "")
    return spec.get("nodeName") or made_for


def _statefulset(obj: Object) -> Status:
    found = obj.get("status") or {}
    wanted = obj["spec"].get("replicas", 1)
    for field, text in (("updatedReplicas", "updated"), ("readyReplicas", "ready")):
        if found.get(field, 0) < wanted:
            return _waits(f"{found.get(field, 0)} of {wanted} replicas are {text}")
    return CURRENT


def _replicaset(obj: Object) -> Status:
    wanted, ready = obj["spec"].get("replicas", 1), (obj.get("status") or {}).get("readyReplicas", 0)
    return CURRENT if ready >= wanted else _waits(f"{ready} of {wanted} replicas are ready")


def _job(obj: Object) -> Status:
    failed = _condition(obj, "Failed")
    if failed.get("status") == "True":
        return Status(State.FAILED, failed.get("message", ""))
    done = _condition(obj, "Complete").get("status") == "True"
    return CURRENT if done else _waits("not completed")


def _pod(obj: Object) -> Status:
    found = obj.get("status") or {}
    if found.get("phase") == "Failed":
        return Status(State.FAILED, found.get("message") or found.get("reason", ""))
    if found.get("phase") == "Succeeded" or _condition(obj, "Ready").get("status") == "True":
        return CURRENT
    return _waits(found.get("phase", "Pending"))


def _claim(obj: Object) -> Status:
    phase = (obj.get("status") or {}).get("phase", "Pending")
    if phase == "Lost":
        return Status(State.FAILED, "its volume is lost")
    return CURRENT if phase == "Bound" else _waits("not bound to a volume")


def _definition(obj: Object) -> Status:
    refused = _condition(obj, "NamesAccepted")
    if refused.get("status") == "False":
        return Status(State.FAILED, refused.get("message", ""))
    established = _condition(obj, "Established").get("status") == "True"
    return CURRENT if established else _waits("not established")


def _api_service(obj: Object) -> Status:
    available = _condition(obj, "Available")
    if available.get("status") == "True":
        return CURRENT
    return _waits(available.get("message") or "not available")


def _generic(obj: Object) -> Status:
    """Any other kind: the conditions that kstatus agreed on, where it has some."""
    for name, state in (("Stalled", State.FAILED), ("Reconciling", State.IN_PROGRESS)):
        condition = _condition(obj, name)
        if condition.get("status") == "True":
            return Status(state, condition.get("message", ""))
    ready = _condition(obj, "Ready")
    if ready and ready.get("status") != "True":
        return _waits(ready.get("message") or "not ready")
    return CURRENT


_RULES: dict[str, Callable[[Object], Status]] = {
    "Deployment": _deployment,
    "DaemonSet": _daemonset,
    "StatefulSet": _statefulset,
    "ReplicaSet": _replicaset,
    "Job": _job,
    "Pod": _pod,
    "PersistentVolumeClaim": _claim,
    "CustomResourceDefinition": _definition,
    "APIService": _api_service,
}


def watched(api_version: str, kind: str) -> bool:
    """Whether a kind can be anything but current once it exists: workloads and the like, and custom resources."""
    group = api_version.rpartition("/")[0]
    return kind in _RULES or ("." in group and not group.endswith(".k8s.io"))


def _condition(obj: Object, name: str) -> Mapping[str, Any]:
    conditions = (obj.get("status") or {}).get("conditions") or ()
    return next((item for item in conditions if item.get("type") == name), {})


def _waits(message: str) -> Status:
    return Status(State.IN_PROGRESS, message)
