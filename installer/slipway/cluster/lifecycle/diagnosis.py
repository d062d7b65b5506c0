"""Why something is not healthy, in the cluster's own words: of pods, scheduler, claims and Events."""

from collections.abc import Iterator, Mapping, Sequence

from slipway.cluster.condition import health
from slipway.cluster.lifecycle.drift import ref_key
from slipway.cluster.rest.client import Client, Object
from slipway.model.apigroups import api_group, is_custom
from slipway.model.record import ObjectRef

#: Of pods' waiting reasons, those that say nothing yet.
_NORMAL = frozenset({"ContainerCreating", "PodInitializing"})


def diagnose(client: Client, refs: Sequence[ObjectRef], pending: Mapping[str, health.Status]) -> str:
    """Why it is not healthy: what is pending, then what its pods and claims say of themselves."""
    lines = [pending_text(pending)]
    for ref in refs:
        if ref_key(ref) not in pending:
            continue
        obj = client.get(ref.api_version, ref.kind, ref.name, ref.namespace)
        if ref.kind == "PersistentVolumeClaim":
            lines += _events(client, ref.kind, ref.namespace, ref.name)
        elif obj:
            lines += _pod_lines(client, obj)
    return "\n".join(dict.fromkeys(line for line in lines if line))


def _pod_lines(client: Client, obj: Object) -> Iterator[str]:
    """The pods of a workload: at most five that are not ready, then the claims they wait for; else its own Events."""
    namespace = obj["metadata"].get("namespace", "")
    pods = unready_pods(client, obj)
    for pod in pods[:5]:
        yield from (f"pod {namespace}/{pod['metadata']['name']}: {text}" for text in pod_reasons(pod))
    if pods:
        for claim in client.list("v1", "PersistentVolumeClaim", namespace):
            if not health.status(claim).current:
                yield from _events(client, "PersistentVolumeClaim", namespace, claim["metadata"]["name"])
    else:
        yield from _events(client, obj["kind"], namespace, obj["metadata"]["name"])


def unready_pods(client: Client, workload: Object) -> list[Object]:
    """Those of its pods that are not ready; none of what has no pods."""
    labels, namespace = pod_labels(workload), workload["metadata"].get("namespace", "")
    pods = client.list("v1", "Pod", namespace, labels=labels) if labels else []
    return [pod for pod in pods if not health.status(pod).current]


def pod_labels(workload: Object) -> str:
    """How its pods are found; empty when it says nothing of them. Custom resources select whatever they like."""
    if is_custom(api_group(workload["apiVersion"])):
        return ""
    selector = ((workload.get("spec") or {}).get("selector") or {}).get("matchLabels") or {}
    return ",".join(f"{key}={value}" for key, value in sorted(selector.items()))


def pod_reasons(pod: Object) -> Iterator[str]:
    """What a pod's scheduler and containers say."""
    found = pod.get("status") or {}
    for condition in found.get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            yield f"{condition.get('reason', 'Pending')}: {condition.get('message', '')}"
    containers = [*(found.get("initContainerStatuses") or ()), *(found.get("containerStatuses") or ())]
    for container in containers:
        state = container.get("state") or {}
        waiting, ended = (
            state.get("waiting") or {},
            (container.get("lastState") or {}).get("terminated") or {},
        )
        if waiting.get("reason") and waiting["reason"] not in _NORMAL:
            yield f"container {container['name']}: {waiting['reason']}: {waiting.get('message', '')}".rstrip(
                ": "
            )
        if ended:
            code = f"container {container['name']} ended with {ended.get('exitCode')}"
            yield f"{code} {ended.get('message', '')}".rstrip()


def _events(client: Client, kind: str, namespace: str, name: str) -> list[str]:
    """The last warnings about an object."""
    fields = f"involvedObject.kind={kind},involvedObject.name={name}"
    events = client.list("v1", "Event", namespace, fields=fields)
    events.sort(key=lambda event: event.get("lastTimestamp") or event.get("eventTime") or "")
    texts = [
        f"{kind} {namespace}/{name}: {event.get('reason', '')}: {event.get('message', '')}"
        for event in events
    ]
    return texts[-2:]


def pending_text(pending: Mapping[str, health.Status]) -> str:
    """What is waited for, in one line."""
    return "; ".join(f"{name}: {found.message}" for name, found in sorted(pending.items()))
