"""`bundle export`: a bundle as numbered volumes, or as one stream."""

import hashlib
import io
import shutil
import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from slipway.bundle.carry.volumes import HEADER, Header, Span, dump, header_of, laid_out, volume_name
from slipway.bundle.form import manifest as manifests
from slipway.bundle.form.contents import UNVOUCHED, contents
from slipway.bundle.form.delta import Delta
from slipway.bundle.form.layout import INSTALL
from slipway.bundle.ground.archive import CHUNK, MeteredFile
from slipway.bundle.ground.disk import guarded
from slipway.errors import BundleError
from slipway.model.bundle import ArtifactKind

#: How the tar of the installer is named, after the bundle.
INSTALLER = ".installer.tar"


def export(directory: Path, out: Path, limit: int | None, progress: Callable[[str], None]) -> list[Path]:
    """Write the volumes below `out`, each by rename, its sha256 beside it; the same that is there is left alone.

    The last of the files is a tar of the installer, where the bundle has it.
    """
    with guarded(out):
        return _export(directory, out, limit, progress)


def _export(directory: Path, out: Path, limit: int | None, progress: Callable[[str], None]) -> list[Path]:
    out.mkdir(parents=True, exist_ok=True)
    name = manifests.read(directory).name
    headers = list(headers_of(directory, limit))
    targets = [out / volume_name(name, header.number, header.volumes) for header in headers]
    left = [
        (header, target) for header, target in zip(headers, targets, strict=True) if not _is(target, header)
    ]
    _room_for(out, [header for header, _ in left])
    for header, target in left:
        progress(f"volume {header.number} of {header.volumes}: {target.name}")
        draft = target.with_name(f".{target.name}.part")
        with draft.open("wb") as file:
            digest = write_volume(directory, header, file)
        sums_of(target).unlink(missing_ok=True)
        draft.rename(target)
        sums_of(target).write_text(f"{digest.removeprefix('sha256:')}  {target.name}\n", encoding="utf-8")
    return [*targets, *_installer(directory, out)]


def _installer(directory: Path, out: Path) -> list[Path]:
    """A small tar of what installs Slipway, for a side where nothing reads volumes yet; none if that is not in it."""
    manifest = manifests.read(directory)
    kinds, absent = {ArtifactKind.WHEEL, ArtifactKind.INSTALLER}, Delta.read(directory, manifest).absent
    own = [artifact for artifact in manifest.artifacts if artifact.kind in kinds]
    paths = sorted(artifact.path for artifact in own if artifact.digest not in absent)
    if INSTALL not in paths:
        return []
    paths += [p for p in (manifests.FILE, manifests.SIGNATURE) if (directory / p).is_file()]
    target = out / f"{manifest.name}{INSTALLER}"
    draft = target.with_name(f".{target.name}.part")
    with draft.open("wb") as file:
        meter = MeteredFile(file)
        with tarfile.open(fileobj=meter, mode="w", format=tarfile.PAX_FORMAT) as tar:  # type: ignore[call-overload]
            for path in paths:
                member = _member(f"{manifest.name}/{path}", _size(directory / path))
                with (directory / path).open("rb") as source:
                    tar.addfile(member, source)
    sums_of(target).unlink(missing_ok=True)
    draft.rename(target)
    sums_of(target).write_text(f"{meter.digest.removeprefix('sha256:')}  {target.name}\n", encoding="utf-8")
    return [target]


def sums_of(volume: Path) -> Path:
    """The file beside a volume that `sha256sum -c` reads; written last, so a volume that has one is whole."""
    return volume.with_name(f"{volume.name}.sha256")


def _is(target: Path, header: Header) -> bool:
    """Whether this very volume is there, whole; the name says nothing of another build of the bundle."""
    try:
        with tarfile.open(target, "r|") as tar:
            return sums_of(target).is_file() and header_of(tar, target.name) == header
    except (OSError, tarfile.TarError, BundleError):
        return False


def headers_of(directory: Path, limit: int | None) -> Iterator[Header]:
    """What each volume holds. Only what the manifest does not vouch for is hashed: parts of files, and itself."""
    manifest = manifests.read(directory)
    known = {content.path: content.digest for content in contents(directory, manifest)}
    paths = [
        *known,
        *(p for p in (*UNVOUCHED, manifests.SIGNATURE) if (directory / p).is_file()),
        manifests.FILE,
    ]
    volumes = laid_out([(path, _size(directory / path)) for path in paths], limit)
    for number, spans in enumerate(volumes, 1):
        described = tuple(_described(directory, span, known) for span in spans)
        yield Header(manifest.digest, number, len(volumes), described)


def write_volume(directory: Path, header: Header, target: BinaryIO) -> str:
    """The volume's tar; its digest.

    Raises:
        BundleError: a file is not what the manifest says, so the volume would be damaged.
    """
    meter = MeteredFile(target)
    with tarfile.open(fileobj=meter, mode="w", format=tarfile.PAX_FORMAT) as tar:  # type: ignore[call-overload]
        text = dump(header)
        tar.addfile(_member(HEADER, len(text)), io.BytesIO(text))
        for number, span in enumerate(header.spans):
            reader = _Reader(directory / span.path, span)
            with reader:
                tar.addfile(_member(f"spans/{number}", span.size), reader)
            reader.check()
    return meter.digest


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = size
    return member


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as exc:
        raise _damaged(path) from exc


def _described(directory: Path, span: Span, known: dict[str, str]) -> Span:
    path = directory / span.path
    executable = bool(path.stat().st_mode & 0o100)
    digest = known.get(span.path, "") if span.is_whole else ""
    return replace(span, executable=executable, digest=digest or _digest(path, span))


def _digest(path: Path, span: Span) -> str:
    with _Reader(path, span) as reader:
        while reader.read(CHUNK):
            pass
        return reader.digest


def _room_for(out: Path, headers: Sequence[Header]) -> None:
    needed = sum(span.size for header in headers for span in header.spans)
    free = shutil.disk_usage(out).free
    if needed > free:
        hint = "export to a larger disk, or by --volume-size to several media, one after the other"
        raise BundleError(f"{needed} bytes are needed, {free} are free", where=str(out), hint=hint)


def _damaged(path: Path) -> BundleError:
    hint = "build the bundle again over the same directory, or copy it again; then export again"
    return BundleError("the bundle is damaged", where=str(path), hint=hint)


class _Reader(io.RawIOBase):
    """The bytes of a span, which it hashes as they pass."""

    def __init__(self, path: Path, span: Span) -> None:
        self.path, self.span, self.left = path, span, span.size
        self._hash = hashlib.sha256()
        self._file = path.open("rb")
        self._file.seek(span.offset)

    @property
    def digest(self) -> str:
        """Of what was read."""
        return f"sha256:{self._hash.hexdigest()}"

    def read(self, size: int = -1, /) -> bytes:
        """As a file."""
        data = self._file.read(self.left if size < 0 else min(size, self.left))
        self.left -= len(data)
        self._hash.update(data)
        return data

    def close(self) -> None:
        """As a file."""
        self._file.close()
        super().close()

    def check(self) -> None:
        """It was what the header says."""
        if self.digest != self.span.digest:
            raise _damaged(self.path)
