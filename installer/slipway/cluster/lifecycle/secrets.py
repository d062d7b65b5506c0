"""A module's secrets: there before the first release that needs them, read anew by its pods after they changed.

What was made is kept in slipway-system (`own.madesecrets`), what is given is the site's; the Secret in which the charts
look is a copy, which is written again by every apply. Values are in memory here and go to the API server alone.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from slipway.cluster.lifecycle import drift
from slipway.cluster.lifecycle.releases import with_objects
from slipway.cluster.own import madesecrets, records, settings
from slipway.cluster.own.madesecrets import SECRET
from slipway.cluster.own.secretstore import SecretReader
from slipway.cluster.rest.client import Client, Object
from slipway.digests import json_digest
from slipway.errors import StepError
from slipway.model.modulesecrets import SecretRequest
from slipway.model.record import ModuleRecord, ObjectRef, SecretRecord
from slipway.planning.requests.request import ModuleRequest
from slipway.settings import API_GROUP, NAMESPACE

#: On the pod template of workloads that were restarted: which versions of secrets they have read.
READ = f"{API_GROUP}/secrets"

#: How a pod's spec says which Secret it takes: field that holds the name, by the field it stands in.
_MENTIONS = {"secret": ("secretName", "name"), "secretRef": ("name",), "secretKeyRef": ("name",)}


def secret_requests(request: ModuleRequest) -> tuple[SecretRequest, ...]:
    """The secrets that a module's request names."""
    return tuple(request.module_secrets.values())


def with_secrets(client: Client, request: ModuleRequest, record: ModuleRecord) -> ModuleRecord:
    """Every secret where the charts look for it; the record, written, with those that were not known.

    Raises:
        StepError: a Secret of that name is somebody else's; what was made once is lost.
        ConfigurationError: the site does not have what it is to give.
    """
    wanted = secret_requests(request)
    if not wanted:
        return record
    known = {one.entry: one for one in record.secrets}
    ours = frozenset(ref.uid for ref in record.objects)
    refs = [ref for one in wanted for ref in _brought(client, request, one, known.get(one.entry), ours)]
    placed = {drift.ref_key(ref) for ref in refs}
    others = tuple(ref for ref in record.objects if drift.ref_key(ref) not in placed)
    standing = {one.entry: _record_of(one, known.get(one.entry)) for one in wanted}
    record = replace(record, objects=(*others, *refs), secrets=tuple({**known, **standing}.values()))
    record = with_objects(client, record, {}, set())
    records.write_module(client, record)
    return record


def with_readers(client: Client, request: ModuleRequest, record: ModuleRecord) -> ModuleRecord:
    """The record, written, once the workloads that take a changed secret are restarted."""
    wanted = {one.entry: one for one in secret_requests(request)}
    stale = {one.entry for one in record.secrets if one.entry in wanted and _is_stale(one, wanted)}
    if not stale:
        return record
    _restart(client, record, stale, wanted)
    read = tuple(
        replace(one, version=wanted[one.entry].version) if one.entry in stale else one
        for one in record.secrets
    )
    record = with_objects(client, replace(record, secrets=read), {}, set())
    records.write_module(client, record)
    return record


def without_surplus(client: Client, request: ModuleRequest, record: ModuleRecord) -> ModuleRecord:
    """The record without secrets that nothing asks for any more, and their copies gone; what was made is kept."""
    wanted = {one.entry: one for one in secret_requests(request)}
    placed = {drift.object_key(*SECRET, one.namespace, one.name) for one in wanted.values()}
    placed |= {drift.ref_key(_kept_ref(request.name, one)) for one in wanted.values() if one.made}
    owners = record.extra.objects
    surplus = {
        ref
        for ref in record.objects
        if (ref.api_version, ref.kind) == SECRET
        and not owners.get(drift.ref_key(ref))  # else a chart's own
        and drift.ref_key(ref) not in placed
    }
    for ref in surplus:
        if not madesecrets.is_kept(ref):
            client.delete(*SECRET, ref.name, ref.namespace, uid=ref.uid)
    return replace(
        record,
        objects=tuple(ref for ref in record.objects if ref not in surplus),
        secrets=tuple(one for one in record.secrets if one.entry in wanted),
    )


def _kept_ref(module: str, request: SecretRequest) -> ObjectRef:
    return ObjectRef(*SECRET, madesecrets.made_name(module, request.entry), NAMESPACE)


def _is_stale(known: SecretRecord, wanted: Mapping[str, SecretRequest]) -> bool:
    return known.version != wanted[known.entry].version


def _record_of(request: SecretRequest, known: SecretRecord | None) -> SecretRecord:
    """What stands; of one that stood before, pods still have what they read last."""
    version = known.version if known else request.version
    return SecretRecord(
        entry=request.entry,
        namespace=request.namespace,
        name=request.name,
        version=version,
        rotation=request.rotation,
        keys=tuple(sorted(request.keys)),
        made=bool(request.made),
    )


def _brought(
    client: Client,
    module: ModuleRequest,
    request: SecretRequest,
    known: SecretRecord | None,
    ours: frozenset[str],
) -> Iterator[ObjectRef]:
    """The objects of one secret, once they are as they have to be. `ours`: uids of what the record has."""
    name = module.name
    copy = client.get(*SECRET, request.name, request.namespace)
    recorded = copy is not None and copy["metadata"]["uid"] in ours
    _refuse_foreign(client, name, request, copy, recorded=recorded)
    values = {key: _given(client, request, key) for key in request.given}
    if request.made:
        lost = known is not None and known.made and known.rotation == request.rotation
        values |= madesecrets.made_values(client, name, request, copy, lost=lost)
        yield _kept_ref(name, request)
    _ensure_namespace(client, module, request.namespace)
    client.apply(madesecrets.document(request.name, request.namespace, name, request, values), force=True)
    yield ObjectRef(*SECRET, request.name, request.namespace)


def _given(client: Client, request: SecretRequest, key: str) -> bytes:
    source = request.given[key]
    return SecretReader(client, source.namespace).read(f"{source.name}/{source.key}")


def _refuse_foreign(
    client: Client, module: str, request: SecretRequest, copy: Object | None, *, recorded: bool
) -> None:
    """Who wrote what is there? Labels alone say it of no value that would be taken for one that was made."""
    labels = (copy or {}).get("metadata", {}).get("labels") or {}
    marked = madesecrets.labels_of(module, request.entry).items() <= labels.items()
    if copy is None or (marked and (recorded or not request.made)):
        return
    if marked and client.get(*SECRET, madesecrets.made_name(module, request.entry), NAMESPACE):
        return
    place = f"{request.namespace}/{request.name}"
    raise StepError(
        f"there is a Secret {place} that is not Slipway's",
        where=f"secret/{place}",
        why=f"module {module} looks for its secret {request.entry} there, and it would be written over",
        hint=f"give its values instead (spec.modules.{module}.secrets.{request.entry}.given), then remove it",
    )


def _ensure_namespace(client: Client, module: ModuleRequest, namespace: str) -> None:
    """As the release that comes there next has it."""
    labels = next((one.labels for one in module.releases if one.namespace == namespace), {})
    settings.ensure_namespace(client, namespace, labels)


def _restart(
    client: Client,
    record: ModuleRecord,
    stale: Collection[str],
    wanted: Mapping[str, SecretRequest],
) -> None:
    """Roll the recorded workloads whose pods take one of the stale secrets. One that has read it is left alone."""
    for ref in (ref for ref in record.objects if ref.kind in drift.WATCHED):
        found = client.get(ref.api_version, ref.kind, ref.name, ref.namespace)
        spec = (found or {}).get("spec", {}).get("template", {}).get("spec") or {}
        taken = {
            one.entry for one in wanted.values() if one.namespace == ref.namespace and takes(spec, one.name)
        }
        if found and taken & {*stale}:
            read = json_digest({entry: wanted[entry].version for entry in sorted(taken)})[7:23]
            client.apply(_annotated(ref, found["metadata"]["uid"], read), force=True)


def _annotated(ref: ObjectRef, uid: str, read: str) -> Object:
    return {
        "apiVersion": ref.api_version,
        "kind": ref.kind,
        "metadata": {"name": ref.name, "namespace": ref.namespace, "uid": uid},
        "spec": {"template": {"metadata": {"annotations": {READ: read}}}},
    }


def takes(spec: Any, secret: str) -> bool:
    """Whether a pod's spec takes a Secret: as a volume, alone or projected, or into the environment."""
    if isinstance(spec, list):
        return any(takes(item, secret) for item in spec)
    if not isinstance(spec, Mapping):
        return False
    for field, value in spec.items():
        if field in _MENTIONS and isinstance(value, Mapping):
            if any(value.get(name) == secret for name in _MENTIONS[field]):
                return True
        elif takes(value, secret):
            return True
    return False
