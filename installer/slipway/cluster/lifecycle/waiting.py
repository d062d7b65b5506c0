"""Waits until what a module made is current and its rules hold."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from functools import partial

from slipway.cluster.condition import health
from slipway.cluster.condition.judging import Judge
from slipway.cluster.lifecycle.diagnosis import first_cause, pending_text, pod_labels
from slipway.cluster.lifecycle.drift import ObjectsPlace, ref_key
from slipway.cluster.lifecycle.ruled import Pending, rule_refs, unmet
from slipway.cluster.rest.client import Client, Object
from slipway.errors import Interrupted, SlipwayError
from slipway.model.modulehealth import NO_KINDS, HealthRule, Kinds
from slipway.model.record import ObjectRef

#: Seconds between two looks: short at first, since most modules are there in seconds.
FIRST_POLL, LONGEST_POLL = 0.2, 2.0

#: Seconds after which somebody is asked what holds it up, and between two such questions.
FIRST_CAUSE, CAUSE_SECONDS = 2.0, 5.0

#: Seconds that something must have been failed to count as such: what was mended just now shows up late.
FAILED_SECONDS = 15.0

#: By `ref_key`: those that are there; in place of those that cannot be read, why.
FoundObjects = dict[str, Object | SlipwayError]


def wait_until_healthy(
    client: Client,
    refs: Sequence[ObjectRef],
    rules: Sequence[HealthRule],
    *,
    seconds: float,
    cancelled: Callable[[], bool] = lambda: False,
    progress: Callable[[str], None] = lambda _: None,
    kinds: Kinds = NO_KINDS,
) -> Pending:
    """Wait for all; what is not current in the end, or has failed for good. Empty: healthy."""
    judge = Judge(client, kinds)
    waiting = {ref_key(ref): ref for ref in refs if health.can_be_unready(ref.api_version, ref.kind)}
    open_rules = list(rules)
    started = time.monotonic()
    pause, told, ask_at = FIRST_POLL, "", started + FIRST_CAUSE
    while True:
        pending = _look(judge, refs, waiting, open_rules)
        failed = any(found.state is health.KStatus.FAILED for found in pending.values())
        patience = min(FAILED_SECONDS, seconds) if failed else seconds
        if not pending or time.monotonic() > started + patience:
            return pending
        if time.monotonic() >= ask_at or not told:
            text = first_cause(client, refs, pending) if told else pending_text(pending)
            ask_at = time.monotonic() + (CAUSE_SECONDS if told else FIRST_CAUSE)
            if text != told:
                progress(text)
            told = text
        if cancelled():
            raise Interrupted("stopped while waiting", why=pending_text(pending))
        time.sleep(pause)
        pause = min(pause * 1.3, LONGEST_POLL)


def _look(
    judge: Judge, refs: Sequence[ObjectRef], waiting: dict[str, ObjectRef], rules: list[HealthRule]
) -> Pending:
    """One look; what is current is not looked at again, and neither is a rule that holds."""
    of_rules = [ref for rule in rules for ref in rule_refs(rule, refs)]
    found = objects_of(judge.client, [*waiting.values(), *of_rules])
    object_of = partial(readable, found)
    pending: Pending = {}
    for rule in list(rules):
        lacking = unmet(judge, rule, refs, object_of)
        pending |= lacking
        if not lacking:
            rules.remove(rule)
    for name, ref in list(waiting.items()):
        obj = object_of(ref)
        status = object_status(judge, obj) if obj else judge.absent(ref.api_version, ref.kind)
        if status.current or (obj is None and ref.passing):
            del waiting[name]
        else:
            pending[name] = status
    return pending


def readable(found: Mapping[str, Object | SlipwayError], ref: ObjectRef) -> Object | None:
    """What was read of an object; None: it is not there.

    Raises:
        SlipwayError: it could not be read.
    """
    obj = found.get(ref_key(ref))
    if isinstance(obj, SlipwayError):
        raise obj
    return obj


def objects_of(client: Client, refs: Iterable[ObjectRef], pool: Executor | None = None) -> FoundObjects:
    """Those that exist. One list per kind and namespace, of one object where only one is asked for."""
    places: dict[ObjectsPlace, dict[str, ObjectRef]] = defaultdict(dict)
    for ref in refs:
        places[ref.api_version, ref.kind, ref.namespace][ref.name] = ref

    def read(place: ObjectsPlace) -> FoundObjects:
        wanted = places[place]
        fields = f"metadata.name={next(iter(wanted))}" if len(wanted) == 1 else ""
        try:
            items = client.list(
                *place, fields=fields, kept=lambda obj: obj if obj["metadata"]["name"] in wanted else None
            )
        except SlipwayError as error:
            return {ref_key(ref): error for ref in wanted.values()}
        return {ref_key(wanted[item["metadata"]["name"]]): item for item in items}

    parts = pool.map(read, places) if pool else map(read, places)
    return {key: item for part in parts for key, item in part.items()}


def object_status(judge: Judge, obj: Object | None) -> health.Status:
    """An object's status; of a DaemonSet that waits, what it is without the nodes that are lost."""
    found = judge.status(obj)
    if obj is None or found.current or (obj["apiVersion"], obj["kind"]) != ("apps/v1", "DaemonSet"):
        return found
    client = judge.client
    pods = client.list("v1", "Pod", obj["metadata"]["namespace"], labels=pod_labels(obj))
    return health.status(health.without_lost(obj, pods, client.list("v1", "Node")))
