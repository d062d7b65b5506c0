"""What becomes of a module whose step failed: back to what was good last, or kept to be looked at and continued."""

from dataclasses import replace

from slipway.clock import utc_text
from slipway.cluster.lifecycle import attempts, waiting
from slipway.cluster.lifecycle.releases import (
    objects_of,
    surplus_objects,
    with_former_data,
    with_objects,
    with_release,
)
from slipway.cluster.lifecycle.retaining import mark_kept
from slipway.cluster.lifecycle.upgrading.opened import rolled_back, worked_on
from slipway.cluster.lifecycle.work import Work
from slipway.cluster.own import records
from slipway.errors import Interrupted, SlipwayError, StepError
from slipway.model.record import ModulePhase, ModuleRecord
from slipway.planning.requests.request import ModuleRequest

#: Seconds that a rolled back release gets to be healthy again, before the failure is told.
ROLLBACK_SECONDS = 60.0


def write_failed(work: Work, request: ModuleRequest, before: ModuleRecord, error: StepError) -> None:
    """Write what stands after a failure: rolled back where there was something good, kept otherwise.

    `before`: as the run has found it.
    """
    record = records.read_module(work.client, before.name) or before
    message = str(error.why or error.what)
    gone = sorted(before.extra.releases.keys() - record.extra.releases.keys())
    record, note = _roll_back(work, request, record)
    if note and gone:
        note = (
            f"{note}; {', '.join(gone)} was uninstalled before, and comes back with the older version alone"
        )
    kept = "it is kept as it is; mend the cause and run again, it is continued"
    error.hint = error.hint or note or kept
    failed = replace(record, phase=ModulePhase.FAILED, intent=None, message=message[:2000], time=utc_text())
    records.write_module(work.client, failed)


def _roll_back(work: Work, request: ModuleRequest, record: ModuleRecord) -> tuple[ModuleRecord, str]:
    """Every release that was good once and stands otherwise, or half done, goes back to that as a new revision.

    Not where the module says that what it was before cannot come back.
    """
    back = [item for item in reversed(request.releases) if _is_worse(record, item.name)]
    if back and request.upgrade and (why := request.upgrade.no_way_back):
        return record, f"it is not rolled back: {why}; mend the cause and run again, it is continued"
    try:
        for item in back:
            record = _back(work, item.name, item.namespace, record)
    except SlipwayError as error:
        return record, f"rolling back failed too: {error.why or error.what}"
    if not back:
        return worked_on(record), ""
    record = rolled_back(record)
    try:
        pending = waiting.wait_until_healthy(
            work.client,
            record.objects,
            (),
            seconds=ROLLBACK_SECONDS,
            cancelled=work.cancelled,
            kinds=work.kinds,
        )
    except Interrupted:
        return record, "it was rolled back; an edit came meanwhile"
    outcome = "is not healthy yet" if pending else "is healthy again"
    return record, f"it was rolled back and {outcome}; correct the ClusterConfiguration and run again"


def _is_worse(record: ModuleRecord, release: str) -> bool:
    """Whether a release has something good to go back to."""
    known = record.extra.releases[release]
    return bool(known.good.digest) and known.digest != known.good.digest


def _back(work: Work, release: str, namespace: str, record: ModuleRecord) -> ModuleRecord:
    """One release as it was when it was good last; the record with what then stands."""
    known = record.extra.releases[release]
    mark_kept(work.client, objects_of(record, release))
    with work.slot():
        work.helm.rollback(release, known.good.revision, namespace)
        deployed = work.helm.status(release, namespace)
    good = replace(known.good, revision=deployed.revision)
    known = replace(known, digest=good.digest, revision=good.revision, good=good)
    made = attempts.object_refs(work.client, deployed.manifest, namespace)
    fresh = with_former_data(work.client, record, release, made)
    attempts.delete_surplus(work.client, release, namespace, surplus_objects(record, release, fresh))
    return with_objects(work.client, with_release(record, release, known), {release: fresh}, set())
