"""Steps of an upgrade: their objects made, waited for, recorded as done, and taken away again.

What a step makes is recorded before it is made, so a run that was killed finds it: a Job that runs is waited for, one
that has ended well is believed, one that failed is made anew. What is recorded as done is never run again, until the
older version has come back.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from slipway.cluster.condition import health
from slipway.cluster.lifecycle import attempts, diagnosis, drift, waiting
from slipway.cluster.lifecycle.upgrading.opened import with_upgrade
from slipway.cluster.lifecycle.work import Work
from slipway.cluster.own import records, settings
from slipway.cluster.rest.client import Client, Object
from slipway.digests import json_digest
from slipway.errors import Interrupted, StepError
from slipway.model.record import ModuleRecord, ObjectRef, UpgradeRecord
from slipway.planning.requests.request import ModuleRequest, UpgradeStepRequest
from slipway.settings import API_GROUP

#: On each object that a step makes: the module's name.
UPGRADE_LABEL: Final = f"{API_GROUP}/upgrade"
#: On the same: of what it was made.
DIGEST_NOTE: Final = f"{API_GROUP}/upgrade-digest"
JOB: Final = ("batch/v1", "Job")
#: So many of one name are kept at most; with all of them there, the first is somebody's.
_KEPT: Final = 100
#: Seconds for objects to go, and between two looks.
_GONE_SECONDS: Final = 120.0
_POLL: Final = 0.2


def run_steps(
    work: Work, request: ModuleRequest, record: ModuleRecord, steps: Iterable[UpgradeStepRequest]
) -> ModuleRecord:
    """Run those that are not recorded as done, in their order; the record, written.

    Raises:
        StepError: one failed, in the words of its pods; its objects are kept, to be looked at.
        Interrupted: stopped; what runs goes on, and is found by the next run.
    """
    for step in steps:
        known = _upgrade(record)
        if step.name not in known.done:
            record = _run(work, _begun(work, request, record, step), step)
        if _upgrade(record).step == step.name:
            discard(work, record)
    return record


def discard(work: Work, record: ModuleRecord) -> None:
    """Take away what the step that was begun last has made, and wait until it is gone."""
    upgrade = record.extra.upgrade
    refs = upgrade.objects if upgrade else ()
    for ref, meta in _own(work.client, record.name, refs):
        work.client.delete(ref.api_version, ref.kind, ref.name, ref.namespace, uid=meta["uid"])
    _await_gone(work, record, refs)


def _run(work: Work, record: ModuleRecord, step: UpgradeStepRequest) -> ModuleRecord:
    """The record, written, that says that the step is done."""
    known = _upgrade(record)
    work.progress(f"{step.name}, of the upgrade from {known.since} to {known.until}")
    for obj, ref in zip(step.objects, known.objects, strict=True):
        _bring(work, record, _marked(record.name, obj, ref), ref)
    pending = waiting.wait_until_healthy(
        work.client,
        known.objects,
        (),
        seconds=step.timeout,
        cancelled=work.cancelled,
        progress=work.progress,
        kinds=work.kinds,
    )
    if pending:
        raise StepError(
            f"{step.name} did not end well, a step of the upgrade of module {record.name} to {known.until}",
            where=_where(record),
            why=diagnosis.diagnose(work.client, known.objects, pending),
        )
    left = () if step.kept else known.objects
    record = with_upgrade(record, replace(known, done=(*known.done, step.name), objects=left))
    records.write_module(work.client, record)
    return record


def _begun(
    work: Work, request: ModuleRequest, record: ModuleRecord, step: UpgradeStepRequest
) -> ModuleRecord:
    """The record, written, that says what the step makes; nothing of an earlier one is there then."""
    known, client = _upgrade(record), work.client
    for release in request.releases:
        if release.create_namespace or release.labels:
            settings.ensure_namespace(client, release.namespace, release.labels)
    refs = attempts.object_refs(client, [{**one} for one in step.objects], request.releases[0].namespace)
    same = known.step == step.name
    if step.kept:
        if same and len(known.objects) == len(refs):
            return record
        refs = _free(client, refs)
    _refuse_foreign(client, record, refs)
    if same and known.objects == refs:
        return record
    discard(work, record)
    begun = with_upgrade(record, replace(known, step=step.name, objects=refs))
    discard(work, begun)  # what an upgrade that no record knows has left
    records.write_module(client, begun)
    return begun


def _free(client: Client, refs: Sequence[ObjectRef]) -> tuple[ObjectRef, ...]:
    """The same by names that nothing has: what was kept of an earlier attempt stays."""
    numbers = ("", *(f"-{number}" for number in range(2, _KEPT)))
    for suffix in numbers:
        found = tuple(replace(ref, name=f"{ref.name}{suffix}") for ref in refs)
        if not drift.metadata_by_key(client, found).keys() & {drift.ref_key(ref) for ref in found}:
            return found
    return tuple(refs)


def _bring(work: Work, record: ModuleRecord, wanted: Object, ref: ObjectRef) -> None:
    """One object as it is wanted. A Job cannot be changed: one that failed, or is of something else, is made anew."""
    if (ref.api_version, ref.kind) == JOB:
        found = work.client.get(*JOB, ref.name, ref.namespace)
        if found and _note(found["metadata"]) == _note(wanted["metadata"]) and not _failed(found):
            return
        if found:
            work.client.delete(*JOB, ref.name, ref.namespace, uid=found["metadata"]["uid"])
            _await_gone(work, record, [ref])
    work.client.apply(wanted, force=True)


def _failed(job: Object) -> bool:
    going = bool(job["metadata"].get("deletionTimestamp"))
    return going or health.status(job).state is health.KStatus.FAILED


def _marked(module: str, obj: Mapping[str, Any], ref: ObjectRef) -> Object:
    """As it is applied: in its namespace, and known again."""
    meta = dict(obj["metadata"])
    meta["labels"] = {**(meta.get("labels") or {}), UPGRADE_LABEL: module}
    meta["annotations"] = {**(meta.get("annotations") or {}), DIGEST_NOTE: json_digest(obj)}
    meta["name"] = ref.name
    if ref.namespace:
        meta["namespace"] = ref.namespace
    return {**obj, "metadata": meta}


def _note(meta: Object) -> str:
    return str((meta.get("annotations") or {}).get(DIGEST_NOTE, ""))


def _refuse_foreign(client: Client, record: ModuleRecord, refs: Sequence[ObjectRef]) -> None:
    """What somebody else has by one of these names is not taken."""
    there = drift.metadata_by_key(client, refs)
    own = {drift.ref_key(ref) for ref, _ in _own(client, record.name, refs)}
    foreign = sorted({drift.ref_key(ref) for ref in refs} & (there.keys() - own))
    if foreign:
        raise StepError(
            f"{foreign[0]} is there, and no upgrade of module {record.name} made it",
            where=_where(record),
            why=f"a step of the upgrade makes what has this name: {', '.join(foreign)}",
            hint="see whose it is, and delete it or give it another name; then run again, it is continued",
        )


def _own(client: Client, module: str, refs: Sequence[ObjectRef]) -> list[tuple[ObjectRef, Object]]:
    """Of these those that are there and that a step made, the last one first, with their metadata."""
    there = drift.metadata_by_key(client, refs)
    found = ((ref, there.get(drift.ref_key(ref)) or {}) for ref in reversed(refs))
    return [(ref, meta) for ref, meta in found if (meta.get("labels") or {}).get(UPGRADE_LABEL) == module]


def _await_gone(work: Work, record: ModuleRecord, refs: Sequence[ObjectRef]) -> None:
    deadline = time.monotonic() + _GONE_SECONDS
    while left := [drift.ref_key(ref) for ref, _ in _own(work.client, record.name, refs)]:
        if work.cancelled():
            raise Interrupted("stopped while objects were going", where=_where(record))
        if time.monotonic() > deadline:
            raise StepError(
                f"what a step of the upgrade of module {record.name} made does not go",
                where=_where(record),
                why="; ".join(left[:5]),
                hint="remove what holds it, then run again",
            )
        time.sleep(_POLL)


def _upgrade(record: ModuleRecord) -> UpgradeRecord:
    """Of a record in which one is open."""
    return record.extra.upgrade or UpgradeRecord("", record.version)


def _where(record: ModuleRecord) -> str:
    return f"module/{record.name}/apply"
