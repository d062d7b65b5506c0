"""One module made to be as its request says: what the action plugin of playbooks/modules.yml calls.

An intent is written before the first change and the record last, so a run that was killed is continued: releases
that stand already are not touched again. An upgrade that does not become healthy is rolled back; a first install
that fails is kept, to be looked at and continued.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from slipway.catalog.digests import of_data
from slipway.cluster import credentials, drift, helm, records, settings, waiting
from slipway.cluster.client import Client, Object
from slipway.cluster.helm import Deployed, Helm
from slipway.errors import SlipwayError, StepError
from slipway.model.record import Intent, ModuleRecord, ObjectRef

#: Seconds that a rolled back release gets to be healthy again, before the failure is told.
ROLLBACK_SECONDS = 60.0

Request = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Work:
    """What it takes to work on modules. `slot` bounds how many Helm programs run at once."""

    client: Client
    helm: Helm
    artifact_path: Callable[[Mapping[str, Any]], Path]
    cancelled: Callable[[], bool] = lambda: False
    progress: Callable[[str], None] = lambda _: None
    slot: Callable[[], AbstractContextManager[object]] = field(default=nullcontext)


def preload() -> None:
    """Import the heavy libraries now: what Ansible's workers find in the process that they are forked from."""
    credentials.library()
    import pyhelm3.command  # noqa: F401


def apply_module(work: Work, request: Request, intent: Intent) -> ModuleRecord:
    """Install or change a module and wait until it is healthy; its new record.

    Raises:
        StepError: it is not healthy, with the cluster's own words; the record says so too.
        TransientError: the API or Helm's connection broke; the intent stays open.
        Interrupted: stopped; the intent stays open, the next run continues.
    """
    before = records.read_module(work.client, request["name"]) or _new(request["name"])
    record = _begun(before, request, intent)
    records.write_module(work.client, record)
    changed: list[str] = []
    try:
        record = _releases(work, request, record, changed)
        _healthy(work, request, record)
    except StepError as error:
        if not error.retryable:  # what time heals leaves the intent open: the next attempt continues
            _failed(work, request, before, record, changed, error)
        raise
    done = replace(
        record,
        phase="Healthy",
        digest=intent.digest,
        parts=dict(request.get("parts", {})),
        intent=None,
        message="",
        time=records.now(),
    )
    records.write_module(work.client, done)
    return done


def _new(name: str) -> ModuleRecord:
    return ModuleRecord(name=name, phase="Applying", extra={"releases": {}})


def _begun(before: ModuleRecord, request: Request, intent: Intent) -> ModuleRecord:
    """The record while it is worked on: old digest, open intent, and all releases that may come to be."""
    known = before.extra.get("releases", {})
    releases = {
        item["name"]: {
            "namespace": item["namespace"],
            "own_namespace": item.get("create_namespace", True),
            **known.get(item["name"], {}),
        }
        for item in request["releases"]
    }
    return replace(
        before,
        phase="Applying",
        version=request["version"],
        intent=intent,
        owner=request.get("owner", ""),
        requires=tuple(request.get("requires", ())),
        releases=tuple(releases),
        extra={**before.extra, "releases": {**known, **releases}},
        time=records.now(),
    )


def release_digest(item: Mapping[str, Any]) -> str:
    """What one release is made of. Equal to the record's: Helm has nothing to do."""
    return of_data(
        {"chart": item["chart"]["digest"], "namespace": item["namespace"], "values": item["values"]}
    )


def _releases(work: Work, request: Request, record: ModuleRecord, changed: list[str]) -> ModuleRecord:
    """Bring each release to its digest, in order; the record with what then stands."""
    drifted = list(drift.compare(record, drift.metadata(work.client, record.objects)))
    objects: dict[str, tuple[ObjectRef, ...]] = {}
    for item in request["releases"]:
        known = record.extra["releases"][item["name"]]
        digest = release_digest(item)
        if known.get("digest") == digest and not drifted:
            continue
        deployed = _deploy(work, item, digest)
        changed.append(item["name"])
        objects[item["name"]] = references(work.client, deployed.manifest, item["namespace"])
        known = {**known, "digest": digest, "revision": deployed.revision}
        record = _with_release(record, item["name"], known)
    gone = [name for name in record.extra["releases"] if name not in record.releases]
    for name in gone:
        _uninstall(work, name, record.extra["releases"][name]["namespace"])
    if not changed and not gone:
        return record
    record = _with_objects(work.client, record, objects, set(gone))
    records.write_module(work.client, record)
    return record


def _deploy(work: Work, item: Mapping[str, Any], digest: str) -> Deployed:
    name, namespace = item["name"], item["namespace"]
    work.progress(f"release {name}")
    chart = work.artifact_path(item["chart"])
    if item.get("create_namespace", True):
        settings.ensure_namespace(work.client, namespace, item.get("labels"))
    state = helm.unlock(work.client, name, namespace)
    if state.startswith("pending") or state == "uninstalling":
        work.progress(f"release {name} was left {state}, it is continued")
    with work.slot():
        return work.helm.install_or_upgrade(
            name, chart, item["values"], namespace, description=f"slipway {digest[7:19]}"
        )


def references(client: Client, manifest: tuple[Object, ...], namespace: str) -> tuple[ObjectRef, ...]:
    """The objects of a manifest; those without a namespace of their own are in the release's."""
    found = []
    for item in manifest:
        place = client.resource(item["apiVersion"], item["kind"])
        own = item["metadata"].get("namespace") or namespace
        inside = own if place is None or place.namespaced else ""
        passing = (item.get("spec") or {}).get("ttlSecondsAfterFinished") is not None
        name = item["metadata"]["name"]
        found.append(ObjectRef(item["apiVersion"], item["kind"], name, inside, passing=passing))
    return tuple(found)


def _with_release(record: ModuleRecord, name: str, known: Mapping[str, Any]) -> ModuleRecord:
    releases = {**record.extra["releases"], name: dict(known)}
    revision = max((int(item.get("revision", 0)) for item in releases.values()), default=0)
    return replace(record, revision=revision, extra={**record.extra, "releases": releases})


def _with_objects(
    client: Client, record: ModuleRecord, objects: Mapping[str, tuple[ObjectRef, ...]], gone: set[str]
) -> ModuleRecord:
    """The record with the objects of changed releases in place of their old ones, with their uids."""
    owners = record.extra.get("objects", {})
    replaced = gone | set(objects)
    kept = [ref for ref in record.objects if owners.get(drift.ref_key(ref)) not in replaced]
    fresh = [ref for refs in objects.values() for ref in refs]
    found = drift.metadata(client, [*kept, *fresh])
    refs = tuple(
        replace(ref, uid=found.get(drift.ref_key(ref), {}).get("uid", "")) for ref in [*kept, *fresh]
    )
    owners = {drift.ref_key(ref): owners.get(drift.ref_key(ref), "") for ref in kept}
    owners |= {drift.ref_key(ref): name for name, its in objects.items() for ref in its}
    releases = {name: item for name, item in record.extra["releases"].items() if name not in gone}
    extra = {
        **record.extra,
        "releases": releases,
        "objects": owners,
        "generations": drift.generations(refs, found),
    }
    return replace(record, objects=refs, extra=extra)


def _healthy(work: Work, request: Request, record: ModuleRecord) -> None:
    rules = request["health"]
    pending = waiting.wait(
        work.client,
        record.objects,
        rules.get("rules", ()),
        seconds=float(rules.get("timeout", 300)),
        cancelled=work.cancelled,
        progress=work.progress,
    )
    if pending:
        raise StepError(
            f"module {record.name} did not become healthy in {rules.get('timeout', 300)} s",
            where=f"module/{record.name}/apply",
            why=waiting.diagnose(work.client, record.objects, pending),
        )


def _failed(
    work: Work,
    request: Request,
    before: ModuleRecord,
    record: ModuleRecord,
    changed: list[str],
    error: StepError,
) -> None:
    """Write what stands after a failure: rolled back where there was something good, kept otherwise."""
    record = records.read_module(work.client, record.name) or record
    message = str(error.why or error.what)
    if before.phase == "Healthy" and before.digest:
        record, note = _roll_back(work, request, before, record, changed)
        error.hint = error.hint or note
    else:
        error.hint = error.hint or "it is kept as it is; mend the cause and run again, it is continued"
    failed = replace(record, phase="Failed", intent=None, message=message[:2000], time=records.now())
    records.write_module(work.client, failed)


def _roll_back(
    work: Work, request: Request, before: ModuleRecord, record: ModuleRecord, changed: list[str]
) -> tuple[ModuleRecord, str]:
    """Every release that had a good revision goes back to it."""
    objects: dict[str, tuple[ObjectRef, ...]] = {}
    try:
        for item in reversed(request["releases"]):
            name, namespace = item["name"], item["namespace"]
            known = before.extra["releases"].get(name, {})
            if name not in changed or "revision" not in known:
                continue
            with work.slot():
                work.helm.rollback(name, known["revision"], namespace)
                deployed = work.helm.status(name, namespace)
            record = _with_release(record, name, {**known, "revision": deployed.revision})
            objects[name] = references(work.client, deployed.manifest, namespace)
    except SlipwayError as error:
        return record, f"rolling back failed too: {error.why or error.what}"
    if not objects:
        return record, ""
    record = _with_objects(work.client, record, objects, set())
    pending = waiting.wait(work.client, record.objects, (), seconds=ROLLBACK_SECONDS)
    outcome = "is not healthy yet" if pending else "is healthy again"
    return record, f"it was rolled back and {outcome}; correct the ClusterConfiguration and run again"


def _uninstall(work: Work, release: str, namespace: str) -> None:
    with work.slot():
        work.helm.uninstall(release, namespace)
