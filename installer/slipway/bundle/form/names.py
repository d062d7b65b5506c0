"""Which names and paths a bundle may have. Every edge at which one comes in asks here: manifests, volumes, caches.

A name becomes a part of paths and URLs, on this machine and on hosts; so it is told what it may be, never what not.
"""

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import PurePosixPath
from typing import Final

from slipway.bundle.form.layout import INSTALL, LAYOUT
from slipway.digests import is_digest
from slipway.model.bundle import Artifact, ArtifactKind

DELTA: Final = "delta.json"
MANIFEST: Final = "bundle.yaml"
#: Beside it, where somebody signed it.
SIGNATURE: Final = f"{MANIFEST}.sig"

#: A file, a tag or a version: one component of a path, never hidden, never above.
_PLAIN: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+~-]{0,254}")
#: Repositories of a registry, with or without its host and port.
_WORD: Final = r"[A-Za-z0-9]+(?:(?:[._]|__|-+)[A-Za-z0-9]+)*"
_REPOSITORY: Final = re.compile(rf"{_WORD}(?::[0-9]{{1,5}}(?=/))?(?:/{_WORD})*")
#: What lies at the top of a bundle.
_TOP: Final = frozenset({MANIFEST, SIGNATURE, DELTA, INSTALL})
_FOLDERS: Final = frozenset({LAYOUT, *(str(kind) for kind in ArtifactKind)})


def is_repository(text: str) -> bool:
    """Whether it is a repository's name, with its registry's host and port or without."""
    return _REPOSITORY.fullmatch(text) is not None


def is_plain(text: str) -> bool:
    """Whether it is a name that can stand in a path as one component."""
    return _PLAIN.fullmatch(text) is not None


def is_bundle_path(path: str) -> bool:
    """Whether a bundle may have a file there: never outside of it, never hidden."""
    parts = PurePosixPath(path).parts
    plain = (
        path == "/".join(parts)
        and path.isprintable()
        and not any(part.startswith(".") or "\\" in part for part in parts)
    )
    return plain and (path in _TOP or (len(parts) > 1 and parts[0] in _FOLDERS))


def artifact_problem(artifact: Artifact) -> str:
    """What of an artifact's name, version, digest, size or path no bundle has; empty: it is right."""
    return next(_problems(artifact), "")


def _problems(artifact: Artifact) -> Iterator[str]:
    """In an order in which each may rely on those before it."""
    image = artifact.kind is ArtifactKind.IMAGE
    yield from (f"{value!r} is no text" for value in _texts(artifact) if not isinstance(value, str))
    if not (is_repository(artifact.name) if image else is_plain(artifact.name)):
        yield f"{artifact.name!r} is no name of an artifact"
    if not (is_plain(artifact.version) or (image and is_digest(artifact.version))):
        yield f"{artifact.version!r} is no version"
    if not is_digest(artifact.digest):
        yield f"{artifact.digest!r} is no digest"
    if type(artifact.size) is not int or artifact.size < 0:
        yield f"{artifact.size!r} is no size"
    if type(artifact.unread) is not bool:
        yield f"{artifact.unread!r} is neither true nor false"
    if artifact.path and not _is_place(artifact):
        yield f"{artifact.path!r} is no path of {artifact.kind} {artifact.name}"


def _texts(artifact: Artifact) -> Iterator[object]:
    for field in fields(artifact):
        if field.name not in {"kind", "size", "unread"}:
            yield getattr(artifact, field.name)


def _is_place(artifact: Artifact) -> bool:
    if artifact.path == INSTALL:
        return artifact.kind is ArtifactKind.INSTALLER
    folder = PurePosixPath(artifact.path).parts[0]
    own = {str(artifact.kind), *([LAYOUT] if artifact.kind is ArtifactKind.IMAGE else [])}
    return is_bundle_path(artifact.path) and folder in own
