"""What a module's record says of its releases: which stand as wanted, which are half done, what was good last.

In `extra.releases`, by name: `namespace`, `own_namespace`, `revision`; `digest`, of what stands, absent from the moment
an intent to change it is written until that is done; `good`, revision and digest when the module was healthy last.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from slipway.clock import utc_text
from slipway.cluster.lifecycle import attempts, drift
from slipway.cluster.rest.client import Client
from slipway.digests import json_digest
from slipway.model.record import Intent, ModulePhase, ModuleRecord, ObjectRef

ModuleRequest = Mapping[str, Any]


def known_releases(record: ModuleRecord) -> dict[str, dict[str, Any]]:
    """All releases that the record has, those included that are wanted no more."""
    return dict(record.extra.get("releases") or {})


def release_digest(item: Mapping[str, Any]) -> str:
    """What one release is made of. Equal to the record's: Helm has nothing to do."""
    return json_digest(
        {"chart": item["chart"]["digest"], "namespace": item["namespace"], "values": item["values"]}
    )


def releases_to_change(before: ModuleRecord, request: ModuleRequest, *, drifted: bool) -> tuple[str, ...]:
    """Releases that are not known to stand as they are wanted: all of them, once an object is not as recorded."""
    known = known_releases(before)
    return tuple(
        item["name"]
        for item in request["releases"]
        if drifted or known.get(item["name"], {}).get("digest") != release_digest(item)
    )


def begun_record(
    before: ModuleRecord, request: ModuleRequest, intent: Intent, todo: tuple[str, ...]
) -> ModuleRecord:
    """The record while it is worked on: old digest, open intent, and all releases that may come to be."""
    known = known_releases(before)
    releases: dict[str, dict[str, Any]] = {}
    for item in request["releases"]:
        name = item["name"]
        entry = {
            key: value for key, value in known.get(name, {}).items() if key != "digest" or name not in todo
        }
        place = {"namespace": item["namespace"], "own_namespace": item.get("create_namespace", True)}
        releases[name] = {**place, **entry, "good": good_release(before, name)}
    return replace(
        before,
        phase=ModulePhase.APPLYING,
        version=request["version"],
        intent=intent,
        owner=request.get("owner", ""),
        requires=tuple(request.get("requires", ())),
        releases=tuple(releases),
        extra={**before.extra, "releases": {**known, **releases}},
        time=utc_text(),
    )


def good_release(record: ModuleRecord, release: str) -> dict[str, Any]:
    """Revision and digest of a release when the module was healthy last; empty: it never was."""
    known = known_releases(record).get(release, {})
    if record.phase is ModulePhase.HEALTHY and "digest" in known:
        return {"revision": known["revision"], "digest": known["digest"]}
    return dict(known.get("good") or {})


def is_half_done(before: ModuleRecord, release: str) -> bool:
    """Whether an earlier run began with a release and did not come to its end."""
    known = known_releases(before).get(release)
    return known is not None and "digest" not in known


def with_attempts(
    client: Client, record: ModuleRecord, before: ModuleRecord, todo: tuple[str, ...]
) -> ModuleRecord:
    """The record with what attempts left of half done releases: theirs to take away, here or by a removal."""
    owners, found = dict(record.extra.get("objects", {})), list(record.objects)
    for name in (name for name in todo if is_half_done(before, name)):
        left = attempts.left_by_attempts(client, name, known_releases(record)[name]["namespace"])
        found += [ref for ref in left if drift.ref_key(ref) not in owners]
        owners |= {drift.ref_key(ref): name for ref in left}
    return replace(record, objects=tuple(found), extra={**record.extra, "objects": owners})


def with_release(record: ModuleRecord, name: str, known: Mapping[str, Any]) -> ModuleRecord:
    """The record with what is now known of one release; the module's revision is the highest of all."""
    releases = {**known_releases(record), name: dict(known)}
    revision = max((int(item.get("revision", 0)) for item in releases.values()), default=0)
    return replace(record, revision=revision, extra={**record.extra, "releases": releases})


def with_objects(
    client: Client, record: ModuleRecord, objects: Mapping[str, tuple[ObjectRef, ...]], gone: set[str]
) -> ModuleRecord:
    """The record with the objects of changed releases in place of their old ones, with their uids."""
    owners = record.extra.get("objects", {})
    replaced = gone | set(objects)
    kept = [ref for ref in record.objects if owners.get(drift.ref_key(ref)) not in replaced]
    fresh = [ref for refs in objects.values() for ref in refs]
    found = drift.metadata_by_key(client, [*kept, *fresh])
    refs = tuple(
        replace(ref, uid=found.get(drift.ref_key(ref), {}).get("uid", "")) for ref in [*kept, *fresh]
    )
    owners = {drift.ref_key(ref): owners.get(drift.ref_key(ref), "") for ref in kept}
    owners |= {drift.ref_key(ref): name for name, its in objects.items() for ref in its}
    releases = {name: item for name, item in known_releases(record).items() if name not in gone}
    extra = {
        **record.extra,
        "releases": releases,
        "objects": owners,
        "generations": drift.generations(refs, found),
    }
    return replace(record, objects=refs, extra=extra)


def surplus_objects(record: ModuleRecord, release: str, fresh: tuple[ObjectRef, ...]) -> Iterator[ObjectRef]:
    """Objects recorded of a release that it does not consist of any more."""
    owners, keys = record.extra.get("objects", {}), {drift.ref_key(ref) for ref in fresh}
    for ref in record.objects:
        if owners.get(drift.ref_key(ref)) == release and drift.ref_key(ref) not in keys:
            yield ref


def untrusted_record(record: ModuleRecord) -> ModuleRecord:
    """The record of a module that is about to be taken away: where its releases are, and that none of them stands."""
    place = ("namespace", "own_namespace")
    releases = {
        name: {key: known[key] for key in place if key in known}
        for name, known in known_releases(record).items()
    }
    return replace(record, digest="", extra={**record.extra, "releases": releases})
