"""What a registry still holds of former bundles alone, and its removal: manifests here, their blobs by the registry.

Nothing goes but what a former bundle brought, under its digest. What the current bundle has, what pods use, and what
somebody gave a tag of his own stays. Signatures and other referrers live as long as what they are about, whoever
pushed them.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from slipway.bundle.form import layout
from slipway.bundle.form.layout import StoredManifest
from slipway.bundle.form.packing import CURRENT, EMPTY_DIGEST, HISTORY, MANIFEST_REPOSITORY, root_digest
from slipway.bundle.ground.crew import Crew
from slipway.bundle.registry import referrers
from slipway.bundle.registry.client import RegistryClient
from slipway.bundle.site.source import bundle_of
from slipway.model.bundle import Artifact, BundleManifest

#: Requests at once.
PARALLEL = 8
#: Repository, and digest or tag.
ManifestPlace = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Sweep:
    """What is to go. `bundles`: manifests of former bundles in their own repository.

    `artifacts`: what they brought, for people; `manifests`: what names others, or hangs at them, before those;
    `used`: artifacts that stay, since pods use them; `size`: bytes of blobs that nothing else here names.
    """

    bundles: tuple[str, ...] = ()
    artifacts: tuple[str, ...] = ()
    manifests: tuple[ManifestPlace, ...] = ()
    used: tuple[str, ...] = ()
    size: int = 0


def sweep_of(client: RegistryClient, used: Collection[str] = (), beside: Collection[Artifact] = ()) -> Sweep:
    """What goes if it is swept; `used`: references (name:tag) of images that run; `beside`: what else stays."""
    current, tags = client.head_manifest(MANIFEST_REPOSITORY, CURRENT), client.tags(MANIFEST_REPOSITORY)
    formers = {tag: client.head_manifest(MANIFEST_REPOSITORY, tag) for tag in tags if tag.startswith(HISTORY)}
    formers = {tag: digest for tag, digest in formers.items() if digest and digest != current}
    if not formers or not current:
        return Sweep()
    kept = (*_read(client, CURRENT).artifacts, *beside)
    roots = {(artifact.repository, root_digest(artifact)) for artifact in kept}
    candidates: dict[ManifestPlace, Artifact] = {}
    for tag in formers:
        for artifact in _read(client, tag).artifacts:
            if (artifact.repository, root_digest(artifact)) not in roots:
                candidates[artifact.repository, root_digest(artifact)] = artifact
    running = [artifact for artifact in candidates.values() if artifact.reference in used]
    going = [artifact for artifact in candidates.values() if artifact.reference not in used]
    goes, stays = _divided(client, going, [*kept, *running])
    blobs = {digest for node in stays.values() for digest in node.blobs} | {EMPTY_DIGEST}
    sizes = {digest: size for node in goes.values() for digest, size in node.sizes.items()}
    named = [item for item in going if (item.repository, root_digest(item)) in goes]
    return Sweep(
        bundles=tuple(digest for digest in formers.values() if digest),
        artifacts=tuple(sorted(f"{artifact.kind} {artifact.reference}" for artifact in named)),
        manifests=tuple(goes),
        used=tuple(sorted(artifact.reference for artifact in running)),
        size=sum(size for digest, size in sizes.items() if digest not in blobs),
    )


def _divided(
    client: RegistryClient, going: Collection[Artifact], staying: Collection[Artifact]
) -> tuple[dict[ManifestPlace, StoredManifest], dict[ManifestPlace, StoredManifest]]:
    """Manifests that go, in the order in which they do, and those that stay: with all that hangs at them."""
    roots, kept = ([(item.repository, root_digest(item)) for item in items] for items in (going, staying))
    known = {(item.repository, item.tag) for item in (*going, *staying)}
    with Crew(PARALLEL, "look") as crew:
        own, beside = _tags(client, known, {repository for repository, _ in roots}, crew)
        hanging = _read_all(crew, beside, lambda place: _hanging(client, *place))
        goes = _manifests(_read_all(crew, roots, lambda place: _nodes(client, *place)))
        stays = _manifests(_read_all(crew, [*kept, *own], lambda place: _nodes(client, *place)))
    follow = _following({*roots, *goes}, hanging)
    # What hangs at something that no bundle brought is no matter of ours.
    others = {place: nodes for place, nodes in hanging.items() if place not in {*roots, *goes, *follow}}
    stays |= _following(stays, hanging) | _manifests(others)
    return {place: node for place, node in {**follow, **goes}.items() if place not in stays}, stays


def sweep(client: RegistryClient, found: Sweep) -> int:
    """Delete the manifests, those of former bundles last, so that a kill loses sight of nothing; how many went."""
    gone = sum(client.delete_manifest(*place) for place in found.manifests)
    if not found.used:  # else the bundle is still needed to know what goes once nothing uses it
        for digest in found.bundles:
            client.delete_manifest(MANIFEST_REPOSITORY, digest)
    return gone


def _read_all(
    crew: Crew, places: Iterable[ManifestPlace], read: Callable[[ManifestPlace], tuple[StoredManifest, ...]]
) -> dict[ManifestPlace, tuple[StoredManifest, ...]]:
    found = list(places)
    return dict(zip(found, crew.each(read, found), strict=True))


def _manifests(
    found: Mapping[ManifestPlace, tuple[StoredManifest, ...]],
) -> dict[ManifestPlace, StoredManifest]:
    """Each by its own place, what names others before those."""
    return {(place[0], node.digest): node for place, nodes in found.items() for node in reversed(nodes)}


def _following(
    places: Collection[ManifestPlace], hanging: Mapping[ManifestPlace, tuple[StoredManifest, ...]]
) -> dict[ManifestPlace, StoredManifest]:
    """What hangs at manifests, and at that in turn: what hangs before what it hangs at."""
    found: dict[ManifestPlace, StoredManifest] = {}
    todo = [place for place in places if place in hanging]
    while todo:
        place = todo.pop()
        new = _manifests({place: hanging[place]})
        todo += [each for each in new if each in hanging and each not in found]
        found = {**new, **found}
    return found


def _tags(
    client: RegistryClient, known: Collection[ManifestPlace], repositories: Iterable[str], crew: Crew
) -> tuple[list[ManifestPlace], list[ManifestPlace]]:
    """Tags that no bundle of ours brought, and manifests (by digest) beside which there are tags."""
    names = sorted(repositories)
    listed = zip(names, crew.each(client.tags, names), strict=True)
    tags = [(name, tag) for name, found in listed for tag in found]
    beside = {(name, subject) for name, tag in tags if (subject := referrers.subject_of(tag))}
    own = [place for place in tags if place not in known and not referrers.subject_of(place[1])]
    return own, sorted(beside)


def _hanging(client: RegistryClient, repository: str, digest: str) -> tuple[StoredManifest, ...]:
    """All that hangs at a manifest."""
    tags = (referrers.list_tag(digest), *referrers.tags_beside(digest))
    return tuple(node for tag in tags for node in _nodes(client, repository, tag))


def _nodes(
    client: RegistryClient, repository: str, root: str, depth: int = layout.DEPTH
) -> tuple[StoredManifest, ...]:
    """A manifest and what it names, itself last; without what is not there."""
    if not (depth and client.head_manifest(repository, root)):
        return ()
    node = layout.stored_manifest(client.get_manifest(repository, root)[0])
    below = [each for child in node.children for each in _nodes(client, repository, child, depth - 1)]
    return (*below, node)


def _read(client: RegistryClient, tag: str) -> BundleManifest:
    return bundle_of(client, tag).manifest
