"""One module made to be as its request says: what the action plugin of playbooks/modules.yml calls.

An intent is written before the first change and the record last, so a run that was killed is continued: releases
that stand already are not touched again. With the intent the record loses the digest of every release that is to be
changed, so nobody takes what is half done for what was there before. A changed module that does not become healthy
goes back to what was good last; a first install that fails is kept, to be looked at and continued.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from slipway.clock import utc_text
from slipway.cluster.lifecycle import attempts, diagnosis, drift, helm, waiting
from slipway.cluster.lifecycle.helm import Deployed, Helm
from slipway.cluster.lifecycle.releases import (
    begun_record,
    release_digest,
    releases_to_change,
    surplus_objects,
    with_attempts,
    with_objects,
    with_release,
)
from slipway.cluster.lifecycle.secrets import with_readers, with_secrets, without_surplus
from slipway.cluster.own import records, settings
from slipway.cluster.rest import credentials
from slipway.cluster.rest.client import Client
from slipway.errors import Interrupted, SlipwayError, StepError
from slipway.model.modulehealth import Kinds
from slipway.model.record import Intent, ModulePhase, ModuleRecord
from slipway.planning.requests.request import ChartRef, ModuleRequest, ReleaseRequest

#: Seconds that a rolled back release gets to be healthy again, before the failure is told.
ROLLBACK_SECONDS = 60.0

#: Of what no plan was made.
NO_PARTS: Final[Mapping[str, str]] = {}


@dataclass(frozen=True, slots=True)
class Work:
    """What it takes to work on modules. `slot` bounds how many Helm programs run at once."""

    client: Client
    helm: Helm
    artifact_path: Callable[[ChartRef], Path]
    cancelled: Callable[[], bool] = lambda: False
    progress: Callable[[str], None] = lambda _: None
    slot: Callable[[], AbstractContextManager[object]] = field(default=nullcontext)
    kinds: Kinds = field(default_factory=dict)
    """What modules declare of the status of kinds."""


def preload() -> None:
    """Import the heavy libraries now: what Ansible's workers find in the process that they are forked from."""
    credentials.import_library()
    import pyhelm3.command  # noqa: F401


def apply_module(
    work: Work, request: ModuleRequest, intent: Intent, parts: Mapping[str, str] = NO_PARTS
) -> ModuleRecord:
    """Install or change a module and wait until it is healthy; its new record.

    `parts`: short digests of the request's parts, by which a later plan names what changed.

    Raises:
        StepError: it is not healthy, with the cluster's own words; the record says so too.
        TransientError: the API or Helm's connection broke; the intent stays open.
        Interrupted: stopped; the intent stays open, the next run continues, and waits for as long as is left.
    """
    before = records.read_module(work.client, request.name) or _new(request.name)
    drifted = any(drift.differences(before, drift.metadata_by_key(work.client, before.objects)))
    todo = releases_to_change(before, request, drifted=drifted)
    record = with_attempts(work.client, begun_record(before, request, intent, todo), before, todo)
    record = _with_waited(record, _waited(before, intent))
    records.write_module(work.client, record)
    try:
        record = with_secrets(work.client, request, record)
        record = _releases(work, request, record, todo)
        record = with_readers(work.client, request, record)
        _healthy(work, request, record)
    except StepError as error:
        if work.cancelled():  # what is about to be changed anyway is not rolled back first
            raise Interrupted("stopped after a failure", why=error.why or error.what) from error
        if not error.retryable:  # what time heals leaves the intent open: the next attempt continues
            _failed(work, request, record, error)
        raise
    done = replace(
        without_surplus(work.client, request, _with_waited(record, 0)),
        phase=ModulePhase.HEALTHY,
        digest=intent.digest,
        parts=dict(parts),
        intent=None,
        message="",
        time=utc_text(),
    )
    records.write_module(work.client, done)
    return done


def _new(name: str) -> ModuleRecord:
    return ModuleRecord(name=name, phase=ModulePhase.APPLYING)


def _waited(before: ModuleRecord, intent: Intent) -> float:
    """Seconds for which a run that was stopped has waited for the same to be healthy."""
    same = before.intent is not None and before.intent.digest == intent.digest
    return before.extra.waited if same else 0.0


def _with_waited(record: ModuleRecord, seconds: float) -> ModuleRecord:
    return replace(record, extra=replace(record.extra, waited=round(seconds, 1)))


def _releases(
    work: Work, request: ModuleRequest, record: ModuleRecord, todo: tuple[str, ...]
) -> ModuleRecord:
    """Bring each release to its digest, in order, and uninstall those that are wanted no more."""
    for item in request.releases:
        if item.name in todo:
            record = _release(work, item, record)
    known = record.extra.releases
    gone = {name for name in known if name not in record.releases}
    for name in gone:
        _uninstall(work, name, known[name].namespace)
    if gone:
        record = with_objects(work.client, record, {}, gone)
        records.write_module(work.client, record)
    return record


def _release(work: Work, item: ReleaseRequest, record: ModuleRecord) -> ModuleRecord:
    """Bring one release to its digest; the record, written, with what then stands."""
    name, namespace, digest = item.name, item.namespace, release_digest(item)
    deployed = _deploy(work, item, digest)
    fresh = attempts.object_refs(work.client, deployed.manifest, namespace)
    attempts.delete_surplus(work.client, name, namespace, surplus_objects(record, name, fresh))
    known = replace(record.extra.releases[name], digest=digest, revision=deployed.revision)
    record = with_objects(work.client, with_release(record, name, known), {name: fresh}, set())
    records.write_module(work.client, record)
    return record


def _deploy(work: Work, item: ReleaseRequest, digest: str) -> Deployed:
    name, namespace = item.name, item.namespace
    work.progress(f"release {name}")
    chart = work.artifact_path(item.chart)
    if item.labels or item.create_namespace:  # one that is there already gets what the module's pods need
        settings.ensure_namespace(work.client, namespace, item.labels)
    state = helm.unlock(work.client, name, namespace)
    if state.startswith("pending") or state == "uninstalling":
        work.progress(f"release {name} was left {state}, it is continued")
    with work.slot():
        return work.helm.install_or_upgrade(
            name, chart, item.values, namespace, description=f"slipway {digest[7:19]}"
        )


def _healthy(work: Work, request: ModuleRequest, record: ModuleRecord) -> None:
    """Wait until it is; where the wait is stopped, the record says how much of the time is used up."""
    health, started, waited = request.health, time.monotonic(), record.extra.waited
    try:
        pending = waiting.wait_until_healthy(
            work.client,
            record.objects,
            health.rules,
            seconds=max(0.0, health.timeout - waited),
            cancelled=work.cancelled,
            progress=work.progress,
            kinds=work.kinds,
        )
    except Interrupted:
        records.write_module(work.client, _with_waited(record, waited + time.monotonic() - started))
        raise
    if pending:
        raise StepError(
            f"module {record.name} did not become healthy in {health.timeout} s",
            where=f"module/{record.name}/apply",
            why=diagnosis.diagnose(work.client, record.objects, pending),
        )


def _failed(work: Work, request: ModuleRequest, record: ModuleRecord, error: StepError) -> None:
    """Write what stands after a failure: rolled back where there was something good, kept otherwise."""
    record = records.read_module(work.client, record.name) or record
    message = str(error.why or error.what)
    record, note = _roll_back(work, request, record)
    kept = "it is kept as it is; mend the cause and run again, it is continued"
    error.hint = error.hint or note or kept
    failed = replace(record, phase=ModulePhase.FAILED, intent=None, message=message[:2000], time=utc_text())
    records.write_module(work.client, failed)


def _roll_back(work: Work, request: ModuleRequest, record: ModuleRecord) -> tuple[ModuleRecord, str]:
    """Every release that was good once and stands otherwise, or half done, goes back to that as a new revision."""
    back = [item for item in reversed(request.releases) if _is_worse(record, item.name)]
    try:
        for item in back:
            record = _back(work, item.name, item.namespace, record)
    except SlipwayError as error:
        return record, f"rolling back failed too: {error.why or error.what}"
    if not back:
        return record, ""
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
    with work.slot():
        work.helm.rollback(release, known.good.revision, namespace)
        deployed = work.helm.status(release, namespace)
    good = replace(known.good, revision=deployed.revision)
    known = replace(known, digest=good.digest, revision=good.revision, good=good)
    fresh = attempts.object_refs(work.client, deployed.manifest, namespace)
    attempts.delete_surplus(work.client, release, namespace, surplus_objects(record, release, fresh))
    return with_objects(work.client, with_release(record, release, known), {release: fresh}, set())


def _uninstall(work: Work, release: str, namespace: str) -> None:
    with work.slot():
        work.helm.uninstall(release, namespace)
