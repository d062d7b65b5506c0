"""The hook: binding contexts in, reconciliations out. One `handle` for shell-operator and for our own runtime.

The runtime calls it in-process with contexts of the same form; under shell-operator `program` does. shell-operator
merges a burst into one call and blocks the queue until the hook ends, so one call looks at every ClusterConfiguration
at most once, and the engine re-reads the generation between steps.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from slipway.cluster.rest.watch import ChangeKind
from slipway.model.status import ConditionType, ReadyReason
from slipway.operator import conditions
from slipway.operator.door import Door, Key, Request, Verdict
from slipway.operator.queue import BindingContext
from slipway.settings import API_VERSION, APPROVE_ANNOTATION

BINDING: Final = "cc"
#: What becomes of an object that is of interest.
CHANGES: Final = (ChangeKind.ADDED, ChangeKind.MODIFIED, ChangeKind.DELETED)
RESYNC: Final = "resync"

MADE_BY_HELM: Final = {"labelSelector": {"matchLabels": {"app.kubernetes.io/managed-by": "Helm"}}}

#: Of bindings whose contexts say that a node, or an object of a module, says something else of itself than before.
STANDING_PREFIX: Final = "standing-"

#: apiVersion, kind, which of them, what they say of themselves. (A Node's whole status changes with each heartbeat.)
WATCHED_KINDS: Final = (
    ("v1", "Node", {}, '[.status.conditions[]? | select(.type == "Ready") | .status]'),
    *(("apps/v1", kind, MADE_BY_HELM, ".status") for kind in ("DaemonSet", "Deployment", "StatefulSet")),
)

#: Crontab of the full read for drift: ten minutes, so that a night's drift is found before the morning.
RESYNC_CRONTAB: Final = "*/10 * * * *"


@dataclass(frozen=True, slots=True)
class HookResult:
    """What one call of the hook did."""

    verdicts: tuple[tuple[Request, Verdict], ...] = ()

    @property
    def exit_code(self) -> int:
        """1 when repeating the same contexts can help."""
        return int(any(verdict is Verdict.RETRY for _, verdict in self.verdicts))


def hook_configuration() -> dict[str, Any]:
    """What `--config` prints.

    Only spec and approval pass the filter: our own status patches start no run.
    """
    return {
        "configVersion": "v1",
        "onStartup": 1,
        "kubernetes": [
            {
                "name": BINDING,
                "apiVersion": API_VERSION,
                "kind": "ClusterConfiguration",
                "executeHookOnEvent": [str(change) for change in CHANGES],
                "jqFilter": f'{{spec: .spec, approve: .metadata.annotations["{APPROVE_ANNOTATION}"]}}',
                "queue": "slipway",
            },
            *(_standing_binding(*kind) for kind in WATCHED_KINDS),
        ],
        "schedule": [{"name": RESYNC, "crontab": RESYNC_CRONTAB, "queue": "slipway"}],
        "settings": {"executionMinInterval": "1s", "executionBurst": 2},
    }


def _standing_binding(api_version: str, kind: str, selector: dict[str, Any], jq: str) -> dict[str, Any]:
    """What may be sick: a change of what it says of itself is looked at, and no object is kept whole."""
    return {
        "name": f"{STANDING_PREFIX}{kind.lower()}",
        "apiVersion": api_version,
        "kind": kind,
        "executeHookOnEvent": [str(change) for change in CHANGES],
        "executeHookOnSynchronization": False,
        "keepFullObjectsInMemory": False,
        "jqFilter": jq,
        "queue": "slipway",
        **selector,
    }


def requests_of(contexts: Iterable[BindingContext]) -> tuple[Request, ...] | None:
    """Which ClusterConfigurations to look at, in the order first seen; None: all of them, in full.

    Pure. Of a burst, the last state of each object counts.
    """
    latest: dict[Key, BindingContext] = {}
    wanted: dict[Key, bool] = {}
    for context in contexts:
        kind = context.get("type", "")
        if kind == "Schedule":
            return None
        if _of_standing(context):
            continue
        for object_ in _objects(context):
            key = _key(object_)
            latest[key] = object_
            certain = kind != "Event" or context.get("watchEvent") == ChangeKind.DELETED
            wanted[key] = wanted.get(key, False) or certain
    return tuple(Request(key) for key, object_ in latest.items() if wanted[key] or not _settled(object_))


def handle(contexts: Iterable[BindingContext], door: Door) -> HookResult:
    """Reconcile what the contexts name; where one is gone, the others too: it may have stood in their way."""
    contexts = list(contexts)
    requests = requests_of(contexts)
    if requests is None:
        requests = tuple(Request(key, full=True) for key in door.configurations())
    elif any(map(_of_standing, contexts)):
        named = {request.key for request in requests}
        others = (key for key in door.configurations() if key not in named)
        requests = (*requests, *(Request(key, act=False) for key in others))
    verdicts = [(request, door.reconcile(request)) for request in requests]
    if any(verdict is Verdict.GONE for _, verdict in verdicts):
        seen = {request.key for request in requests}
        freed = [Request(key) for key in door.configurations() if key not in seen]
        verdicts += [(request, door.reconcile(request)) for request in freed]
    return HookResult(tuple(verdicts))


def _of_standing(context: BindingContext) -> bool:
    return str(context.get("binding", "")).startswith(STANDING_PREFIX)


def _objects(context: BindingContext) -> list[dict[str, Any]]:
    """The ClusterConfigurations in a context, whatever its type (Group and snapshots included)."""
    if "object" in context:
        return [context["object"]]
    items = list(context.get("objects") or [])
    if context.get("type") == "Group":
        items += (context.get("snapshots") or {}).get(BINDING, [])
    return [item["object"] for item in items if "object" in item]


def _key(object_: dict[str, Any]) -> Key:
    return Key(object_["metadata"]["namespace"], object_["metadata"]["name"])


def _settled(object_: dict[str, Any]) -> bool:
    """Whether the status already tells the outcome of this generation and of this approval."""
    status = object_.get("status") or {}
    metadata = object_["metadata"]
    if status.get("observedGeneration") != metadata.get("generation"):
        return False
    if conditions.find(status, ConditionType.RECONCILING).get("status") == "True":
        return False
    if conditions.find(status, ConditionType.READY).get("reason") != ReadyReason.AWAITING_APPROVAL:
        return True
    approved = (metadata.get("annotations") or {}).get(APPROVE_ANNOTATION)
    return bool(approved != (status.get("operation") or {}).get("plan"))
