"""Is an object as its spec wants it? The rules of kstatus, as a pure function of the object."""

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from slipway.model.apigroups import api_group, is_custom

Object = Mapping[str, Any]


class KStatus(StrEnum):
    """What a look at an object says."""

    CURRENT = "Current"
    IN_PROGRESS = "InProgress"
    FAILED = "Failed"


class Status(NamedTuple):
    """State, and why it is not (yet) current."""

    state: KStatus
    message: str = ""

    @property
    def current(self) -> bool:
        """Nothing left to wait for."""
        return self.state is KStatus.CURRENT


CURRENT = Status(KStatus.CURRENT)
#: Conditions, and what they say of what is well.
WELL: Mapping[str, str] = {"Available": "True", "Ready": "True", "PodScheduled": "True"}
_UNSEEN = "its controller has not seen the last change"


def status(obj: Object | None) -> Status:
    """Status of any object; None is one that is not there (yet)."""
    if obj is None:
        return _waits("not there")
    if obj["metadata"].get("deletionTimestamp"):
        return _waits("being deleted")
    if not generation_seen(obj, _found(obj)):
        return _waits(_UNSEEN)
    return _RULES.get((api_group(obj.get("apiVersion", "")), obj["kind"]), _generic)(obj)


def unready_since(obj: Object, conditions: Mapping[str, str] = WELL) -> str:
    """Since when it is not current (ISO 8601 UTC); empty for kinds that do not say. `conditions`: more of them."""
    for name, wanted in {**WELL, **conditions}.items():
        condition = condition_of(obj, name)
        if condition and condition.get("status") != wanted:
            return str(condition.get("lastTransitionTime") or "")
    for name in ("Failed", "Stalled"):
        condition = condition_of(obj, name)
        if condition.get("status") == "True":
            return str(condition.get("lastTransitionTime") or "")
    return ""


def _deployment(obj: Object) -> Status:
    found = _found(obj)
    wanted = _wanted(obj)
    progressing = condition_of(obj, "Progressing")
    if progressing.get("reason") == "ProgressDeadlineExceeded":
        return Status(KStatus.FAILED, progressing.get("message", ""))
    if "observedGeneration" not in found:
        return _waits("its controller has not seen it")
    for field, text in (("updatedReplicas", "updated"), ("availableReplicas", "available")):
        if found.get(field, 0) < wanted:
            return _waits(f"{found.get(field, 0)} of {wanted} replicas are {text}{_refused(obj)}")
    return _surplus(found, wanted)


def _refused(obj: Object) -> str:
    """Why no pod can be made, as a quota or a policy says it; empty where that is not what it waits for."""
    failure = condition_of(obj, "ReplicaFailure")
    return f": {failure.get('message', '')}" if failure.get("status") == "True" else ""


def _surplus(found: Mapping[str, Any], wanted: int) -> Status:
    """Replicas beyond those wanted: old ones that were not ended yet."""
    surplus = found.get("replicas", 0) - wanted
    return _waits(f"{surplus} old replicas are still there") if surplus > 0 else CURRENT


def _daemonset(obj: Object) -> Status:
    found = _found(obj)
    if "observedGeneration" not in found:
        return _waits("its controller has not seen it")
    wanted = found.get("desiredNumberScheduled", 0)
    updated = () if _on_delete(obj) else (("updatedNumberScheduled", "updated"),)
    for field, text in (*updated, ("numberAvailable", "available")):
        if found.get(field, 0) < wanted:
            return _waits(f"{found.get(field, 0)} of {wanted} pods are {text}")
    return CURRENT


def _on_delete(obj: Object) -> bool:
    """Whether its pods are replaced when somebody deletes them, and not before: nothing to wait for."""
    strategy: Mapping[str, Any] = obj["spec"].get("updateStrategy") or {}
    return strategy.get("type") == "OnDelete"


def without_lost(daemonset: Object, pods: Iterable[Object], nodes: Iterable[Object]) -> Object:
    """A DaemonSet that wants no pod where the node does not answer: there nothing can become ready or be replaced."""
    lost = {node["metadata"]["name"] for node in nodes if condition_of(node, "Ready").get("status") != "True"}
    away = lost & {_pod_node(pod) for pod in pods if not status(pod).current}
    found = _found(daemonset)
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
    found = _found(obj)
    wanted = _wanted(obj)
    if "observedGeneration" not in found:
        return _waits("its controller has not seen it")
    for field, text, least in (
        ("readyReplicas", "ready", wanted),
        ("updatedReplicas", "updated", _to_update(obj, wanted)),
    ):
        if found.get(field, 0) < least:
            return _waits(f"{found.get(field, 0)} of {least} replicas are {text}")
    return _surplus(found, wanted)


def _to_update(statefulset: Object, wanted: int) -> int:
    """How many of its replicas follow the last change by themselves: those from the partition on."""
    found = _found(statefulset)
    if _on_delete(statefulset) or found.get("currentRevision", "") == found.get("updateRevision"):
        return 0
    rolling = (statefulset["spec"].get("updateStrategy") or {}).get("rollingUpdate") or {}
    return max(0, wanted - (rolling.get("partition") or 0))


def _replicaset(obj: Object) -> Status:
    found = _found(obj)
    wanted, ready = _wanted(obj), found.get("readyReplicas", 0)
    return _surplus(found, wanted) if ready >= wanted else _waits(f"{ready} of {wanted} replicas are ready")


def _job(obj: Object) -> Status:
    failed = condition_of(obj, "Failed")
    if failed.get("status") == "True":
        return Status(KStatus.FAILED, failed.get("message", ""))
    done = condition_of(obj, "Complete").get("status") == "True"
    return CURRENT if done else _waits("not completed")


def _pod(obj: Object) -> Status:
    found = _found(obj)
    if found.get("phase") == "Failed":
        return Status(KStatus.FAILED, found.get("message") or found.get("reason", ""))
    if found.get("phase") == "Succeeded" or condition_of(obj, "Ready").get("status") == "True":
        return CURRENT
    return _waits(found.get("phase", "Pending"))


def _claim(obj: Object) -> Status:
    phase = _found(obj).get("phase", "Pending")
    if phase == "Lost":
        return Status(KStatus.FAILED, "its volume is lost")
    return CURRENT if phase == "Bound" else _waits("not bound to a volume")


def _service(obj: Object) -> Status:
    """One that is to be reached from outside has an address: its controller's, or one that its spec names."""
    spec: Mapping[str, Any] = obj.get("spec") or {}
    balancer: Mapping[str, Any] = _found(obj).get("loadBalancer") or {}
    if spec.get("type") != "LoadBalancer" or spec.get("externalIPs") or balancer.get("ingress"):
        return CURRENT
    return _waits("no load balancer has given it an address")


def _definition(obj: Object) -> Status:
    refused = condition_of(obj, "NamesAccepted")
    if refused.get("status") == "False":
        return Status(KStatus.FAILED, refused.get("message", ""))
    established = condition_of(obj, "Established").get("status") == "True"
    return CURRENT if established else _waits("not established")


def _api_service(obj: Object) -> Status:
    available = condition_of(obj, "Available")
    if available.get("status") == "True":
        return CURRENT
    return _waits(available.get("message") or "not available")


def _generic(obj: Object) -> Status:
    """Any other kind: the conditions that kstatus agreed on, where it has some."""
    for name, state in (("Stalled", KStatus.FAILED), ("Reconciling", KStatus.IN_PROGRESS)):
        condition = condition_of(obj, name)
        if condition.get("status") == "True":
            return Status(state, str(condition.get("message") or ""))
    ready = condition_of(obj, "Ready")
    if ready and ready.get("status") != "True":
        return _waits(str(ready.get("message") or "not ready"))
    return CURRENT if generation_seen(obj, ready) else _waits(_UNSEEN)


def generation_seen(obj: Object, said: Mapping[str, Any]) -> bool:
    """Whether a status or a condition is about the last change of its object, as far as it says so."""
    seen = _number(said.get("observedGeneration"))
    return seen is None or seen == obj["metadata"].get("generation", seen)


#: By group and kind: a Job of Volcano is no Job of Kubernetes.
_RULES: dict[tuple[str, str], Callable[[Object], Status]] = {
    ("apps", "Deployment"): _deployment,
    ("apps", "DaemonSet"): _daemonset,
    ("apps", "StatefulSet"): _statefulset,
    ("apps", "ReplicaSet"): _replicaset,
    ("batch", "Job"): _job,
    ("", "Pod"): _pod,
    ("", "PersistentVolumeClaim"): _claim,
    ("", "Service"): _service,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _definition,
    ("apiregistration.k8s.io", "APIService"): _api_service,
}


def can_be_unready(api_version: str, kind: str) -> bool:
    """Whether a kind can be anything but current once it exists: workloads and the like, and custom resources."""
    name = api_group(api_version)
    return (name, kind) in _RULES or is_custom(name)


def _found(obj: Object) -> Mapping[str, Any]:
    """Its status; custom resources may have something else there, which says nothing."""
    found = obj.get("status")
    return found if isinstance(found, Mapping) else {}


def _wanted(obj: Object) -> int:
    replicas = obj["spec"].get("replicas")
    return 1 if replicas is None else int(replicas)


def _number(value: Any) -> int | None:
    """A generation; some custom resources keep it as text. None: it is none."""
    try:
        return int(value)
    except (TypeError, ValueError):
        return None


def condition_of(obj: Object, name: str) -> Mapping[str, Any]:
    """The condition of that type; empty too where a custom resource keeps something else under that name."""
    conditions = _found(obj).get("conditions")
    listed = conditions if isinstance(conditions, list) else ()
    return next((item for item in listed if isinstance(item, Mapping) and item.get("type") == name), {})


def _waits(message: str) -> Status:
    return Status(KStatus.IN_PROGRESS, message)
