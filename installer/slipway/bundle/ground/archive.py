"""Archives whose bytes depend on their contents only: sorted names, one owner, time zero."""

import gzip
import hashlib
import io
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from slipway.smallfiles import opened

#: Between speed and size: level 9 takes three times as long for two per cent.
GZIP_LEVEL = 6
CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class ArchiveEntry:
    """One member: a file (`source` or `data`), a link (`link`), or else a directory.

    `owner`: number of the user and of the group whose it is.
    """

    path: str
    mode: int = 0o755
    source: Path | None = None
    data: bytes | None = None
    link: str | None = None
    owner: int = 0


class Writable(Protocol):
    """What archives are written to."""

    def write(self, data: bytes, /) -> int:
        """As a file."""
        ...

    def flush(self) -> None:
        """As a file."""
        ...

    def tell(self) -> int:
        """As a file."""
        ...


class MeteredFile:
    """A file to write to that knows the sha256 and size of what went through."""

    def __init__(self, target: Writable) -> None:
        self.target, self.size, self._hash = target, 0, hashlib.sha256()

    def write(self, data: bytes) -> int:
        """Pass on and count."""
        self._hash.update(data)
        self.size += len(data)
        return self.target.write(data)

    def tell(self) -> int:
        """As a file."""
        return self.size

    def flush(self) -> None:
        """As a file."""
        self.target.flush()

    @property
    def digest(self) -> str:
        """`sha256:...` of all that was written."""
        return f"sha256:{self._hash.hexdigest()}"


def tree_entries(root: Path, prefix: str = "") -> Iterator[ArchiveEntry]:
    """Everything below a directory, under a prefix."""
    for path in sorted(root.rglob("*")):
        name = f"{prefix}/{path.relative_to(root).as_posix()}".lstrip("/")
        if path.is_symlink():
            yield ArchiveEntry(name, link=path.readlink().as_posix())
        elif path.is_dir():
            yield ArchiveEntry(name, mode=path.stat().st_mode & 0o7777)
        else:
            yield ArchiveEntry(name, mode=path.stat().st_mode & 0o7777, source=path)


def write_tar(target: Writable, entries: Iterable[ArchiveEntry]) -> None:
    """A tar with all parent directories, each member once; a later entry of the same path wins."""
    members = {entry.path.strip("/"): entry for entry in entries}
    parents = {str(parent) for path in members for parent in Path(path).parents} - {"."}
    for parent in parents - members.keys():
        members[parent] = ArchiveEntry(parent)
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as tar:  # type: ignore[call-overload]
        for path, entry in sorted(members.items()):
            _add(tar, path, entry)


def _add(tar: tarfile.TarFile, path: str, entry: ArchiveEntry) -> None:
    member = tarfile.TarInfo(path)
    member.mode = entry.mode
    member.uid = member.gid = entry.owner
    if entry.link is not None:
        member.type, member.linkname, member.mode = tarfile.SYMTYPE, entry.link, 0o777
        tar.addfile(member)
    elif entry.source is not None:
        with entry.source.open("rb") as file:
            member.size = entry.source.stat().st_size
            tar.addfile(member, file)
    elif entry.data is not None:
        member.size = len(entry.data)
        tar.addfile(member, io.BytesIO(entry.data))
    else:
        member.type = tarfile.DIRTYPE
        tar.addfile(member)


def write_tgz(path: Path, entries: Iterable[ArchiveEntry]) -> Mapping[str, str | int]:
    """A .tar.gz; its digest and size, and `inner`, the digest of the tar inside."""
    with path.open("wb") as file:
        outer = MeteredFile(file)
        with gzip.GzipFile(
            filename="", fileobj=outer, mode="wb", compresslevel=GZIP_LEVEL, mtime=0
        ) as zipped:
            inner = MeteredFile(zipped)
            write_tar(inner, entries)
    return {"digest": outer.digest, "size": outer.size, "inner": inner.digest}


def file_digest(path: Path) -> str:
    """`sha256:...` of a file.

    Raises:
        OSError: it cannot be read, or is none.
    """
    with opened(path) as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
