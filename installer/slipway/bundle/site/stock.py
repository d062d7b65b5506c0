"""What a push copies from: a bundle directory, or a registry that holds the bundle already."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from slipway.bundle.form import layout
from slipway.bundle.form.delta import Delta
from slipway.bundle.form.layout import blob_path
from slipway.bundle.ground.disk import guarded
from slipway.bundle.registry.client import RegistryClient
from slipway.bundle.verify.signing import Verified, signed_manifest
from slipway.model.bundle import Artifact, ArtifactKind
from slipway.smallfiles import opened


class Stock(Protocol):
    """All of one bundle. Used from several threads."""

    absent: Mapping[str, str]
    """Digests that it does not carry, each with a repository of the site that has it."""

    def bundle(self) -> Verified:
        """Its bundle.yaml, as it was verified."""
        ...

    def reader(self, artifact: Artifact) -> Callable[[str], bytes]:
        """Reads manifests of an image by their digests, and checks them."""
        ...

    def size(self, artifact: Artifact, digest: str, said: int) -> int:
        """Bytes of a blob; a manifest has `said` how many."""
        ...

    def opened(self, artifact: Artifact, digest: str, size: int) -> AbstractContextManager[Path]:
        """A file with a blob's contents, of so many bytes, while it is needed."""
        ...


class DirectoryStock:
    """A bundle directory, or a delta; `verified`: its bundle.yaml, unset what lies there, whosever it is."""

    def __init__(self, root: Path, verified: Verified | None = None) -> None:
        self.root = root
        self._verified = verified or signed_manifest(root, ())
        self.absent = Delta.read(root, self._verified.manifest).absent

    def bundle(self) -> Verified:
        """As it was verified, whatever lies there now."""
        return self._verified

    def reader(self, artifact: Artifact) -> Callable[[str], bytes]:
        """Of the one layout of all images."""
        del artifact
        return layout.manifest_reader(self.root)

    def size(self, artifact: Artifact, digest: str, said: int) -> int:
        """Of the file, so that one that is missing is missed before anything is copied."""
        del said
        path = self._path(artifact, digest)
        if digest in self.absent:
            return 0
        try:
            with opened(path) as file:
                return os.fstat(file.fileno()).st_size
        except OSError as exc:
            raise layout.missing_error(digest, path, exc) from exc

    @contextmanager
    def opened(self, artifact: Artifact, digest: str, size: int) -> Iterator[Path]:
        """The file itself."""
        del size
        path = self._path(artifact, digest)
        try:
            yield path
        except OSError as exc:
            raise layout.missing_error(digest, path, exc) from exc

    def _path(self, artifact: Artifact, digest: str) -> Path:
        image = artifact.kind is ArtifactKind.IMAGE
        return self.root / (blob_path(digest) if image else artifact.path)


class RegistryStock:
    """A registry to which the bundle was pushed. `scratch`: a directory for blobs on their way, a few at a time."""

    def __init__(self, client: RegistryClient, scratch: Path, verified: Verified) -> None:
        self.client, self.scratch, self._verified = client, scratch, verified
        self.absent: Mapping[str, str] = {}

    def bundle(self) -> Verified:
        """As it was verified, whatever was pushed since."""
        return self._verified

    def reader(self, artifact: Artifact) -> Callable[[str], bytes]:
        """From the artifact's repository."""
        return lambda digest: self.client.get_manifest(artifact.repository, digest)[0]

    def size(self, artifact: Artifact, digest: str, said: int) -> int:
        """What was said: nothing is asked for it."""
        del artifact, digest
        return said

    @contextmanager
    def opened(self, artifact: Artifact, digest: str, size: int) -> Iterator[Path]:
        """Fetched now, and gone afterwards."""
        path = self.scratch / digest.replace(":", "-")
        with guarded(self.scratch):
            self.scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.client.get_blob(artifact.repository, digest, path, size=size)
        try:
            yield path
        finally:
            path.unlink()
