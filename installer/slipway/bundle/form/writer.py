"""Writes the files of a bundle directory: each by rename, none twice, and nothing stays that does not belong there."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from slipway.bundle.form.layout import LAYOUT, Blob, blob_path
from slipway.bundle.ground.archive import file_digest
from slipway.model.bundle import ArtifactKind


class Writer:
    """Writes below one directory, and remembers which files belong there.

    Contents whose digest is in `elsewhere` are left out, and remembered too.
    """

    def __init__(self, out: Path, elsewhere: Mapping[str, str] = MappingProxyType({})) -> None:
        self.out = out
        self.kept: set[Path] = set()
        self.left_out: dict[str, str] = {}
        self._elsewhere = elsewhere

    def is_elsewhere(self, digest: str) -> bool:
        """Whether contents could be left out."""
        return digest in self._elsewhere

    def leave_out(self, digest: str) -> bool:
        """Whether contents are elsewhere; they are remembered then."""
        if self.is_elsewhere(digest):
            self.left_out[digest] = self._elsewhere[digest]
        return self.is_elsewhere(digest)

    def blob(self, blob: Blob) -> None:
        """A blob of an image."""
        if self.leave_out(blob.digest):
            return
        if blob.path is not None:
            self.copy(blob.path, blob_path(blob.digest), blob.digest)
        else:
            self.write(blob_path(blob.digest), blob.data)

    def copy(self, source: Path, path: str, digest: str, *, needed: bool = False) -> None:
        """Copy unless the very same is there. A copy, not a link: a damaged bundle must not damage the cache.

        What is needed here is not left out.
        """
        if not needed and self.leave_out(digest):
            return
        target = self._target(path)
        same_size = target.is_file() and target.stat().st_size == source.stat().st_size
        if same_size and file_digest(target) == digest:
            return
        draft = _draft(target)
        shutil.copyfile(source, draft)
        if source.stat().st_mode & 0o100:
            draft.chmod(0o755)
        draft.rename(target)

    def has(self, digest: str) -> bool:
        """Whether a blob is there as it should be, or is left out."""
        target = self._target(blob_path(digest))
        return self.leave_out(digest) or (target.is_file() and file_digest(target) == digest)

    def fetch(self, digest: str, fetch: Callable[[Path], None]) -> None:
        """A blob that is not there: `fetch` makes the file, complete or not at all."""
        fetch(self._target(blob_path(digest)))

    def json(self, path: str, data: object) -> None:
        """A JSON file."""
        self.write(path, json.dumps(data, indent=1).encode())

    def write(self, path: str, data: bytes) -> None:
        """A small file."""
        target = self._target(path)
        draft = _draft(target)
        draft.write_bytes(data)
        draft.rename(target)

    def prune(self) -> None:
        """Remove what an earlier build left behind and this one does not have."""
        for folder in (f"{LAYOUT}/blobs", *ArtifactKind):
            for file in (self.out / folder).rglob("*"):
                if file.is_file() and file not in self.kept:
                    file.unlink()

    def _target(self, path: str) -> Path:
        target = self.out / path
        self.kept.add(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        return target


def _draft(target: Path) -> Path:
    return target.with_name(f".{target.name}.part")
