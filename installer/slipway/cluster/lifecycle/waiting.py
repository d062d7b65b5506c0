"""Waits until what a module made is current, and says in the cluster's own words why it is not."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from slipway.cluster.condition import health
from slipway.cluster.lifecycle.drift import ref_key
from slipway.cluster.rest.client import Client, Object
from slipway.errors import Interrupted
from slipway.model.record import ObjectRef

#: Seconds between two looks: short at first, since most modules are there in seconds.
FIRST_POLL, LONGEST_POLL = 0.2, 2.0

#: Seconds that something must have been failed to count as such: what was mended just now shows up late.
FAILED_SECONDS = 15.0

#: Of pods' waiting reasons, those that say nothing yet.
_NORMAL = frozenset({"ContainerCreating", "PodInitializing"})

_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"

Pending = dict[str, health.Status]


def wait_until_healthy(
    client: Client,
    refs: Sequence[ObjectRef],
    rules: Sequence[Mapping[str, Any]],
    *,
    seconds: float,
    cancelled: Callable[[], bool] = lambda: False,
    progress: Callable[[str], None] = lambda _: None,
) -> Pending:
    """Wait for all; what is not current in the end, or has failed for good. Empty: healthy."""
    waiting = {ref_key(ref): ref for ref in refs if health.can_be_unready(ref.api_version, ref.kind)}
    open_rules = list(rules)
    started = time.monotonic()
    pause, told = FIRST_POLL, ""
    while True:
        pending = _look(client, waiting, open_rules)
        failed = any(found.state is health.KStatus.FAILED for found in pending.values())
        patience = min(FAILED_SECONDS, seconds) if failed else seconds
        if not pending or time.monotonic() > started + patience:
            return pending
        text = _text(pending)
        if text != told:
            progress(text)
        told = text
        if cancelled():
            raise Interrupted("stopped while waiting", why=text)
        time.sleep(pause)
        pause = min(pause * 1.3, LONGEST_POLL)


def _look(client: Client, waiting: dict[str, ObjectRef], rules: list[Mapping[str, Any]]) -> Pending:
    """One look; what is current is not looked at again."""
    pending: Pending = {}
    for name, ref in list(waiting.items()):
        obj = client.get(ref.api_version, ref.kind, ref.name, ref.namespace)
        found = object_status(client, obj)
        if found.current or (obj is None and ref.passing):
            del waiting[name]
        else:
            pending[name] = found
    for rule in list(rules):
        found = rule_status(client, rule)
        if found.current:
            rules.remove(rule)
        else:
            pending[rule_name(rule)] = found
    return pending


def rule_name(rule: Mapping[str, Any]) -> str:
    """What a rule is about, in messages."""
    return f"{rule['kind']} {rule.get('name', '')}".strip()


def rule_status(client: Client, rule: Mapping[str, Any]) -> health.Status:
    """A rule of module.yaml: an object that must be current, or a default StorageClass that must exist."""
    if rule.get("defaultClass"):
        classes = client.list(rule["apiVersion"], rule["kind"])
        notes = [item["metadata"].get("annotations") or {} for item in classes]
        there = any(note.get(_DEFAULT_CLASS) == "true" for note in notes)
        return (
            health.CURRENT if there else health.Status(health.KStatus.IN_PROGRESS, "no class is the default")
        )
    obj = client.get(rule["apiVersion"], rule["kind"], rule["name"], rule.get("namespace", ""))
    return object_status(client, obj)


def object_status(client: Client, obj: Object | None) -> health.Status:
    """An object's status; of a DaemonSet that waits, what it is without the nodes that are lost."""
    found = health.status(obj)
    if obj is None or found.current or (obj["apiVersion"], obj["kind"]) != ("apps/v1", "DaemonSet"):
        return found
    pods = client.list("v1", "Pod", obj["metadata"]["namespace"], labels=_labels(obj))
    return health.status(health.without_lost(obj, pods, client.list("v1", "Node")))


def diagnose(client: Client, refs: Sequence[ObjectRef], pending: Pending) -> str:
    """Why it is not healthy: what is pending, then what its pods and claims say of themselves."""
    lines = [_text(pending)]
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
    """The pods of a workload: at most five that are not ready, then the claims they wait for."""
    labels = _labels(obj)
    if not labels:
        return
    namespace = obj["metadata"]["namespace"]
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
    labels, namespace = _labels(workload), workload["metadata"].get("namespace", "")
    pods = client.list("v1", "Pod", namespace, labels=labels) if labels else []
    return [pod for pod in pods if not health.status(pod).current]


def _labels(workload: Object) -> str:
    """How its pods are found; empty when it says nothing of them."""
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


def _text(pending: Pending) -> str:
    return "; ".join(f"{name}: {found.message}" for name, found in sorted(pending.items()))
