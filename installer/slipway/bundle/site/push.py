"""Copies a bundle into the site registry, by digest: blobs, then manifests, then tags, the bundle's own manifest last.

So a push that was killed leaves nothing that is wrong, and the next one copies only what is missing. Each blob goes
over the wire once: into the first repository that wants it; the others take it over from there inside the registry.
"""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from slipway.bundle.form import layout
from slipway.bundle.form import manifest as manifests
from slipway.bundle.form.layout import StoredManifest
from slipway.bundle.form.packing import (
    CURRENT,
    EMPTY,
    EMPTY_DIGEST,
    HISTORY,
    MANIFEST_REPOSITORY,
    artifact_manifest,
    manifests_of,
)
from slipway.bundle.ground.crew import Crew
from slipway.bundle.ground.tally import Tally, every
from slipway.bundle.registry.client import RegistryClient
from slipway.bundle.registry.referrers import Listing
from slipway.bundle.site.stock import DirectoryStock, Stock
from slipway.digests import digest_of
from slipway.errors import BundleError, Interrupted
from slipway.model.bundle import Artifact, ArtifactKind

#: Seconds between two lines on how far a push is.
SAID_EVERY = 2.0


@dataclass(slots=True)
class PushReceipt:
    """What a push really copied."""

    images_copied: int = 0
    artifacts_copied: int = 0
    blobs_copied: int = 0
    bytes: int = 0
    manifest: str = ""
    """Digest under which the registry has the bundle.yaml."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class ManifestHome:
    """Where a pushed bundle.yaml is found afterwards: under a tag of its own digest, and under `further` ones."""

    repository: str
    further: tuple[str, ...] = ()


#: A site's bundle, which from then on is its current one.
SITE_BUNDLE: Final = ManifestHome(MANIFEST_REPOSITORY, (CURRENT,))


def push(
    source: Path | Stock,
    client: RegistryClient,
    *,
    home: ManifestHome = SITE_BUNDLE,
    parallel: int = 8,
    progress: Callable[[str], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> PushReceipt:
    """Copy all that the registry lacks; Interrupted when `cancelled` says so between two requests."""
    started = time.monotonic()
    stock = DirectoryStock(source) if isinstance(source, Path) else source
    bundle = stock.bundle()
    manifest = bundle.manifest
    client.ping()
    pusher = _Pusher(stock, client, progress, cancelled, Listing(client))
    with Crew(parallel, "push") as crew:
        items = crew.each(pusher.look, manifest.artifacts)
        missing = [item for item in items if not item.there]
        pusher.plan(item for item in items if item.there)
        blobs = pusher.left(missing)
        tally = Tally(sum(blob.size for blob in blobs), every(SAID_EVERY, progress))
        crew.each(lambda blob: pusher.blob(blob, tally), blobs)
        crew.each(pusher.artifact, missing)
        crew.each(pusher.listing.write, pusher.listing.subjects)
    pusher.bundle(manifest.name, bundle.text, bundle.signature, home)
    pusher.receipt.seconds = round(time.monotonic() - started, 3)
    return pusher.receipt


@dataclass(frozen=True, slots=True)
class _Item:
    """An artifact with the manifests that make it, its own last, and whether the registry has it, and lists it."""

    artifact: Artifact
    nodes: tuple[StoredManifest, ...]
    there: bool

    @property
    def blobs(self) -> dict[str, int]:
        """Digests with sizes."""
        return {digest: size for node in self.nodes for digest, size in node.sizes.items()}


@dataclass(frozen=True, slots=True)
class _Blob:
    digest: str
    size: int
    artifact: Artifact


@dataclass(slots=True)
class _Pusher:
    """One push; its methods run in several threads."""

    stock: Stock
    client: RegistryClient
    progress: Callable[[str], None]
    cancelled: Callable[[], bool]
    listing: Listing
    receipt: PushReceipt = field(default_factory=PushReceipt)
    _homes: dict[str, str] = field(default_factory=dict)
    """Blob -> a repository that has it."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def look(self, artifact: Artifact) -> _Item:
        """Read it, and ask for it under its tag."""
        self._check_cancelled()
        nodes = manifests_of(artifact, self.stock.reader(artifact))
        last, repository = nodes[-1], artifact.repository
        there = self.client.head_manifest(repository, artifact.tag) == last.digest
        return _Item(artifact, nodes, there and self.listing.has(repository, last))

    def plan(self, held: Iterable[_Item]) -> None:
        """Remember where the registry has which blob: a manifest that is there has all of its own."""
        self._homes |= {digest: item.artifact.repository for item in held for digest in item.blobs}

    def left(self, missing: Iterable[_Item]) -> list[_Blob]:
        """Blobs that no artifact has that is there, each once, the largest first."""
        found: dict[str, _Blob] = {}
        for item in missing:
            for digest, said in item.blobs.items():
                if digest not in self._homes and digest not in found:
                    found[digest] = self._described(item.artifact, digest, said)
        return sorted(found.values(), key=lambda blob: -blob.size)

    def blob(self, blob: _Blob, tally: Tally) -> None:
        """Copy one blob into the first repository that wants it."""
        self._check_cancelled()
        repository = blob.artifact.repository
        if not self.client.blob_exists(repository, blob.digest):
            self._put(blob, self.stock.absent.get(blob.digest, ""))
        self._homes[blob.digest] = repository
        tally.add(blob.size)

    def artifact(self, item: _Item) -> None:
        """Let its repository have every blob, then put its manifests."""
        artifact = item.artifact
        for digest, said in item.blobs.items():
            self._check_cancelled()
            home = self._homes[digest]
            if home != artifact.repository:
                self._put(self._described(artifact, digest, said), home)
        for node in item.nodes[:-1]:
            self.client.put_manifest(artifact.repository, node.digest, node.text, node.media_type)
        last = item.nodes[-1]
        listed = self.client.put_manifest(artifact.repository, artifact.tag, last.text, last.media_type)
        if last.subject and not listed:
            self.listing.add(artifact.repository, last)
        with self._lock:
            if artifact.kind is ArtifactKind.IMAGE:
                self.receipt.images_copied += 1
            else:
                self.receipt.artifacts_copied += 1
        self.progress(f"{artifact.kind} {artifact.reference}")

    def bundle(self, name: str, data: bytes, signature: str, home: ManifestHome) -> None:
        """The bundle's manifest, which makes all the rest what is found at its home."""
        self._check_cancelled()
        digest = digest_of(data)
        node = layout.stored_manifest(
            artifact_manifest("bundle", manifests.FILE, digest, len(data), signature)
        )
        self.receipt.manifest = node.digest
        tags = (f"{HISTORY}{node.digest[7:19]}", *home.further)
        if self.client.head_manifest(home.repository, tags[-1]) == node.digest:
            return
        for blob, source in ((EMPTY_DIGEST, EMPTY), (digest, data)):
            there = self._homes.get(blob, "")
            if not (there and self.client.mount_blob(home.repository, blob, there)):
                self._upload(home.repository, blob, source, len(source))
        for tag in tags:
            self.client.put_manifest(home.repository, tag, node.text, node.media_type)
        self.progress(f"bundle {name}")

    def _described(self, artifact: Artifact, digest: str, said: int) -> _Blob:
        size = said if digest == EMPTY_DIGEST else self.stock.size(artifact, digest, said)
        return _Blob(digest, size, artifact)

    def _put(self, blob: _Blob, home: str) -> None:
        """Have the registry take it over from `home`, or upload it."""
        repository = blob.artifact.repository
        if home and self.client.mount_blob(repository, blob.digest, home):
            return
        if blob.digest in self.stock.absent:
            raise _no_fit(blob.digest, self.client.url)
        if blob.digest == EMPTY_DIGEST:
            self._upload(repository, blob.digest, EMPTY, len(EMPTY))
            return
        with self.stock.opened(blob.artifact, blob.digest, blob.size) as path:
            self._upload(repository, blob.digest, path, blob.size)

    def _upload(self, repository: str, digest: str, source: Path | bytes, size: int) -> None:
        self.client.put_blob(repository, digest, source)
        with self._lock:
            self.receipt.blobs_copied += 1
            self.receipt.bytes += size

    def _check_cancelled(self) -> None:
        if self.cancelled():
            raise Interrupted("the push was stopped", hint="run it again: it goes on where it stopped")


def _no_fit(digest: str, url: str) -> BundleError:
    hint = (
        "carry the whole bundle, or a delta since a new inventory: slipway bundle inventory -f cluster.yaml"
    )
    why = f"it leaves {digest} out, which the registry does not have"
    return BundleError("the delta does not fit this site", where=url, why=why, hint=hint)
