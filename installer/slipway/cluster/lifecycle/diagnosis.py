"""Why something is not healthy, in the cluster's own words: of pods, scheduler, claims and Events."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from slipway.cluster.condition import health
from slipway.cluster.lifecycle.drift import ref_key
from slipway.cluster.rest.client import Client, Object
from slipway.cluster.rest.logs import last_log_line
from slipway.model.apigroups import api_group, is_custom
from slipway.model.record import ObjectRef

#: Objects that are asked for a cause while others wait: each is some three requests.
ASKED: Final = 3
#: Words in a line that name a cause, the most telling first.
_TELLING: Final = (
    "ErrImage",
    "ImagePull",
    "InvalidImageName",
    "said last",
    "CreateContainer",
    "CrashLoop",
    "ended with",
    "Failed",
    "Unschedulable",
)
_NOT_PULLED: Final = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})
#: Of pods' waiting reasons, those that say nothing yet.
_NORMAL = frozenset({"ContainerCreating", "PodInitializing"})


def diagnose(client: Client, refs: Sequence[ObjectRef], pending: Mapping[str, health.Status]) -> str:
    """Why it is not healthy: what is pending, then what its pods and claims say of themselves."""
    lines = [pending_text(pending)]
    for ref in refs:
        if ref_key(ref) in pending:
            lines += _words_of(client, ref)
    return "\n".join(dict.fromkeys(line for line in lines if line))


def first_cause(client: Client, refs: Sequence[ObjectRef], pending: Mapping[str, health.Status]) -> str:
    """What is waited for, in one line: an object that can name a cause, and that cause; how many others there are.

    Of as many objects as a look may ask; one that has failed before one that may still come.
    """
    waiting = [ref for ref in refs if ref_key(ref) in pending]
    waiting.sort(key=lambda ref: pending[ref_key(ref)].state is not health.KStatus.FAILED)
    for ref in waiting[:ASKED]:
        lines = sorted(_words_of(client, ref), key=_rank)
        if lines:
            key = ref_key(ref)
            others = f" (and {len(pending) - 1} more)" if len(pending) > 1 else ""
            return f"{key}: {pending[key].message}: {lines[0]}{others}"
    return pending_text(pending)


def _rank(line: str) -> int:
    """Causes before their consequences."""
    return next((place for place, word in enumerate(_TELLING) if word in line), len(_TELLING))


def _words_of(client: Client, ref: ObjectRef) -> list[str]:
    """What an object's pods, claims and Events say."""
    if ref.kind == "PersistentVolumeClaim":
        return _events(client, ref.kind, ref.namespace, ref.name)
    obj = client.get(ref.api_version, ref.kind, ref.name, ref.namespace)
    return list(_pod_lines(client, obj)) if obj else []


def _pod_lines(client: Client, obj: Object) -> Iterator[str]:
    """The pods of a workload: at most five that are not ready, then the claims they wait for; else its own Events."""
    namespace = obj["metadata"].get("namespace", "")
    pods = unready_pods(client, obj)
    for pod in pods[:5]:
        name = f"pod {namespace}/{pod['metadata']['name']}"
        yield from (f"{name}: {text}" for text in pod_reasons(pod))
        yield from (f"{name}: {text}" for text in _last_words(client, pod))
    if pods:
        for claim in client.list("v1", "PersistentVolumeClaim", namespace):
            if not health.status(claim).current:
                yield from _events(client, "PersistentVolumeClaim", namespace, claim["metadata"]["name"])
    else:
        yield from _events(client, obj["kind"], namespace, obj["metadata"]["name"])


def _last_words(client: Client, pod: Object) -> Iterator[str]:
    """The last line of the log of each container that ended badly and left no message."""
    meta = pod["metadata"]
    for container in container_states(pod):
        ended = ended_of(container)
        if not ended.get("exitCode") or ended.get("message"):
            continue
        before = not (container.get("state") or {}).get("terminated")
        name = container["name"]
        if line := last_log_line(client, meta["namespace"], meta["name"], name, previous=before):
            yield f"container {name} said last: {line}"


def unready_pods(client: Client, workload: Object) -> list[Object]:
    """Those of its pods that are not ready; none of what has no pods."""
    labels, namespace = pod_labels(workload), workload["metadata"].get("namespace", "")
    pods = client.list("v1", "Pod", namespace, labels=labels) if labels else []
    return [pod for pod in pods if not health.status(pod).current]


def pod_labels(workload: Object) -> str:
    """How its pods are found; empty when it says nothing of them. Custom resources select whatever they like.

    A Service's pods are those of workloads, which speak for themselves.
    """
    if is_custom(api_group(workload["apiVersion"])) or workload["kind"] == "Service":
        return ""
    selector = ((workload.get("spec") or {}).get("selector") or {}).get("matchLabels") or {}
    return ",".join(f"{key}={value}" for key, value in sorted(selector.items()))


def pod_reasons(pod: Object) -> Iterator[str]:
    """What a pod's scheduler and containers say."""
    for condition in (pod.get("status") or {}).get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            yield f"{condition.get('reason', 'Pending')}: {condition.get('message', '')}"
    for container in container_states(pod):
        name, waiting = container["name"], (container.get("state") or {}).get("waiting") or {}
        reason, message = waiting.get("reason", ""), waiting.get("message", "")
        if reason in _NOT_PULLED and container.get("image", "") not in message:
            message = f"{container['image']}: {message}".rstrip(": ")
        if reason and reason not in _NORMAL:
            yield f"container {name}: {reason}: {message}".rstrip(": ")
        if ended := ended_of(container):
            yield f"container {name} ended with {ended.get('exitCode')} {ended.get('message', '')}".rstrip()


def container_states(pod: Object) -> list[Object]:
    """What is said of its containers, those that prepare it first."""
    found = pod.get("status") or {}
    return [*(found.get("initContainerStatuses") or ()), *(found.get("containerStatuses") or ())]


def ended_of(container: Object) -> Object:
    """How it ended last; empty: it has not, or ended well and is not started again."""
    now: Object = (container.get("state") or {}).get("terminated") or {}
    before: Object = (container.get("lastState") or {}).get("terminated") or {}
    return now if now.get("exitCode") else before


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
