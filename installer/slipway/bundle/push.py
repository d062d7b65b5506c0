"""Copies a bundle into the site registry, by digest: blobs, then manifests, then tags, the bundle's own manifest last.

So a push that was killed leaves nothing that is wrong, and the next one copies only what is missing.
"""

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

from slipway.bundle import manifest as manifests
from slipway.bundle.images import MANIFEST_TYPE
from slipway.bundle.packing import (
    CURRENT,
    EMPTY,
    EMPTY_DIGEST,
    MANIFEST_REPOSITORY,
    artifact_manifest,
    file_manifest,
)
from slipway.bundle.registry import RegistryClient
from slipway.bundle.writer import blob_path
from slipway.errors import BundleError, Interrupted
from slipway.model.bundle import Artifact, ArtifactKind, BundleManifest


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
    """Copy all that the registry lacks; Interrupted when `cancelled` says so between two blobs."""
    started = time.monotonic()
    manifest = manifests.read(source_dir)
    client.ping()
    pusher = _Pusher(source_dir, client, progress, cancelled)
    _in_parallel(pusher.artifact, manifest.artifacts, parallel)
    pusher.bundle(manifest)
    pusher.receipt.seconds = round(time.monotonic() - started, 3)
    return pusher.receipt


def _in_parallel(work: Callable[[Artifact], None], items: tuple[Artifact, ...], parallel: int) -> None:
    """The first failure ends it: what has not begun is not begun."""
    largest_first = sorted(items, key=lambda artifact: -artifact.size)
    with ThreadPoolExecutor(parallel, "push") as pool:
        futures: set[Future[None]] = {pool.submit(work, item) for item in largest_first}
        while futures:
            done, futures = wait(futures, return_when=FIRST_COMPLETED)
            failed = next((future.exception() for future in done if future.exception()), None)
            if failed:
                pool.shutdown(wait=False, cancel_futures=True)
                raise failed


@dataclass(slots=True)
class _Pusher:
    """One push; its methods run in several threads."""

    root: Path
    client: RegistryClient
    progress: Callable[[str], None]
    cancelled: Callable[[], bool]
    receipt: PushReceipt = field(default_factory=PushReceipt)
    _homes: dict[str, str] = field(default_factory=dict)
    """Blob -> a repository that has it, to mount it from."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def artifact(self, artifact: Artifact) -> None:
        """One artifact, unless the registry has it under its tag."""
        self._check_cancelled()
        image = artifact.kind is ArtifactKind.IMAGE
        text = self._read(artifact) if image else file_manifest(artifact)
        digest = f"sha256:{hashlib.sha256(text).hexdigest()}"
        if self.client.head_manifest(artifact.repository, artifact.version) == digest:
            return
        for blob, source in self._image_blobs(text) if image else self._file_blobs(artifact):
            self._blob(artifact.repository, blob, source)
        self.client.put_manifest(artifact.repository, artifact.version, text, MANIFEST_TYPE)
        with self._lock:
            if image:
                self.receipt.images_copied += 1
            else:
                self.receipt.artifacts_copied += 1
        self.progress(f"{artifact.kind} {artifact.reference}")

    def bundle(self, manifest: BundleManifest) -> None:
        """The bundle's manifest, which makes all the rest the site's current one."""
        self._check_cancelled()
        data = manifests.dump(manifest)
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        text = artifact_manifest("bundle", manifests.FILE, digest, len(data))
        if (
            self.client.head_manifest(MANIFEST_REPOSITORY, CURRENT)
            == f"sha256:{hashlib.sha256(text).hexdigest()}"
        ):
            return
        self._blob(MANIFEST_REPOSITORY, EMPTY_DIGEST, EMPTY)
        self._blob(MANIFEST_REPOSITORY, digest, data)
        self.client.put_manifest(MANIFEST_REPOSITORY, CURRENT, text, MANIFEST_TYPE)
        self.progress(f"bundle {manifest.name}")

    def _read(self, artifact: Artifact) -> bytes:
        path = self.root / artifact.path
        try:
            data = path.read_bytes()
        except OSError as exc:
            raise _missing(artifact.reference, path, exc) from exc
        if f"sha256:{hashlib.sha256(data).hexdigest()}" != artifact.digest:
            raise BundleError(f"{artifact.reference} differs from its digest", where=str(path), hint=_VERIFY)
        return data

    def _image_blobs(self, text: bytes) -> Iterator[tuple[str, Path | bytes]]:
        data = json.loads(text)
        for descriptor in (data["config"], *data["layers"]):
            yield descriptor["digest"], self.root / blob_path(descriptor["digest"])

    def _file_blobs(self, artifact: Artifact) -> Iterator[tuple[str, Path | bytes]]:
        yield EMPTY_DIGEST, EMPTY
        yield artifact.digest, self.root / artifact.path

    def _blob(self, repository: str, digest: str, source: Path | bytes) -> None:
        self._check_cancelled()
        if self.client.blob_exists(repository, digest):
            return
        home = self._homes.get(digest)
        if home is None or not self.client.mount_blob(repository, digest, home):
            self._upload(repository, digest, source)
        self._homes[digest] = repository

    def _upload(self, repository: str, digest: str, source: Path | bytes) -> None:
        try:
            self.client.put_blob(repository, digest, source)
            size = len(source) if isinstance(source, bytes) else source.stat().st_size
        except OSError as exc:
            raise _missing(digest, source if isinstance(source, Path) else Path(), exc) from exc
        with self._lock:
            self.receipt.blobs_copied += 1
            self.receipt.bytes += size

    def _check_cancelled(self) -> None:
        if self.cancelled():
            raise Interrupted("the push was stopped", hint="run it again: it goes on where it stopped")


_VERIFY = "check the bundle: slipway bundle verify DIR"


def _missing(what: str, path: Path, exc: OSError) -> BundleError:
    return BundleError(f"{what} is missing from the bundle", where=str(path), why=str(exc), hint=_VERIFY)
