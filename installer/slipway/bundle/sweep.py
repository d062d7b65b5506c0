"""What a registry still holds of former bundles alone, and its removal: manifests here, their blobs by the registry.

Nothing goes but what a former bundle brought, under its digest. What the current bundle has, what pods use, and what
somebody gave a tag of his own stays.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from slipway.bundle import layout
from slipway.bundle import manifest as manifests
from slipway.bundle.crew import Crew
from slipway.bundle.layout import Node
from slipway.bundle.packing import CURRENT, EMPTY_DIGEST, HISTORY, MANIFEST_REPOSITORY, root_digest
from slipway.bundle.registry import RegistryClient
from slipway.bundle.source import bundle_of
from slipway.model.bundle import Artifact, BundleManifest

#: Requests at once.
PARALLEL = 8


@dataclass(frozen=True, slots=True)
class Sweep:
    """What is to go. `bundles`: manifests of former bundles in their own repository.

    `artifacts`: what they brought, for people; `manifests`: (repository, digest), what names others before those;
    `used`: artifacts that stay, since pods use them; `size`: bytes of blobs that nothing else here names.
    """

    bundles: tuple[str, ...] = ()
    artifacts: tuple[str, ...] = ()
    manifests: tuple[tuple[str, str], ...] = ()
    used: tuple[str, ...] = ()
    size: int = 0


def look(client: RegistryClient, used: Collection[str] = ()) -> Sweep:
    """What goes if it is swept; `used`: references (name:tag) of images that run."""
    current, tags = client.head_manifest(MANIFEST_REPOSITORY, CURRENT), client.tags(MANIFEST_REPOSITORY)
    formers = {tag: client.head_manifest(MANIFEST_REPOSITORY, tag) for tag in tags if tag.startswith(HISTORY)}
    formers = {tag: digest for tag, digest in formers.items() if digest and digest != current}
    if not formers or not current:
        return Sweep()
    kept = _read(client, CURRENT).artifacts
    roots = {(artifact.repository, root_digest(artifact)) for artifact in kept}
    candidates: dict[tuple[str, str], Artifact] = {}
    for tag in formers:
        for artifact in _read(client, tag).artifacts:
            if (artifact.repository, root_digest(artifact)) not in roots:
                candidates[artifact.repository, root_digest(artifact)] = artifact
    running = [artifact for artifact in candidates.values() if artifact.reference in used]
    going = [artifact for artifact in candidates.values() if artifact.reference not in used]
    with Crew(PARALLEL, "look") as crew:
        theirs = crew.each(lambda artifact: _nodes(client, artifact.repository, root_digest(artifact)), going)
        staying = [(artifact.repository, root_digest(artifact)) for artifact in (*kept, *running)]
        own = _own_tags(
            client, (*kept, *candidates.values()), {artifact.repository for artifact in going}, crew
        )
        rest = crew.each(lambda place: (place[0], _nodes(client, *place)), [*staying, *own])
    places = {(repository, node.digest) for repository, nodes in rest for node in nodes}
    blobs = {digest for _, nodes in rest for node in nodes for digest in node.blobs} | {EMPTY_DIGEST}
    found = list(_going(zip(going, theirs, strict=True), places))
    sizes = {digest: size for _, nodes in found for node in nodes for digest, size in node.sizes.items()}
    return Sweep(
        bundles=tuple(digest for digest in formers.values() if digest),
        artifacts=tuple(sorted(f"{artifact.kind} {artifact.reference}" for artifact, _ in found)),
        manifests=tuple((artifact.repository, node.digest) for artifact, nodes in found for node in nodes),
        used=tuple(sorted(artifact.reference for artifact in running)),
        size=sum(size for digest, size in sizes.items() if digest not in blobs),
    )


def sweep(client: RegistryClient, found: Sweep) -> int:
    """Delete the manifests, those of former bundles last, so that a kill loses sight of nothing; how many went."""
    gone = sum(client.delete_manifest(*place) for place in found.manifests)
    if not found.used:  # else the bundle is still needed to know what goes once nothing uses it
        for digest in found.bundles:
            client.delete_manifest(MANIFEST_REPOSITORY, digest)
    return gone


def _going(
    candidates: Iterable[tuple[Artifact, tuple[Node, ...]]], kept: Collection[tuple[str, str]]
) -> Iterator[tuple[Artifact, tuple[Node, ...]]]:
    """Artifacts that are there, with their manifests that nothing else needs; indexes before what they name."""
    for artifact, nodes in candidates:
        left = tuple(node for node in reversed(nodes) if (artifact.repository, node.digest) not in kept)
        if left:
            yield artifact, left


def _own_tags(
    client: RegistryClient, ours: Iterable[Artifact], repositories: Collection[str], crew: Crew
) -> list[tuple[str, str]]:
    """(repository, digest) of tags that no bundle of ours brought."""
    known = {(artifact.repository, artifact.version) for artifact in ours}
    names = sorted(repositories)
    listed = zip(names, crew.each(client.tags, names), strict=True)
    others = [(name, tag) for name, tags in listed for tag in tags if (name, tag) not in known]
    digests = crew.each(lambda place: client.head_manifest(*place), others)
    return [(name, digest) for (name, _), digest in zip(others, digests, strict=True) if digest]


def _nodes(client: RegistryClient, repository: str, root: str) -> tuple[Node, ...]:
    """A manifest and what it names; () where it is not there."""
    if not client.head_manifest(repository, root):
        return ()
    return tuple(layout.nodes(root, lambda digest: client.get_manifest(repository, digest)[0]))


def _read(client: RegistryClient, tag: str) -> BundleManifest:
    return manifests.parse(bundle_of(client, tag)[0], f"{client.url}/{MANIFEST_REPOSITORY}:{tag}")
