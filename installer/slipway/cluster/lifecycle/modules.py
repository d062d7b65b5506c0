"""One module made to be as its request says: what the action plugin of playbooks/modules.yml calls.

An intent is written before the first change and the record last, so a run that was killed is continued: releases
that stand already are not touched again. With the intent the record loses the digest of every release that is to be
changed, so nobody takes what is half done for what was there before. A changed module that does not become healthy
goes back to what was good last; a first install that fails is kept, to be looked at and continued.
"""

import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Final

from slipway.clock import utc_text
from slipway.cluster.lifecycle import attempts, diagnosis, drift, helm, waiting
from slipway.cluster.lifecycle.definitions.applying import apply_definitions
from slipway.cluster.lifecycle.definitions.carried import Carried, defines_alone
from slipway.cluster.lifecycle.goingback import write_failed
from slipway.cluster.lifecycle.helm import Deployed
from slipway.cluster.lifecycle.leaving import without_releases
from slipway.cluster.lifecycle.preparing import definitions_of
from slipway.cluster.lifecycle.releases import (
    begun_record,
    objects_of,
    refused_record,
    release_digest,
    releases_to_change,
    surplus_objects,
    with_attempts,
    with_former_data,
    with_objects,
    with_release,
)
from slipway.cluster.lifecycle.retaining import mark_kept
from slipway.cluster.lifecycle.secrets import with_readers, with_secrets, without_surplus
from slipway.cluster.lifecycle.sizes import size_message, stored_bytes
from slipway.cluster.lifecycle.stages.between import Between, await_stage
from slipway.cluster.lifecycle.stages.webhooks import with_webhooks_named
from slipway.cluster.lifecycle.upgrading.opened import steps_left, with_opened, with_upgrade
from slipway.cluster.lifecycle.upgrading.steps import discard, run_steps
from slipway.cluster.lifecycle.work import Work
from slipway.cluster.own import records, settings
from slipway.errors import Interrupted, StepError
from slipway.model.record import Intent, ModulePhase, ModuleRecord
from slipway.planning.requests.request import ModuleRequest, ReleaseRequest, UpgradeRequest

#: Of what no plan was made.
NO_PARTS: Final[Mapping[str, str]] = {}


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
    definitions = _prepared(work, request, before, todo)
    begun = partial(_begun, work, request, intent, before)
    record = begun(before, () if steps_left(with_opened(before, before, request), request.upgrade) else todo)
    own = request.upgrade or UpgradeRequest()
    try:
        record = with_secrets(work.client, request, record)
        if steps_left(record, request.upgrade):
            record = begun(run_steps(work, request, record, own.before), todo)
        record = _releases(work, request, record, definitions)
        record = with_readers(work.client, request, record)
        _healthy(work, request, record)
        record = run_steps(work, request, record, own.after)
        discard(work, record)
    except StepError as error:
        with_webhooks_named(work.client, error)
        if work.cancelled():  # what is about to be changed anyway is not rolled back first
            raise Interrupted("stopped after a failure", why=error.why or error.what) from error
        if not error.retryable:  # what time heals leaves the intent open: the next attempt continues
            write_failed(work, request, before, error)
        raise
    done = replace(
        without_surplus(work.client, request, with_upgrade(_with_waited(record, 0), None)),
        phase=ModulePhase.HEALTHY,
        digest=intent.digest,
        parts=dict(parts),
        intent=None,
        message=size_message(record),
        time=utc_text(),
    )
    records.write_module(work.client, done)
    return done


def _begun(
    work: Work,
    request: ModuleRequest,
    intent: Intent,
    before: ModuleRecord,
    record: ModuleRecord,
    todo: tuple[str, ...],
) -> ModuleRecord:
    """The record, written, of which these releases are about to be changed. `before`: as the run has found it."""
    made = with_attempts(work.client, begun_record(record, request, intent, todo), before, todo)
    made = with_opened(_with_waited(made, _waited(before, intent)), record, request)
    records.write_module(work.client, made)
    return made


def _prepared(
    work: Work, request: ModuleRequest, before: ModuleRecord, todo: tuple[str, ...]
) -> Mapping[str, tuple[Carried, ...]]:
    """The definitions of what is to be changed; where that is refused, the record says so and all stays as it was."""
    try:
        return definitions_of(work, request, before, todo)
    except StepError as error:
        if not error.retryable and not before.intent:
            records.write_module(work.client, refused_record(before, str(error.why or error.what)))
        raise


def _new(name: str) -> ModuleRecord:
    return ModuleRecord(name=name, phase=ModulePhase.APPLYING)


def _waited(before: ModuleRecord, intent: Intent) -> float:
    """Seconds for which a run that was stopped has waited for the same to be healthy."""
    same = before.intent is not None and before.intent.digest == intent.digest
    return before.extra.waited if same else 0.0


def _with_waited(record: ModuleRecord, seconds: float) -> ModuleRecord:
    return replace(record, extra=replace(record.extra, waited=round(seconds, 1)))


def _releases(
    work: Work, request: ModuleRequest, record: ModuleRecord, definitions: Mapping[str, tuple[Carried, ...]]
) -> ModuleRecord:
    """Bring each release to its digest, in order, and uninstall those that are wanted no more.

    `definitions`: of those that are to be changed.
    """
    left = [item for item in request.releases if item.name in definitions]
    for before, item in zip((None, *request.releases), request.releases, strict=False):
        if before and left:  # what comes after the last one that changes is there already
            record = _staged(work, Between(record, before, item, _seconds_left(request, record)))
        if left and item is left[0]:
            record = _release(work, request, item, record, definitions[item.name])
            left.pop(0)
    wanted_no_more = [name for name in record.extra.releases if name not in record.releases]
    return without_releases(work, record, wanted_no_more)


def _staged(work: Work, between: Between) -> ModuleRecord:
    """The record after the wait between two releases; where that is stopped, it says how long it was."""
    started = time.monotonic()
    try:
        await_stage(work, between)
    except Interrupted:
        waited = between.record.extra.waited + time.monotonic() - started
        records.write_module(work.client, _with_waited(between.record, waited))
        raise
    return between.record


def _seconds_left(request: ModuleRequest, record: ModuleRecord) -> float:
    return max(0.0, request.health.timeout - record.extra.waited)


def _release(
    work: Work,
    request: ModuleRequest,
    item: ReleaseRequest,
    record: ModuleRecord,
    carried: tuple[Carried, ...],
) -> ModuleRecord:
    """Bring one release, and before it its definitions, to its digest; the record, written, with what then stands."""
    name, namespace, digest = item.name, item.namespace, release_digest(item)
    definitions = apply_definitions(work, record, item, carried, _seconds_left(request, record))
    mark_kept(work.client, objects_of(record, name))
    deployed = _deploy(work, item, digest)
    made = attempts.object_refs(work.client, deployed.manifest, namespace)
    fresh = with_former_data(work.client, record, name, (*definitions, *made))
    attempts.delete_surplus(work.client, name, namespace, surplus_objects(record, name, fresh))
    known = replace(
        record.extra.releases[name],
        digest=digest,
        revision=deployed.revision,
        bytes=stored_bytes(work, item, deployed.revision),
    )
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
            name,
            chart,
            item.values,
            namespace,
            description=f"slipway {digest[7:19]}",
            skip_crds=defines_alone(chart),
        )


def _healthy(work: Work, request: ModuleRequest, record: ModuleRecord) -> None:
    """Wait until it is; where the wait is stopped, the record says how much of the time is used up."""
    health, started, waited = request.health, time.monotonic(), record.extra.waited
    try:
        pending = waiting.wait_until_healthy(
            work.client,
            record.objects,
            health.rules,
            seconds=_seconds_left(request, record),
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
