"""Where artifacts are read from, a bundle directory or the site registry: everyone goes through ArtifactSource."""

import errno
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from slipway.bundle.form.delta import Delta
from slipway.bundle.form.names import artifact_problem
from slipway.bundle.form.packing import CURRENT, MANIFEST_REPOSITORY, SIGNATURE_NOTE
from slipway.bundle.ground.archive import CHUNK, MeteredFile, file_digest
from slipway.bundle.registry.client import RegistryClient, RegistryError
from slipway.bundle.site.filecache import FileCache
from slipway.bundle.verify.signing import Verified, signed_manifest, verified
from slipway.digests import is_digest
from slipway.errors import BundleError
from slipway.model.bundle import Artifact, ArtifactKind, BundleManifest
from slipway.model.codes import RefusalCode
from slipway.smallfiles import json_in, opened

_Found = TypeVar("_Found")

#: In the cache: files of artifacts of a site.
SITE: Final = "site"
#: Codes of refusals after which a replica is asked.
ELSEWHERE = frozenset({RefusalCode.UNREACHABLE, RefusalCode.NOT_FOUND, RefusalCode.DIGEST})


class ArtifactSource(Protocol):
    """A complete bundle, wherever it is."""

    def verified(self) -> Verified:
        """Its bundle.yaml as it is now, read once and verified."""
        ...

    def manifest(self) -> BundleManifest:
        """What there is."""
        ...

    def path(self, artifact: Artifact) -> Path:
        """A local file with an artifact's contents, checked by digest; binaries are executable. Not for images."""
        ...


def bundle_of(client: RegistryClient, tag: str = CURRENT, trusted: Sequence[str] = ()) -> Verified:
    """The bundle.yaml that a registry holds completely; with trusted keys as one of them signed it.

    Raises:
        BundleError: as `check_signature`, or what is under the tag is no bundle's.
    """
    where = f"{client.url}/{MANIFEST_REPOSITORY}:{tag}"
    digest, signature = named_bundle(client.get_manifest(MANIFEST_REPOSITORY, tag)[0], where)
    return verified(client.read_blob(MANIFEST_REPOSITORY, digest), signature, where, trusted)


def named_bundle(data: bytes, where: str) -> tuple[str, str]:
    """Digest of the bundle.yaml that a manifest of a registry names, and the signature beside it.

    Raises:
        BundleError: it names none.
    """
    try:
        return _named(json_in(data))
    except (ValueError, LookupError, TypeError, AttributeError) as exc:
        hint = "push the bundle again: slipway bundle push DIR"
        why = f"{type(exc).__name__}: {exc}"
        raise BundleError("the registry holds no bundle there", where=where, why=why, hint=hint) from exc


def _named(manifest: dict[str, Any]) -> tuple[str, str]:
    """Digest of the bundle.yaml that a manifest of the registry names, and the signature beside it."""
    digest = str(manifest["layers"][0]["digest"])
    if not is_digest(digest):
        raise ValueError(f"{digest!r} is no digest")
    return digest, str((manifest.get("annotations") or {}).get(SIGNATURE_NOTE, ""))


class DirectorySource:
    """A bundle directory; with trusted keys (public lines) only one that one of them signed.

    What a delta leaves out comes from `site`. With a cache, files are used from there: a medium may say something
    else when it is read again, and is not there for long.
    """

    def __init__(
        self,
        directory: Path,
        trusted: Sequence[str] = (),
        site: Callable[[], ArtifactSource] | None = None,
        cache_dir: Path | None = None,
    ) -> None:
        self.directory, self.trusted, self.site = directory, trusted, site
        self.cache = FileCache(cache_dir / SITE) if cache_dir else None
        self._checked: set[str] = set()
        self._verified: Verified | None = None

    def verified(self) -> Verified:
        """Its bundle.yaml as it was at the first call, whatever lies there now."""
        if self._verified is None:
            self._verified = signed_manifest(self.directory, self.trusted)
        return self._verified

    def manifest(self) -> BundleManifest:
        """Its bundle.yaml."""
        return self.verified().manifest

    def path(self, artifact: Artifact) -> Path:
        """The file itself, hashed once per process, or its copy in the cache."""
        _require_file(artifact)
        path = self.directory / artifact.path
        if self.site and artifact.digest not in self._checked and not path.exists():
            delta = Delta.read(self.directory, self.manifest())
            if artifact.digest in delta.absent:
                return self.site().path(artifact)
        if self.cache:
            return self.cache.path(artifact, partial(_copy, artifact, path))
        if artifact.digest not in self._checked:
            _require_digest(artifact, path, file_digest(path) if path.is_file() else "nothing")
            self._checked.add(artifact.digest)
        return path


class RegistrySource:
    """The site registry, through a local cache of whole files, each hashed once per process.

    With trusted keys only a bundle that one of them signed: who may push is not who may say what a site runs.
    """

    def __init__(self, client: RegistryClient, cache_dir: Path, trusted: Sequence[str] = ()) -> None:
        self.client, self.trusted = client, trusted
        self.cache = FileCache(cache_dir / SITE)

    def verified(self) -> Verified:
        """The bundle that was pushed last and completely."""
        return bundle_of(self.client, trusted=self.trusted)

    def manifest(self) -> BundleManifest:
        """The same, parsed."""
        return self.verified().manifest

    def path(self, artifact: Artifact) -> Path:
        """The cached file, fetched now if it is not there."""
        _require_file(artifact)
        fetch = partial(self.client.get_blob, artifact.repository, artifact.digest, size=artifact.size)
        return self.cache.path(artifact, fetch)


class SiteSource:
    """The site registry, and after it its replica: one is asked where those before it do not answer or lack it."""

    def __init__(self, sources: Sequence[RegistrySource]) -> None:
        self.sources = tuple(sources)

    def verified(self) -> Verified:
        """Of the first that has one."""
        return self.first(lambda source: source.verified())

    def manifest(self) -> BundleManifest:
        """The same, parsed."""
        return self.verified().manifest

    def path(self, artifact: Artifact) -> Path:
        """From the first that has it."""
        return self.first(lambda source: source.path(artifact))

    def first(self, read: Callable[[RegistrySource], _Found]) -> _Found:
        """What the first says that answers and has it."""
        failures: list[RegistryError] = []
        for source in self.sources:
            try:
                return read(source)
            except RegistryError as error:
                if error.code not in ELSEWHERE:
                    raise
                failures.append(error)
        raise failures[0]


def _copy(artifact: Artifact, path: Path, target: Path) -> None:
    """From a medium: hashed as it is copied, and there only if it is right."""
    draft = target.with_name(f".{target.name}.part")
    try:
        with opened(path) as file, draft.open("wb") as copy:
            metered = MeteredFile(copy)
            while metered.size <= artifact.size and (data := file.read(CHUNK)):
                metered.write(data)
        found = metered.digest
    except (FileNotFoundError, IsADirectoryError):
        found = "nothing"
    except OSError as exc:
        if exc.errno != errno.EINVAL:
            raise
        found = "nothing"
    _require_digest(artifact, path, found)
    draft.rename(target)


def _require_digest(artifact: Artifact, path: Path, found: str) -> None:
    if found != artifact.digest:
        raise BundleError(
            f"{artifact.kind} {artifact.reference} is not what the bundle says",
            where=str(path),
            why=f"its digest is {found}, expected is {artifact.digest}",
            hint="check all of it: slipway bundle verify DIR; then copy or build the bundle again",
        )


def _require_file(artifact: Artifact) -> None:
    """Refuse images, and names with which a file would lie elsewhere."""
    if artifact.kind is ArtifactKind.IMAGE:
        raise BundleError(f"{artifact.reference} is an image, not a file", where="ArtifactSource.path")
    if problem := artifact_problem(artifact):
        raise BundleError("this is no artifact of a bundle", where="ArtifactSource.path", why=problem)
