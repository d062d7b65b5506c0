"""One module taken away, and what it made verified to be gone. Dependents went before: the plan ordered them.

Custom resources go first, while the controller lives that their finalizers wait for. What is retained is taken out of
Helm's revision before Helm deletes what that has.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from slipway.catalog import Fate, Removal
from slipway.clock import utc_text
from slipway.cluster.lifecycle import drift
from slipway.cluster.lifecycle.attempts import DATA, KEEP
from slipway.cluster.lifecycle.gone import await_gone
from slipway.cluster.lifecycle.losses import fate_of, losses_of, of_claims, of_definitions
from slipway.cluster.lifecycle.releases import untrusted_record
from slipway.cluster.lifecycle.resources import remove_resources
from slipway.cluster.lifecycle.retaining import release_claims, take_out
from slipway.cluster.lifecycle.stages.webhooks import with_webhooks_named
from slipway.cluster.lifecycle.upgrading.steps import discard
from slipway.cluster.lifecycle.work import Work
from slipway.cluster.own import records
from slipway.cluster.own.madesecrets import SECRET, is_kept, secrets_of
from slipway.cluster.rest.client import Client
from slipway.errors import StepError
from slipway.model.record import Intent, ModulePhase, ModuleRecord, ObjectRef
from slipway.planning.requests.request import RemovalRequest
from slipway.settings import NAMESPACE

#: Namespaces that are never deleted, whatever a module says.
PROTECTED = frozenset({"default", "kube-system", "kube-public", "kube-node-lease", "slipway-system"})


def remove_module(work: Work, request: RemovalRequest, intent: Intent) -> None:
    """Uninstall the releases in reverse order, verify, then forget the record. A module that is gone is done.

    Raises:
        StepError: something stays, with its finalizers; the record stays too and says so. Or more would be lost than
            was agreed to: then nothing is changed.
    """
    record = records.read_module(work.client, request.name)
    if record is None:
        return
    policy = request.removal
    _refuse_more(losses_of(work.client, record, policy), request)
    record = replace(
        untrusted_record(record),
        phase=ModulePhase.REMOVING,
        intent=intent,
        objects=_all_objects(work.client, record, policy),
        time=utc_text(),
    )
    records.write_module(work.client, record)
    try:
        _take_away(work, record, policy)
    except StepError as error:
        with_webhooks_named(work.client, error)
        if error.retryable:
            raise
        failed = replace(
            record, phase=ModulePhase.FAILED, intent=None, message=str(error.why or error.what)[:2000]
        )
        records.write_module(work.client, failed)
        raise
    records.delete_module(work.client, record.name)


def _take_away(work: Work, record: ModuleRecord, policy: Removal) -> None:
    pods = _pod_selectors(work.client, record.objects)
    there = _uids(work.client, record.objects)
    discard(work, record)
    remove_resources(work, record, policy)
    if policy.data is not Fate.DELETE:
        release_claims(work.client, record)
    for name in reversed(record.releases):
        work.progress(f"uninstalling {name}")
        take_out(work.client, name, _namespace(record, name), DATA)
        with work.slot():
            work.helm.uninstall(name, _namespace(record, name))
    _delete_secrets(work.client, record, policy)
    expected = [ref for ref in record.objects if not _retained(work.client, ref, policy)]
    _leftovers(work.client, expected)
    await_gone(work, record, expected, pods)
    _made_again(work, record, expected, there)
    _namespaces(work, record, policy)


def _all_objects(client: Client, record: ModuleRecord, policy: Removal) -> tuple[ObjectRef, ...]:
    """What it made, with what no record names until here: claims by templates, definitions of a killed run."""
    more = [
        *(of_claims(client, record) if policy.data is Fate.DELETE else ()),
        *(of_definitions(client, record) if policy.crds is Fate.DELETE else ()),
    ]
    known = {drift.ref_key(ref) for ref in record.objects}
    return (*record.objects, *{ref for ref in more if drift.ref_key(ref) not in known})


def _namespace(record: ModuleRecord, release: str) -> str:
    return record.extra.releases[release].namespace


def _pod_selectors(client: Client, refs: Sequence[ObjectRef]) -> list[tuple[str, str]]:
    """Namespace and labels of the pods that have to be gone: read while their workloads are there."""
    found = []
    for ref in refs:
        if ref.kind not in drift.WATCHED:
            continue
        workload = client.get(ref.api_version, ref.kind, ref.name, ref.namespace)
        labels = ((workload or {}).get("spec", {}).get("selector") or {}).get("matchLabels") or {}
        if labels:
            found.append((ref.namespace, ",".join(f"{key}={value}" for key, value in sorted(labels.items()))))
    return found


def _refuse_more(lost: Iterable[ObjectRef], request: RemovalRequest) -> None:
    agreed = {ref.uid for ref in request.destroys}
    more = [ref for ref in lost if ref.uid not in agreed]
    if more:
        raise StepError(
            f"removing module {request.name} would destroy what the plan does not name",
            where=f"module/{request.name}/remove",
            why=", ".join(drift.ref_key(ref) for ref in more),
            hint="plan again, and agree to that",
        )


def _delete_secrets(client: Client, record: ModuleRecord, policy: Removal) -> None:
    """The copies that charts looked for; with the data, what was made as well."""
    kept = [NAMESPACE] if policy.data is Fate.DELETE else []
    places = {_namespace(record, name) for name in record.releases} | {
        one.namespace for one in record.secrets
    }
    for ref in secrets_of(client, record.name, [*(places - {NAMESPACE}), *kept]):
        client.delete(*SECRET, ref.name, ref.namespace, uid=ref.uid)


def _retained(client: Client, ref: ObjectRef, policy: Removal) -> bool:
    """Whether the policy, or Helm's own annotation, lets an object stay."""
    if is_kept(ref) and policy.data is not Fate.DELETE:
        return True
    fate = fate_of(ref.api_version, ref.kind, policy)
    if fate is not None:
        return fate is not Fate.DELETE
    found = client.get(ref.api_version, ref.kind, ref.name, ref.namespace)
    notes = (found or {}).get("metadata", {}).get("annotations") or {}
    return notes.get(KEEP) == "keep"


def _leftovers(client: Client, expected: list[ObjectRef]) -> None:
    """What Helm did not know of any more (its release was lost) is deleted by uid."""
    found = drift.metadata_by_key(client, expected)
    for ref in expected:
        meta = found.get(drift.ref_key(ref))
        if meta and meta["uid"] == ref.uid and not meta.get("deletionTimestamp"):
            client.delete(ref.api_version, ref.kind, ref.name, ref.namespace, uid=ref.uid)


def _uids(client: Client, refs: Iterable[ObjectRef]) -> set[str]:
    return {meta["uid"] for meta in drift.metadata_by_key(client, refs).values()}


def _made_again(work: Work, record: ModuleRecord, expected: list[ObjectRef], there: set[str]) -> None:
    """What a program of the module made anew after Helm had deleted it, and before it went itself.

    Helm deletes Services before the Deployments whose programs keep them. `there`: uids of what was there before, under
    whatever owner; data and definitions are left to the policy.
    """
    plain = [ref for ref in expected if fate_of(ref.api_version, ref.kind, Removal()) is None]
    found = drift.metadata_by_key(work.client, plain)
    again = [
        replace(ref, uid=meta["uid"])
        for ref in plain
        if (meta := found.get(drift.ref_key(ref))) and meta["uid"] not in there
    ]
    for ref in again:
        work.client.delete(ref.api_version, ref.kind, ref.name, ref.namespace, uid=ref.uid)
    await_gone(work, record, again)


def _namespaces(work: Work, record: ModuleRecord, policy: Removal) -> None:
    """Namespaces made for the module, where nothing of anybody is left in them."""
    if policy.namespace is not Fate.DELETE_IF_EMPTY:
        return
    made = {item.namespace for item in record.extra.releases.values() if item.own_namespace}
    going = [name for name in sorted(made - PROTECTED) if _empty(work.client, name)]
    refs = []
    for name in going:
        found = work.client.get("v1", "Namespace", name)
        if found:
            work.client.delete("v1", "Namespace", name)
            refs.append(ObjectRef("v1", "Namespace", name, uid=found["metadata"]["uid"]))
    await_gone(work, record, refs, [])


#: Kinds whose presence makes a namespace somebody's.
_CONTENT = (
    ("v1", "Pod"),
    ("v1", "PersistentVolumeClaim"),
    ("v1", "Service"),
    ("v1", "ConfigMap"),
    ("v1", "Secret"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "DaemonSet"),
    ("apps/v1", "StatefulSet"),
    ("batch/v1", "Job"),
    ("batch/v1", "CronJob"),
    ("snapshot.storage.k8s.io/v1", "VolumeSnapshot"),
)


def _empty(client: Client, namespace: str) -> bool:
    for api_version, kind in _CONTENT:
        for item in client.list(api_version, kind, namespace, metadata_only=True):
            if item["metadata"]["name"] != "kube-root-ca.crt" and not item["metadata"].get(
                "deletionTimestamp"
            ):
                return False
    return True
