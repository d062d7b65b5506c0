"""Images from registries of the Internet, by the digests of a lock, into a bundle: several blobs at a time, resumed."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from slipway.bundle.form import layout
from slipway.bundle.form.layout import Blob, StoredManifest, blob_path
from slipway.bundle.form.writer import Writer
from slipway.bundle.ground.crew import Crew
from slipway.bundle.ground.disk import require_room
from slipway.bundle.ground.tally import Tally
from slipway.bundle.licences.images import stated_licence
from slipway.bundle.locks.images import Locked
from slipway.bundle.registry.upstream import UpstreamImage, Upstreams
from slipway.errors import BundleError
from slipway.model.bundle import Artifact, ArtifactKind

PARALLEL = 8
#: Bytes of an image's configuration, which are read into memory.
CONFIG_LIMIT = 4 << 20


@dataclass(frozen=True, slots=True)
class Pulled:
    """An image that is in the bundle, or of which only the blobs are missing."""

    artifact: Artifact
    place: UpstreamImage
    nodes: tuple[StoredManifest, ...]
    """Its manifests, its own last."""

    @property
    def blobs(self) -> dict[str, int]:
        """Digests with sizes."""
        return {digest: size for node in self.nodes for digest, size in node.sizes.items()}


def pull(
    wanted: Iterable[Locked],
    upstreams: Upstreams,
    writer: Writer,
    progress: Callable[[Tally], None],
    unread: Collection[str] = (),
) -> list[Pulled]:
    """Fetch images; what is in the bundle already is not fetched again, nor the part of a blob that has arrived.

    `unread`: names of those whose digests no lock has, and were read for this bundle.

    Raises:
        BundleError: one is not at its source any more, or the disk is too small: then nothing was fetched.
    """
    with Crew(PARALLEL, "pull") as crew:
        images = crew.each(lambda item: _described(item, upstreams, unread=item.image in unread), wanted)
        tasks = list(_tasks(images, writer))
        require_room(writer.out, sum(size for _, _, size in tasks))
        tally = Tally(sum(size for _, _, size in tasks), progress)
        crew.each(lambda task: _fetch(task, writer, tally), tasks)
    for image in images:
        for node in image.nodes:
            writer.blob(Blob(node.digest, len(node.text), data=node.text))
    return [
        replace(image, artifact=replace(image.artifact, licence=_licence(image, writer))) for image in images
    ]


def _licence(image: Pulled, writer: Writer) -> str:
    """What its manifests and configurations state."""
    configs = [node.data["config"] for node in image.nodes if "config" in node.data]
    small = [str(config["digest"]) for config in configs if int(config["size"]) <= CONFIG_LIMIT]
    return stated_licence(
        [*(node.text for node in image.nodes), *(_blob(image.place, digest, writer) for digest in small)]
    )


def _blob(place: UpstreamImage, digest: str, writer: Writer) -> bytes:
    """Of the bundle; from its source where that is left out: a delta says what the whole bundle says."""
    path = writer.out / blob_path(digest)
    return place.client.read_blob(place.repository, digest) if writer.leave_out(digest) else path.read_bytes()


def _described(locked: Locked, upstreams: Upstreams, *, unread: bool) -> Pulled:
    place = upstreams.place(locked.image)

    def read(digest: str) -> bytes:
        return place.client.get_manifest(place.repository, digest)[0]

    try:
        nodes = tuple(layout.manifests_below(locked.digest, read))
    except (ValueError, KeyError, TypeError) as exc:
        raise BundleError("this is no image", where=f"{locked.source}@{locked.digest}", why=str(exc)) from exc
    size = sum(len(node.text) + sum(node.sizes.values()) for node in nodes)
    artifact = Artifact(
        kind=ArtifactKind.IMAGE,
        name=locked.name,
        version=locked.version,
        digest=locked.digest,
        size=size,
        path=blob_path(locked.digest),
        platform=locked.platform,
        origin=f"{locked.source}, {f'locked on {locked.read}' if locked.read else 'read by the build'}",
        unread=unread,
    )
    return Pulled(artifact, place, nodes)


def _tasks(images: Iterable[Pulled], writer: Writer) -> Iterator[tuple[UpstreamImage, str, int]]:
    """Blobs that are not there yet, each once, the largest first."""
    found: dict[str, tuple[UpstreamImage, str, int]] = {}
    for image in images:
        for digest, size in image.blobs.items():
            if not writer.has(digest):
                found.setdefault(digest, (image.place, digest, size))
    return iter(sorted(found.values(), key=lambda task: -task[2]))


def _fetch(task: tuple[UpstreamImage, str, int], writer: Writer, tally: Tally) -> None:
    place, digest, size = task

    def fetch(path: Path) -> None:
        place.client.get_blob(place.repository, digest, path, tally.add, size=size)

    writer.fetch(digest, fetch)
