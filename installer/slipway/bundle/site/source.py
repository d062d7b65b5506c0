"""Where artifacts are read from, a bundle directory or the site registry: everyone goes through ArtifactSource."""

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from slipway.bundle.form import manifest as manifests
from slipway.bundle.form.delta import Delta
from slipway.bundle.form.packing import CURRENT, MANIFEST_REPOSITORY, SIGNATURE_NOTE
from slipway.bundle.ground.archive import file_digest
from slipway.bundle.ground.disk import guarded
from slipway.bundle.ground.workshop import locked
from slipway.bundle.registry.client import RegistryClient, RegistryError
from slipway.bundle.verify.signing import check_signature, signed_manifest
from slipway.errors import BundleError
from slipway.model.bundle import Artifact, ArtifactKind, BundleManifest
from slipway.model.codes import RefusalCode

_Found = TypeVar("_Found")

#: Codes of refusals after which a replica is asked.
ELSEWHERE = frozenset({RefusalCode.UNREACHABLE, RefusalCode.NOT_FOUND, RefusalCode.DIGEST})


class ArtifactSource(Protocol):
    """A complete bundle, wherever it is."""

    def manifest(self) -> BundleManifest:
        """What there is."""
        ...

    def path(self, artifact: Artifact) -> Path:
        """A local file with an artifact's contents, checked by digest; binaries are executable. Not for images."""
        ...


def bundle_of(client: RegistryClient, tag: str = CURRENT) -> tuple[bytes, str]:
    """Text of the bundle.yaml that a registry holds completely, and that of its signature; empty: it has none."""
    data = json.loads(client.get_manifest(MANIFEST_REPOSITORY, tag)[0])
    text = client.read_blob(MANIFEST_REPOSITORY, data["layers"][0]["digest"])
    return text, data.get("annotations", {}).get(SIGNATURE_NOTE, "")


class DirectorySource:
    """A bundle directory; with trusted keys (public lines) only one that one of them signed.

    What a delta leaves out comes from `site`.
    """

    def __init__(
        self, directory: Path, trusted: Sequence[str] = (), site: Callable[[], ArtifactSource] | None = None
    ) -> None:
        self.directory, self.trusted, self.site = directory, trusted, site
        self._checked: set[str] = set()
        self._texts: tuple[bytes, str] | None = None

    def texts(self) -> tuple[bytes, str]:
        """Its bundle.yaml and the signature of that, as they were when they were verified."""
        if self._texts is None:
            self._texts = signed_manifest(self.directory, self.trusted)
        return self._texts

    def manifest(self) -> BundleManifest:
        """Its bundle.yaml."""
        return manifests.parse(self.texts()[0], str(self.directory / manifests.FILE))

    def path(self, artifact: Artifact) -> Path:
        """The file itself, hashed once per process."""
        _no_image(artifact)
        path = self.directory / artifact.path
        if self.site and artifact.digest not in self._checked and not path.exists():
            delta = Delta.read(self.directory, self.manifest())
            if artifact.digest in delta.absent:
                return self.site().path(artifact)
        if artifact.digest not in self._checked:
            found = file_digest(path) if path.is_file() else "nothing"
            if found != artifact.digest:
                raise BundleError(
                    f"{artifact.kind} {artifact.reference} is not what the bundle says",
                    where=str(path),
                    why=f"its digest is {found}, expected is {artifact.digest}",
                    hint="check all of it: slipway bundle verify DIR; then copy or build the bundle again",
                )
            self._checked.add(artifact.digest)
        return path


class RegistrySource:
    """The site registry, through a local cache of whole files, each hashed once per process.

    With trusted keys only a bundle that one of them signed: who may push is not who may say what a site runs.
    """

    def __init__(self, client: RegistryClient, cache_dir: Path, trusted: Sequence[str] = ()) -> None:
        self.client, self.trusted = client, trusted
        self.cache = cache_dir / "site"

    def manifest(self) -> BundleManifest:
        """The bundle that was pushed last and completely."""
        text, signature = bundle_of(self.client)
        where = f"{self.client.url}/{MANIFEST_REPOSITORY}:{CURRENT}"
        if self.trusted:
            check_signature(text, signature, where, self.trusted)
        return manifests.parse(text, where)

    def path(self, artifact: Artifact) -> Path:
        """The cached file, fetched now if it is not there."""
        _no_image(artifact)
        folder = self.cache / artifact.digest.replace(":", "-")
        target = folder / (artifact.path.rpartition("/")[2] or artifact.name)
        if _is_whole(target, artifact):
            return target
        with guarded(folder):
            folder.mkdir(parents=True, exist_ok=True)
            self._fetch(artifact, target)
        return target

    def _fetch(self, artifact: Artifact, target: Path) -> None:
        with locked(target.parent / ".lock"):
            if not _is_whole(target, artifact):
                self.client.get_blob(artifact.repository, artifact.digest, target)
                _made_usable(target, artifact)


class SiteSource:
    """The site registry, and after it its replica: one is asked where those before it do not answer or lack it."""

    def __init__(self, sources: Sequence[RegistrySource]) -> None:
        self.sources = tuple(sources)

    def manifest(self) -> BundleManifest:
        """Of the first that has one."""
        return self._first(lambda source: source.manifest())

    def path(self, artifact: Artifact) -> Path:
        """From the first that has it."""
        return self._first(lambda source: source.path(artifact))

    def _first(self, read: Callable[[RegistrySource], _Found]) -> _Found:
        failures: list[RegistryError] = []
        for source in self.sources:
            try:
                return read(source)
            except RegistryError as error:
                if error.code not in ELSEWHERE:
                    raise
                failures.append(error)
        raise failures[0]


def _is_whole(path: Path, artifact: Artifact) -> bool:
    """Whether a file of the cache is the artifact still, and can be used: hashed again where it was written since."""
    if not path.is_file():
        return False
    if _usable.get(path) != _mark(path, artifact):
        if path.stat().st_size != artifact.size or file_digest(path) != artifact.digest:
            return False
        _made_usable(path, artifact)
    return True


def _made_usable(path: Path, artifact: Artifact) -> None:
    """A kill may have come between a program's arrival and this."""
    if artifact.kind is ArtifactKind.BINARY and not os.access(path, os.X_OK):
        path.chmod(0o755)
    _usable[path] = _mark(path, artifact)


def _mark(path: Path, artifact: Artifact) -> tuple[str, int, int]:
    found = path.stat()
    return artifact.digest, found.st_mtime_ns, found.st_size


#: Files of caches that this process has hashed, as they were then.
_usable: dict[Path, tuple[str, int, int]] = {}


def _no_image(artifact: Artifact) -> None:
    if artifact.kind is ArtifactKind.IMAGE:
        raise BundleError(f"{artifact.reference} is an image, not a file", where="ArtifactSource.path")
