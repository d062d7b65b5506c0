"""Releases that go, of a module that is removed or wants them no more: seen to be gone, with what came after."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from slipway.catalog import Fate, Removal
from slipway.cluster.lifecycle import drift
from slipway.cluster.lifecycle.attempts import CLAIM, DATA, KEEP
from slipway.cluster.lifecycle.diagnosis import pod_labels
from slipway.cluster.lifecycle.gone import await_gone
from slipway.cluster.lifecycle.losses import fate_of, of_claims
from slipway.cluster.lifecycle.releases import objects_of, with_objects
from slipway.cluster.lifecycle.retaining import mark_kept, release_claims, take_out
from slipway.cluster.lifecycle.work import Work
from slipway.cluster.own import records
from slipway.cluster.own.madesecrets import is_kept
from slipway.cluster.rest.client import Client
from slipway.model.record import ModuleRecord, ObjectRef

#: Of an upgrade: what cannot be made again stays, as of a removal that says nothing of it.
KEEPING = Removal()


@dataclass(frozen=True, slots=True)
class Leaving:
    """Objects that are about to go, as they were before."""

    refs: Sequence[ObjectRef]
    policy: Removal
    pods: Sequence[tuple[str, str]]
    """Namespace and labels of pods that have to be gone: read while their workloads are there."""
    there: frozenset[str]
    """Uids of what was there, under whatever owner."""


def leaving_of(client: Client, refs: Sequence[ObjectRef], policy: Removal) -> Leaving:
    """What is to be known of objects before their releases are uninstalled."""
    there = frozenset(meta["uid"] for meta in drift.metadata_by_key(client, refs).values())
    return Leaving(refs, policy, _pod_selectors(client, refs), there)


def await_left(work: Work, record: ModuleRecord, leaving: Leaving) -> None:
    """Wait until all but what is retained is gone, after its releases were uninstalled.

    Raises:
        StepError: something stays, with its finalizers.
        Interrupted: stopped.
    """
    expected = [ref for ref in leaving.refs if not _is_retained(work.client, ref, leaving.policy)]
    _delete_forgotten(work.client, expected)
    await_gone(work, record, expected, leaving.pods)
    _delete_made_again(work, record, expected, leaving.there)


def without_releases(work: Work, record: ModuleRecord, names: Iterable[str]) -> ModuleRecord:
    """The record, written, of a module without releases that it wants no more: uninstalled, and seen to be gone.

    What they have of claims and definitions stays, and stays recorded: a removal decides what becomes of it.
    """
    for name in names:
        refs, namespace = objects_of(record, name), record.extra.releases[name].namespace
        record = _with_claims_of_sets(work.client, record, name)
        leaving = leaving_of(work.client, refs, KEEPING)
        mark_kept(work.client, refs)
        release_claims(work.client, replace(record, objects=refs))
        take_out(work.client, name, namespace, DATA)
        work.progress(f"uninstalling {name}")
        with work.slot():
            work.helm.uninstall(name, namespace)
        await_left(work, record, leaving)
        record = with_objects(work.client, record, {"": _unowned(work.client, record, name)}, {name})
        records.write_module(work.client, record)
    return record


def _with_claims_of_sets(client: Client, record: ModuleRecord, release: str) -> ModuleRecord:
    """The record, written, with claims that StatefulSets of a release made: once those are gone, nobody finds them.

    One without a volume has nothing in it.
    """
    known = {drift.ref_key(ref) for ref in record.objects}
    alone = replace(record, objects=objects_of(record, release), releases=(release,))
    made = [ref for ref in dict.fromkeys(of_claims(client, alone)) if drift.ref_key(ref) not in known]
    claims = ((ref, client.get(*CLAIM, ref.name, ref.namespace)) for ref in made)
    filled = [ref for ref, claim in claims if claim and claim["spec"].get("volumeName")]
    if filled:
        record = with_objects(client, record, {"": (*objects_of(record, ""), *filled)}, set())
        records.write_module(client, record)
    return record


def _unowned(client: Client, record: ModuleRecord, release: str) -> tuple[ObjectRef, ...]:
    """What is of no release of a record's, once this one is gone: what was before, and the data that it leaves."""
    data = [ref for ref in objects_of(record, release) if (ref.api_version, ref.kind) in DATA]
    there = drift.metadata_by_key(client, data)
    return (*objects_of(record, ""), *(ref for ref in data if drift.ref_key(ref) in there))


def _pod_selectors(client: Client, refs: Sequence[ObjectRef]) -> list[tuple[str, str]]:
    workloads = (
        (ref.namespace, client.get(ref.api_version, ref.kind, ref.name, ref.namespace))
        for ref in refs
        if ref.kind in drift.WATCHED
    )
    found = [(namespace, pod_labels(one)) for namespace, one in workloads if one]
    return [(namespace, labels) for namespace, labels in found if labels]


def _is_retained(client: Client, ref: ObjectRef, policy: Removal) -> bool:
    """Whether the policy, or Helm's own annotation, lets an object stay."""
    if is_kept(ref) and policy.data is not Fate.DELETE:
        return True
    fate = fate_of(ref.api_version, ref.kind, policy)
    if fate is not None:
        return fate is not Fate.DELETE
    found = client.get(ref.api_version, ref.kind, ref.name, ref.namespace)
    notes = (found or {}).get("metadata", {}).get("annotations") or {}
    return notes.get(KEEP) == "keep"


def _delete_forgotten(client: Client, expected: Sequence[ObjectRef]) -> None:
    """What Helm did not know of any more (its release was lost) is deleted by uid."""
    found = drift.metadata_by_key(client, expected)
    for ref in expected:
        meta = found.get(drift.ref_key(ref))
        if meta and meta["uid"] == ref.uid and not meta.get("deletionTimestamp"):
            client.delete(ref.api_version, ref.kind, ref.name, ref.namespace, uid=ref.uid)


def _delete_made_again(
    work: Work, record: ModuleRecord, expected: Sequence[ObjectRef], there: frozenset[str]
) -> None:
    """What a program of the module made anew after Helm had deleted it, and before it went itself.

    Helm deletes Services before the Deployments whose programs keep them. Data and definitions are left to the policy.
    """
    plain = [ref for ref in expected if fate_of(ref.api_version, ref.kind, KEEPING) is None]
    found = drift.metadata_by_key(work.client, plain)
    again = [
        replace(ref, uid=meta["uid"])
        for ref in plain
        if (meta := found.get(drift.ref_key(ref))) and meta["uid"] not in there
    ]
    for ref in again:
        work.client.delete(ref.api_version, ref.kind, ref.name, ref.namespace, uid=ref.uid)
    await_gone(work, record, again)
