"""A module's folder as one file of a bundle: what is in it, how it is called, and laying it out again.

The file's own digest vouches for what comes out of it: each use compares the folder with the file, and mends it.
"""

import gzip
import io
import shutil
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from slipway.bundle.form.names import is_bundle_path
from slipway.bundle.ground.archive import ArchiveEntry
from slipway.bundle.ground.disk import guarded, private_directory
from slipway.bundle.ground.workshop import locked
from slipway.catalog import Module, shipped
from slipway.errors import BundleError
from slipway.model.bundle import ArtifactKind
from slipway.smallfiles import bytes_of

#: Bytes of a module's files together: large definitions have 5 MiB, and nothing else of a folder comes near.
LIMIT: Final = 64 << 20


def folder_version(module: Module) -> str:
    """The version under which a bundle has it: another content of the same version is another one."""
    return f"{module.version.replace('+', '_')}{_mark(module.digest)}"


def is_of_folder(version: str, digest: str) -> bool:
    """Whether a bundle's version of a module is a folder with this digest."""
    return bool(digest) and version.endswith(_mark(digest))


def folder_entries(directory: Path) -> list[ArchiveEntry]:
    """What a module is, below the name of its folder."""
    return [
        ArchiveEntry(f"{directory.name}/{file.relative_to(directory).as_posix()}", 0o644, source=file)
        for file in shipped.files_of_module(directory)
    ]


def laid_out(archive: Path, name: str, place: Path) -> Path:
    """The folder of a module, exactly as the archive has it, below `place`, which is this archive's alone.

    Raises:
        BundleError: it is no archive of that module, or the disk fails.
    """
    try:
        files = dict(_files(bytes_of(archive, LIMIT), name))
    except (OSError, ValueError, EOFError, tarfile.TarError) as exc:
        hint = "check all of the bundle: slipway bundle verify DIR; then build it again"
        raise BundleError(
            f"module {name} of the bundle cannot be read",
            where=str(archive),
            why=f"{type(exc).__name__}: {exc}",
            hint=hint,
        ) from exc
    folder = private_directory(place.parent) / place.name / name
    with guarded(folder):
        place.mkdir(exist_ok=True)
    with guarded(folder), locked(place / ".lock"):
        if not _holds(folder, files):
            shutil.rmtree(folder, ignore_errors=True)
            for path, data in files.items():
                target = folder / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
    return folder


def _mark(digest: str) -> str:
    return f"-{digest.removeprefix('sha256:')[:12]}"


def _files(data: bytes, name: str) -> Iterator[tuple[str, bytes]]:
    """Each file by its path in the folder; ValueError where one would lie elsewhere, or is none."""
    left = LIMIT
    with tarfile.open(fileobj=io.BytesIO(_unzipped(data)), mode="r:") as archive:
        for member in archive:
            path = PurePosixPath(member.name)
            inside = path.parts[:1] == (name,) and is_bundle_path(f"{ArtifactKind.MODULE}/{member.name}")
            if not inside or not (member.isfile() or member.isdir()):
                raise ValueError(f"{member.name!r} is no file of module {name}")
            left -= member.size
            if left < 0:
                raise ValueError(f"it is larger than {LIMIT >> 20} MiB")
            if handle := archive.extractfile(member):
                yield "/".join(path.parts[1:]), handle.read()


def _unzipped(data: bytes) -> bytes:
    with gzip.open(io.BytesIO(data)) as zipped:
        found = zipped.read(LIMIT + 1)
    if len(found) > LIMIT:
        raise ValueError(f"it is larger than {LIMIT >> 20} MiB")
    return found


def _holds(folder: Path, files: Mapping[str, bytes]) -> bool:
    """Whether these files lie there, and nothing else."""
    there = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if not path.is_dir()}
    return there.keys() == files.keys() and all(
        not path.is_symlink() and path.read_bytes() == files[name] for name, path in there.items()
    )
