"""Copies a bundle into the site registry, by digest: blobs, then manifests, then tags, the bundle's own manifest last.

So a push that was killed leaves nothing that is wrong, and the next one copies only what is missing. Each blob goes
over the wire once: into the first repository that wants it; the others take it over from there inside the registry.
"""

import hashlib
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from slipway.bundle import layout
from slipway.bundle import manifest as manifests
from slipway.bundle.crew import Crew
from slipway.bundle.delta import Delta
from slipway.bundle.layout import Node, blob_path
from slipway.bundle.packing import (
    CURRENT,
    EMPTY,
    EMPTY_DIGEST,
    MANIFEST_REPOSITORY,
    artifact_manifest,
    file_manifest,
)
from slipway.bundle.registry import RegistryClient
from slipway.bundle.tally import Tally, every
from slipway.errors import BundleError, Interrupted
from slipway.model.bundle import Artifact, ArtifactKind, BundleManifest

#: Seconds between two lines on how far a push is.
SAID_EVERY = 2.0


@dataclass(slots=True)
class PushReceipt:
    """What a push really copied."""

    images_copied: int = 0
    artifacts_copied: int = 0
    blobs_copied: int = 0
    bytes: int = 0
    seconds: float = 0.0


def push(
    source_dir: Path,
    client: RegistryClient,
    *,
    parallel: int = 8,
    progress: Callable[[str], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> PushReceipt:
    """Copy all that the registry lacks; Interrupted when `cancelled` says so between two requests."""
    started = time.monotonic()
    manifest = manifests.read(source_dir)
    client.ping()
    pusher = _Pusher(source_dir, client, progress, cancelled, Delta.read(source_dir, manifest).absent)
    with Crew(parallel, "push") as crew:
        items = crew.each(pusher.look, manifest.artifacts)
        missing = [item for item in items if not item.there]
        pusher.plan(item for item in items if item.there)
        blobs = pusher.left(missing)
        tally = Tally(sum(blob.size for blob in blobs), every(SAID_EVERY, progress))
        crew.each(lambda blob: pusher.blob(blob, tally), blobs)
        crew.each(pusher.artifact, missing)
    pusher.bundle(manifest)
    pusher.receipt.seconds = round(time.monotonic() - started, 3)
    return pusher.receipt


@dataclass(frozen=True, slots=True)
class _Item:
    """An artifact with the manifests that make it, its own last, and whether the registry has it."""

    artifact: Artifact
    nodes: tuple[Node, ...]
    there: bool

    @property
    def blobs(self) -> Iterable[str]:
        return (digest for node in self.nodes for digest in node.blobs)


@dataclass(frozen=True, slots=True)
class _Blob:
    digest: str
    repository: str
    source: Path | bytes
    size: int


@dataclass(slots=True)
class _Pusher:
    """One push; its methods run in several threads."""

    root: Path
    client: RegistryClient
    progress: Callable[[str], None]
    cancelled: Callable[[], bool]
    absent: Mapping[str, str]
    receipt: PushReceipt = field(default_factory=PushReceipt)
    _homes: dict[str, str] = field(default_factory=dict)
    """Blob -> a repository that has it."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def look(self, artifact: Artifact) -> _Item:
        """Read it, and ask for it under its tag."""
        self._check_cancelled()
        nodes = self._nodes(artifact)
        there = self.client.head_manifest(artifact.repository, artifact.version) == nodes[-1].digest
        return _Item(artifact, nodes, there)

    def _nodes(self, artifact: Artifact) -> tuple[Node, ...]:
        if artifact.kind is not ArtifactKind.IMAGE:
            return (layout.node_of(file_manifest(artifact)),)
        try:
            return tuple(layout.nodes(artifact.digest, layout.reader(self.root)))
        except (ValueError, KeyError, TypeError) as exc:
            where = str(self.root / artifact.path)
            hint = "build it again from a source that you trust"
            raise BundleError(
                f"{artifact.reference} is no image", where=where, why=str(exc), hint=hint
            ) from exc

    def plan(self, held: Iterable[_Item]) -> None:
        """Remember where the registry has which blob: a manifest that is there has all of its own."""
        self._homes |= {digest: item.artifact.repository for item in held for digest in item.blobs}

    def left(self, missing: Iterable[_Item]) -> list[_Blob]:
        """Blobs that no artifact has that is there, each once, the largest first."""
        found: dict[str, _Blob] = {}
        for item in missing:
            for digest in item.blobs:
                if digest not in self._homes and digest not in found:
                    found[digest] = self._described(item.artifact, digest)
        return sorted(found.values(), key=lambda blob: -blob.size)

    def blob(self, blob: _Blob, tally: Tally) -> None:
        """Copy one blob into the first repository that wants it."""
        self._check_cancelled()
        if not self.client.blob_exists(blob.repository, blob.digest):
            self._put(blob, self.absent.get(blob.digest, ""))
        self._homes[blob.digest] = blob.repository
        tally.add(blob.size)

    def artifact(self, item: _Item) -> None:
        """Let its repository have every blob, then put its manifests."""
        artifact = item.artifact
        for digest in item.blobs:
            self._check_cancelled()
            home = self._homes[digest]
            if home != artifact.repository:
                self._put(self._described(artifact, digest), home)
        for node in item.nodes[:-1]:
            self.client.put_manifest(artifact.repository, node.digest, node.text, node.media_type)
        last = item.nodes[-1]
        self.client.put_manifest(artifact.repository, artifact.version, last.text, last.media_type)
        with self._lock:
            if artifact.kind is ArtifactKind.IMAGE:
                self.receipt.images_copied += 1
            else:
                self.receipt.artifacts_copied += 1
        self.progress(f"{artifact.kind} {artifact.reference}")

    def bundle(self, manifest: BundleManifest) -> None:
        """The bundle's manifest, which makes all the rest the site's current one."""
        self._check_cancelled()
        data = (self.root / manifests.FILE).read_bytes()
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        beside = self.root / manifests.SIGNATURE
        signature = beside.read_text(encoding="utf-8") if beside.is_file() else ""
        text = artifact_manifest("bundle", manifests.FILE, digest, len(data), signature)
        node = layout.node_of(text)
        if self.client.head_manifest(MANIFEST_REPOSITORY, CURRENT) == node.digest:
            return
        for blob, source in ((EMPTY_DIGEST, EMPTY), (digest, data)):
            self._put(_Blob(blob, MANIFEST_REPOSITORY, source, len(source)), self._homes.get(blob, ""))
        self.client.put_manifest(MANIFEST_REPOSITORY, CURRENT, node.text, node.media_type)
        self.progress(f"bundle {manifest.name}")

    def _described(self, artifact: Artifact, digest: str) -> _Blob:
        if digest == EMPTY_DIGEST:
            return _Blob(digest, artifact.repository, EMPTY, len(EMPTY))
        image = artifact.kind is ArtifactKind.IMAGE
        path = self.root / (blob_path(digest) if image else artifact.path)
        if digest in self.absent:
            return _Blob(digest, artifact.repository, path, 0)
        try:
            return _Blob(digest, artifact.repository, path, path.stat().st_size)
        except OSError as exc:
            raise layout.missing(digest, path, exc) from exc

    def _put(self, blob: _Blob, home: str) -> None:
        """Have the registry take it over from `home`, or upload it."""
        if home and self.client.mount_blob(blob.repository, blob.digest, home):
            return
        if blob.digest in self.absent:
            raise _no_fit(blob.digest, self.client.url)
        try:
            self.client.put_blob(blob.repository, blob.digest, blob.source)
        except OSError as exc:
            raise layout.missing(blob.digest, self.root, exc) from exc
        with self._lock:
            self.receipt.blobs_copied += 1
            self.receipt.bytes += blob.size

    def _check_cancelled(self) -> None:
        if self.cancelled():
            raise Interrupted("the push was stopped", hint="run it again: it goes on where it stopped")


def _no_fit(digest: str, url: str) -> BundleError:
    hint = (
        "carry the whole bundle, or a delta since a new inventory: slipway bundle inventory -f cluster.yaml"
    )
    why = f"it leaves {digest} out, which the registry does not have"
    return BundleError("the delta does not fit this site", where=url, why=why, hint=hint)
