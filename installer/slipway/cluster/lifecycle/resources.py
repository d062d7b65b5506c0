"""Custom resources of a module that goes: they go first, while the controller lives that their finalizers wait for."""

from slipway.catalog.modules import Fate, Removal
from slipway.cluster.lifecycle import drift
from slipway.cluster.lifecycle.attempts import DEFINITION
from slipway.cluster.lifecycle.gone import await_gone
from slipway.cluster.lifecycle.losses import behind
from slipway.cluster.lifecycle.work import Work
from slipway.cluster.rest.client import Client, Object
from slipway.model.record import ModuleRecord, ObjectRef

_HINT = "its controller has to let it go: see its logs; or take the finalizers away by hand; then run again"


def remove_resources(work: Work, record: ModuleRecord, policy: Removal) -> None:
    """Delete those that the releases have, and with definitions all others of these kinds; wait until they are gone.

    Raises:
        StepError: one stays, with its finalizers; or the API server may not delete it.
        Interrupted: stopped.
    """
    found = drift.metadata_by_key(work.client, custom_resources(work.client, record))
    going = [ref for ref in custom_resources(work.client, record) if _is(ref, found)]
    if policy.crds is Fate.DELETE:
        definitions = [ref for ref in record.objects if (ref.api_version, ref.kind) == DEFINITION]
        going += [ref for one in definitions for ref in behind(work.client, one) if ref not in going]
    if not going:
        return
    work.progress(f"{len(going)} custom resources go before their controller")
    for ref in going:
        work.client.delete(ref.api_version, ref.kind, ref.name, ref.namespace, uid=ref.uid)
    await_gone(work, record, going, hint=_HINT)


def custom_resources(client: Client, record: ModuleRecord) -> tuple[ObjectRef, ...]:
    """Objects of a record whose kind somebody has defined."""
    defined = {item["metadata"]["name"] for item in client.list(*DEFINITION, metadata_only=True)}
    return tuple(ref for ref in record.objects if _definition(client, ref) in defined)


def _is(ref: ObjectRef, found: dict[str, Object]) -> bool:
    """Whether the very object is there that was recorded."""
    meta = found.get(drift.ref_key(ref))
    return meta is not None and meta["uid"] == ref.uid


def _definition(client: Client, ref: ObjectRef) -> str:
    """The name that its definition would have."""
    resource = client.resource(ref.api_version, ref.kind) if "/" in ref.api_version else None
    return f"{resource.plural}.{ref.api_version.partition('/')[0]}" if resource else ""
