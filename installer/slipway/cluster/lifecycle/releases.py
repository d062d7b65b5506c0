"""What a module's record says of its releases: which stand as wanted, which are half done, what was good last."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from slipway.clock import utc_text
from slipway.cluster.lifecycle import attempts, drift
from slipway.cluster.rest.client import Client
from slipway.digests import json_digest
from slipway.model.record import (
    GoodRevision,
    Intent,
    ModulePhase,
    ModuleRecord,
    ObjectRef,
    ReleaseRecord,
)
from slipway.planning.requests.request import ModuleRequest, ReleaseRequest


def release_digest(item: ReleaseRequest) -> str:
    """What one release is made of. Equal to the record's: Helm has nothing to do."""
    return json_digest({"chart": item.chart.digest, "namespace": item.namespace, "values": item.values})


def releases_to_change(before: ModuleRecord, request: ModuleRequest, *, drifted: bool) -> tuple[str, ...]:
    """Releases that are not known to stand as they are wanted: all of them, once an object is not as recorded."""
    known = before.extra.releases
    return tuple(
        item.name
        for item in request.releases
        if drifted or item.name not in known or known[item.name].digest != release_digest(item)
    )


def begun_record(
    before: ModuleRecord, request: ModuleRequest, intent: Intent, todo: tuple[str, ...]
) -> ModuleRecord:
    """The record while it is worked on: old digest, open intent, and all releases that may come to be."""
    known = before.extra.releases
    releases = {item.name: _begun(before, item, changing=item.name in todo) for item in request.releases}
    return replace(
        before,
        phase=ModulePhase.APPLYING,
        version=request.version,
        intent=intent,
        owner=request.owner,
        requires=request.requires,
        releases=tuple(releases),
        extra=replace(before.extra, releases={**known, **releases}),
        time=utc_text(),
    )


def _begun(before: ModuleRecord, item: ReleaseRequest, *, changing: bool) -> ReleaseRecord:
    """One release of it: where it is already, else where it will be."""
    new = ReleaseRecord(item.namespace, item.create_namespace)
    entry = replace(before.extra.releases.get(item.name, new), good=good_revision(before, item.name))
    return replace(entry, digest="") if changing else entry


def refused_record(before: ModuleRecord, message: str) -> ModuleRecord:
    """The record of a module of which nothing was changed: it stands as it did, and what was wanted cannot be."""
    releases = {
        name: replace(known, good=good_revision(before, name))
        for name, known in before.extra.releases.items()
    }
    return replace(
        before,
        phase=ModulePhase.FAILED,
        message=message[:2000],
        extra=replace(before.extra, releases=releases),
        time=utc_text(),
    )


def good_revision(record: ModuleRecord, release: str) -> GoodRevision:
    """A release when the module was healthy last."""
    known = record.extra.releases.get(release)
    if known is None:
        return GoodRevision()
    if record.phase is ModulePhase.HEALTHY and known.digest:
        return GoodRevision(known.revision, known.digest)
    return known.good


def is_half_done(before: ModuleRecord, release: str) -> bool:
    """Whether an earlier run began with a release and did not come to its end."""
    known = before.extra.releases.get(release)
    return known is not None and known.half_done


def with_attempts(
    client: Client, record: ModuleRecord, before: ModuleRecord, todo: tuple[str, ...]
) -> ModuleRecord:
    """The record with what attempts left of half done releases: theirs to take away, here or by a removal."""
    owners, found = dict(record.extra.objects), list(record.objects)
    for name in (name for name in todo if is_half_done(before, name)):
        left = attempts.left_by_attempts(client, name, record.extra.releases[name].namespace)
        found += [ref for ref in left if drift.ref_key(ref) not in owners]
        owners |= {drift.ref_key(ref): name for ref in left}
    return replace(record, objects=tuple(found), extra=replace(record.extra, objects=owners))


def with_release(record: ModuleRecord, name: str, known: ReleaseRecord) -> ModuleRecord:
    """The record with what is now known of one release; the module's revision is the highest of all."""
    releases = {**record.extra.releases, name: known}
    revision = max(item.revision for item in releases.values())
    return replace(record, revision=revision, extra=replace(record.extra, releases=releases))


def with_objects(
    client: Client, record: ModuleRecord, objects: Mapping[str, tuple[ObjectRef, ...]], gone: set[str]
) -> ModuleRecord:
    """The record with the objects of changed releases in place of their old ones, with their uids.

    Data that is of no release any more (owner: none) is forgotten once somebody has deleted it.
    """
    owners = record.extra.objects
    replaced = gone | set(objects)
    stays = [ref for ref in record.objects if owners.get(drift.ref_key(ref)) not in replaced]
    fresh = [ref for refs in objects.values() for ref in refs]
    found = drift.metadata_by_key(client, [*stays, *fresh])
    kept = [ref for ref in stays if owners.get(drift.ref_key(ref)) or drift.ref_key(ref) in found]
    refs = tuple(
        replace(ref, uid=found.get(drift.ref_key(ref), {}).get("uid", "")) for ref in [*kept, *fresh]
    )
    owners = {drift.ref_key(ref): owners.get(drift.ref_key(ref), "") for ref in kept}
    owners |= {drift.ref_key(ref): name for name, its in objects.items() for ref in its}
    releases = {name: item for name, item in record.extra.releases.items() if name not in gone}
    generations = drift.generations(refs, found)
    details = replace(record.extra, releases=releases, objects=owners, generations=generations)
    return replace(record, objects=refs, extra=details)


def objects_of(record: ModuleRecord, release: str) -> tuple[ObjectRef, ...]:
    """What a record has of one release."""
    owners = record.extra.objects
    return tuple(ref for ref in record.objects if owners.get(drift.ref_key(ref)) == release)


def surplus_objects(record: ModuleRecord, release: str, fresh: tuple[ObjectRef, ...]) -> Iterator[ObjectRef]:
    """Objects recorded of a release that it does not consist of any more."""
    keys = {drift.ref_key(ref) for ref in fresh}
    yield from (ref for ref in objects_of(record, release) if drift.ref_key(ref) not in keys)


def with_former_data(
    client: Client, record: ModuleRecord, release: str, fresh: tuple[ObjectRef, ...]
) -> tuple[ObjectRef, ...]:
    """The objects of a release, each once; with them the claims and definitions that it had before, where they are.

    They stay recorded: a removal decides what becomes of them.
    """
    every = {drift.ref_key(ref): ref for ref in fresh}
    former = [
        ref for ref in surplus_objects(record, release, fresh) if (ref.api_version, ref.kind) in attempts.DATA
    ]
    there = drift.metadata_by_key(client, former)
    return (*every.values(), *(ref for ref in former if drift.ref_key(ref) in there))


def untrusted_record(record: ModuleRecord) -> ModuleRecord:
    """The record of a module that is about to be taken away: where its releases are, and that none of them stands."""
    releases = {
        name: ReleaseRecord(known.namespace, known.own_namespace)
        for name, known in record.extra.releases.items()
    }
    return replace(record, digest="", extra=replace(record.extra, releases=releases))
