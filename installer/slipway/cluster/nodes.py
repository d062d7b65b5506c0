"""A node taken out of service: cordoned, emptied by evictions that respect PodDisruptionBudgets, removed."""

import time
from collections.abc import Callable
from dataclasses import replace

from slipway.cluster.own.kept import node_record
from slipway.cluster.own.noderecords import change_record, read_document
from slipway.cluster.rest.client import Client, Object
from slipway.errors import ConflictError, Interrupted, StepError, TransientError

#: Where kubelets renew their Leases.
LEASES = "kube-node-lease"
#: Seconds between two looks at the pods that are still there.
POLL_SECONDS = 1.0


def cordon(client: Client, name: str, *, on: bool = True) -> None:
    """Let no new pods in, or let them in again."""
    client.merge("v1", "Node", name, {"spec": {"unschedulable": on or None}})


def drain(client: Client, name: str, *, seconds: float, cancelled: Callable[[], bool] = lambda: False) -> int:
    """Evict all pods but those of DaemonSets and static ones; how many there were. A node that is gone is empty."""
    if client.get("v1", "Node", name) is None:
        return 0
    cordon(client, name)
    deadline = time.monotonic() + seconds
    evicted: set[str] = set()
    while pods := [pod for pod in _pods(client, name) if is_movable(pod)]:
        refusals = [_evict(client, pod) for pod in pods if not pod["metadata"].get("deletionTimestamp")]
        evicted |= {pod["metadata"]["uid"] for pod in pods}
        if cancelled():
            raise Interrupted(f"draining {name} was stopped", where=f"node/{name}")
        if time.monotonic() > deadline:
            raise _stuck(name, pods, [text for text in refusals if text])
        time.sleep(POLL_SECONDS)
    return len(evicted)


def take_out(client: Client, name: str, *, seconds: float, cancelled: Callable[[], bool]) -> int:
    """Drain a node until `let_in`, or until it is deleted. One that somebody cordoned before stays cordoned then.

    Where the drain does not come to its end nothing else has been done to the node: it is let in again at once.
    """
    node = client.get("v1", "Node", name)
    if node and not (node.get("spec") or {}).get("unschedulable"):
        _note(
            client, name, drained=True
        )  # before it is: a kill in between leaves a node that is only let in again
        cordon(client, name)
    try:
        return drain(client, name, seconds=seconds, cancelled=cancelled)
    except StepError as error:
        if admit(client, name):
            error.what += "; it takes pods again"
        raise


def admit(client: Client, name: str) -> bool:
    """Let pods in again; False: it was not we who kept them out."""
    node = client.get("v1", "Node", name)
    if node is None or not node_record(node, read_document(client, name)).drained:
        return False
    cordon(client, name, on=False)
    _note(client, name, drained=False)
    return True


def _note(client: Client, name: str, *, drained: bool) -> None:
    change_record(client, name, lambda record: replace(record, drained=drained))


def let_in(client: Client, name: str, *, seconds: float, cancelled: Callable[[], bool]) -> bool:
    """Wait until the node's kubelet reports it Ready anew, then let pods in; whether it was we who kept them out.

    Ready alone may be what the kubelet said before it was stopped, so its Lease has to move as well.
    """
    deadline = time.monotonic() + seconds
    before = _renewed(client, name)
    while not _ready(node := client.get("v1", "Node", name)) or _renewed(client, name) == before:
        if cancelled():
            raise Interrupted(f"waiting for {name} was stopped", where=f"node/{name}")
        if time.monotonic() > deadline:
            raise _not_ready(name, node)
        time.sleep(POLL_SECONDS)
    return admit(client, name)


def _renewed(client: Client, name: str) -> str:
    lease = client.get("coordination.k8s.io/v1", "Lease", name, LEASES) or {}
    return str((lease.get("spec") or {}).get("renewTime", ""))


def _ready(node: Object | None) -> bool:
    conditions = ((node or {}).get("status") or {}).get("conditions") or ()
    return any(found["type"] == "Ready" and found["status"] == "True" for found in conditions)


def _not_ready(name: str, node: Object | None) -> StepError:
    conditions = ((node or {}).get("status") or {}).get("conditions") or ()
    words = next((found.get("message", "") for found in conditions if found["type"] == "Ready"), "")
    return StepError(
        f"node {name} did not become ready again, and stays cordoned",
        where=f"node/{name}",
        why=words if node else "there is no such node",
        hint="look at its kubelet and its container runtime, then apply again",
    )


def delete_node(client: Client, name: str) -> bool:
    """Delete the Node object; whether there was one."""
    return client.delete("v1", "Node", name)


def is_movable(pod: Object) -> bool:
    """Whether a drain has to wait for it."""
    meta = pod["metadata"]
    if "kubernetes.io/config.mirror" in (meta.get("annotations") or {}):
        return False
    if (pod.get("status") or {}).get("phase") in {"Succeeded", "Failed"}:
        return False
    return not any(owner.get("kind") == "DaemonSet" for owner in meta.get("ownerReferences") or ())


def _pods(client: Client, node: str) -> list[Object]:
    return client.list("v1", "Pod", fields=f"spec.nodeName={node}")


def _evict(client: Client, pod: Object) -> str:
    """Ask for one eviction; the API's words when it may not be now."""
    meta = pod["metadata"]
    path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}/eviction"
    wanted = {"name": meta["name"], "namespace": meta["namespace"]}
    try:
        client.post(path, {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": wanted})
    except TransientError as error:  # 429: a PodDisruptionBudget holds it
        return f"{meta['namespace']}/{meta['name']}: {error.why}"
    except ConflictError:
        return ""
    return ""


def _stuck(name: str, pods: list[Object], refusals: list[str]) -> StepError:
    names = ", ".join(f"{pod['metadata']['namespace']}/{pod['metadata']['name']}" for pod in pods[:5])
    return StepError(
        f"node {name} could not be drained in time",
        where=f"node/{name}",
        why="; ".join(refusals[:3]) or f"still there: {names}",
        hint="move these pods, or raise spec.upgrade.drainTimeout",
    )
