"""One module taken away, and what it made verified to be gone. Dependents went before: the plan ordered them.

Custom resources go first, while the controller lives that their finalizers wait for. What is retained is taken out of
Helm's revision before Helm deletes what that has.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace

from slipway.catalog import Fate, Removal
from slipway.clock import utc_text
from slipway.cluster.lifecycle import drift
from slipway.cluster.lifecycle.attempts import DATA, DEFINITION
from slipway.cluster.lifecycle.gone import await_gone
from slipway.cluster.lifecycle.leaving import await_left, leaving_of
from slipway.cluster.lifecycle.losses import losses_of, of_claims, of_definitions
from slipway.cluster.lifecycle.releases import untrusted_record
from slipway.cluster.lifecycle.resources import remove_resources
from slipway.cluster.lifecycle.retaining import release_claims, take_out
from slipway.cluster.lifecycle.stages.webhooks import with_webhooks_named
from slipway.cluster.lifecycle.upgrading.steps import discard
from slipway.cluster.lifecycle.work import Work
from slipway.cluster.own import records
from slipway.cluster.own.madesecrets import SECRET, secrets_of
from slipway.cluster.rest.client import Client
from slipway.errors import StepError, TransientError
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
    leaving = leaving_of(work.client, record.objects, policy)
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
    await_left(work, record, leaving)
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


#: Kinds of Kubernetes whose presence makes a namespace somebody's.
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
    ("networking.k8s.io/v1", "Ingress"),
)


def _empty(client: Client, namespace: str) -> bool:
    """Whether nobody has anything in a namespace; custom resources are asked for last, of all kinds there are."""
    return not (
        any(_is_there(client, *kind, namespace) for kind in _CONTENT)
        or any(_may_be_there(client, *kind, namespace) for kind in _custom_kinds(client))
    )


def _is_there(client: Client, api_version: str, kind: str, namespace: str) -> bool:
    found = (item["metadata"] for item in client.list(api_version, kind, namespace, metadata_only=True))
    return any(meta["name"] != "kube-root-ca.crt" and not meta.get("deletionTimestamp") for meta in found)


def _may_be_there(client: Client, api_version: str, kind: str, namespace: str) -> bool:
    """The same of a custom resource. Where it cannot be said, one is there: of none there is nothing to convert."""
    try:
        return _is_there(client, api_version, kind, namespace)
    except (StepError, TransientError):
        return True


def _custom_kinds(client: Client) -> Iterator[tuple[str, str]]:
    """ApiVersion and kind of all that definitions define in namespaces.

    A group that cannot be read is passed over: no namespace goes while an API does not answer.
    """
    names = {one["metadata"]["name"] for one in client.list(*DEFINITION, metadata_only=True)}
    defined = {name.partition(".")[2] for name in names}
    for group in client.call("GET", "/apis").get("groups") or ():
        if group["name"] not in defined:
            continue
        version = group["preferredVersion"]["groupVersion"]
        with suppress(TransientError):
            for one in client.call("GET", f"/apis/{version}", missing={}).get("resources") or ():
                if one["namespaced"] and f"{one['name']}.{group['name']}" in names:
                    yield version, one["kind"]
