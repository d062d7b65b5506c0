"""Waits until objects are there no more, and says what holds those that stay."""

import time
from collections.abc import Sequence

from slipway.cluster.lifecycle import drift
from slipway.cluster.lifecycle.work import Work
from slipway.cluster.rest.client import Client, Object
from slipway.errors import Interrupted, StepError
from slipway.model.record import ModuleRecord, ObjectRef

#: Seconds for objects to go, finalizers included.
GONE_SECONDS = 120.0
POLL_SECONDS = 0.3


def await_gone(
    work: Work,
    record: ModuleRecord,
    expected: list[ObjectRef],
    pods: Sequence[tuple[str, str]] = (),
    hint: str = "remove what holds them, then run again",
) -> None:
    """Wait until these objects, and pods by namespace and labels, are there no more.

    Raises:
        StepError: something stays, with its finalizers.
        Interrupted: stopped.
    """
    deadline = time.monotonic() + GONE_SECONDS
    while remaining := [*_remaining(work.client, expected), *_pods(work.client, pods)]:
        if work.cancelled():
            raise Interrupted("stopped while objects were going", where=f"module/{record.name}/remove")
        if time.monotonic() > deadline:
            raise StepError(
                f"what module {record.name} made does not go",
                where=f"module/{record.name}/remove",
                why="; ".join(remaining[:5]),
                hint=hint,
            )
        work.progress(f"{len(remaining)} objects are going")
        time.sleep(POLL_SECONDS)


def _remaining(client: Client, expected: list[ObjectRef]) -> list[str]:
    found = drift.metadata_by_key(client, expected)
    return [
        f"{name}{_finalizers(found[name])}{_held_by(client, ref)}"
        for name, ref in ((drift.ref_key(ref), ref) for ref in expected)
        if name in found and found[name]["uid"] == ref.uid
    ]


def _finalizers(meta: Object) -> str:
    return f" (finalizers: {', '.join(meta['finalizers'])})" if meta.get("finalizers") else ""


def _held_by(client: Client, ref: ObjectRef) -> str:
    """What a namespace says of itself while it is going: what is left in it, or which API does not answer."""
    if ref.kind != "Namespace":
        return ""
    namespace = client.get(ref.api_version, ref.kind, ref.name) or {}
    conditions = (namespace.get("status") or {}).get("conditions") or ()
    said = [str(one.get("message", "")) for one in conditions if one.get("status") == "True"]
    return f": {'; '.join(said)}" if said else ""


def _pods(client: Client, selectors: Sequence[tuple[str, str]]) -> list[str]:
    return [
        f"pod {namespace}/{pod['metadata']['name']}"
        for namespace, labels in selectors
        for pod in client.list("v1", "Pod", namespace, labels=labels, metadata_only=True)
    ]
