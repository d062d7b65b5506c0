"""`bundle import`: volumes, or one stream, into a bundle directory. Nothing in one is believed before it is checked.

State of an import that is not done is `.import.json`: the bundle, and the numbers of the volumes that landed whole.
"""

import hashlib
import json
import os
import shutil
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO, BinaryIO

from slipway.bundle.carry.volumes import Header, Span, header_of, missing_numbers
from slipway.bundle.form import manifest as manifests
from slipway.bundle.form.contents import contents
from slipway.bundle.ground.archive import CHUNK
from slipway.bundle.ground.disk import guarded
from slipway.bundle.verify.checks import damaged_files, unlisted_files
from slipway.errors import BundleError
from slipway.landing import land, real
from slipway.model.bundle import BundleManifest
from slipway.smallfiles import json_of

STATE = ".import.json"


class Import:
    """One bundle directory that comes to be."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.bundle, self.volumes = "", 0
        self.landed: set[int] = set()
        there = (out / manifests.FILE).exists()
        self.complete = manifests.read(out) if there else None
        self._recall()

    def volume(self, name: str, stream: BinaryIO) -> Header:
        """Take one volume, unless it has landed already.

        Raises:
            BundleError: it is damaged, cut off, of another bundle, or not to be trusted; nothing of it counts then.
        """
        try:
            with guarded(self.out), tarfile.open(fileobj=stream, mode="r|") as tar:
                header = header_of(tar, name)
                self._same_bundle(header, name)
                if self.complete is None and header.number not in self.landed:
                    self._room(header)
                    for number, span in enumerate(header.spans):
                        self._span(tar, number, span, name)
        except (tarfile.TarError, EOFError) as exc:
            raise _damaged(name, str(exc)) from exc
        self.landed.add(header.number)
        if self.complete is None:
            self._remember()
        return header

    def finish(self) -> BundleManifest:
        """All is there: check what came in parts, then the manifest, and let the bundle be one.

        Raises:
            BundleError: volumes are missing, or together they are not the bundle that they say they are.
        """
        if not self.landed:
            raise BundleError(
                "there are no volumes", where=str(self.out), hint="name them, or their directory"
            )
        if self.complete:
            (self.out / STATE).unlink(missing_ok=True)
            return self.complete
        if gone := missing_numbers(self.volumes, sorted(self.landed)):
            hint = "import them too: slipway bundle import VOLUME... -o DIR"
            raise BundleError(
                f"of {self.volumes} volumes {gone} is not here yet", where=str(self.out), hint=hint
            )
        draft = _draft(self.out / manifests.FILE)
        manifest = manifests.parse(draft.read_bytes(), str(draft))
        if manifest.digest != self.bundle:
            raise _mixed(str(draft))
        for content in contents(self.out, manifest):
            self._settle(self.out / content.path)
        self._refuse_strange(manifest)
        draft.rename(self.out / manifests.FILE)
        (self.out / STATE).unlink()
        return manifest

    def _settle(self, path: Path) -> None:
        """What came in parts is a file now."""
        draft = _draft(path)
        if draft.is_file():
            draft.rename(path)
        if not path.is_file():
            raise _mixed(str(path))

    def _refuse_strange(self, manifest: BundleManifest) -> None:
        """The headers of volumes are nobody's word: by the manifest's digests all is looked at once more."""
        own = {STATE, _draft(Path(manifests.FILE)).name}
        found = (*damaged_files(self.out, manifest), *unlisted_files(self.out, manifest))
        findings = tuple(finding for finding in found if finding.path not in own)
        if findings:
            error = _mixed(str(self.out))
            error.findings = findings
            raise error

    def _recall(self) -> None:
        """What landed before; of a state that cannot be read nothing did, and all is taken again."""
        try:
            state = json_of(self.out / STATE)
            bundle, volumes = str(state["bundle"]), int(state["volumes"])
            landed = {int(number) for number in state["landed"]}
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return
        self.bundle, self.volumes, self.landed = bundle, volumes, landed

    def _remember(self) -> None:
        state = {"bundle": self.bundle, "volumes": self.volumes, "landed": sorted(self.landed)}
        land(self.out / STATE, json.dumps(state))

    def _same_bundle(self, header: Header, name: str) -> None:
        if self.complete and self.complete.digest != header.bundle:
            hint = "import into an empty directory"
            raise BundleError("there is another bundle already", where=str(self.out), hint=hint)
        if not self.bundle:
            self.bundle, self.volumes = header.bundle, header.volumes
        if (self.bundle, self.volumes) != (header.bundle, header.volumes):
            hint = "take the volumes of one export, or another directory"
            why = f"it is of {header.bundle}, in {header.volumes}; those before are of {self.bundle}, in {self.volumes}"
            raise BundleError("a volume of another bundle", where=name, why=why, hint=hint)

    def _room(self, header: Header) -> None:
        self.out.mkdir(parents=True, exist_ok=True)
        needed, free = sum(span.size for span in header.spans), shutil.disk_usage(self.out).free
        if needed > free:
            hint = "import to a larger disk: copy what has landed there, or begin again"
            raise BundleError(f"{needed} bytes are needed, {free} are free", where=str(self.out), hint=hint)

    def _span(self, tar: tarfile.TarFile, number: int, span: Span, name: str) -> None:
        member = tar.next()
        if (
            member is None
            or not member.isreg()
            or (member.name, member.size) != (f"spans/{number}", span.size)
        ):
            raise _damaged(name, f"where {span.path} should be there is something else")
        source = tar.extractfile(member)
        assert source is not None  # noqa: S101 - it is a regular file
        path = self._place(span.path)
        draft = _draft(path)
        if _write(source, draft, span) != span.digest:
            raise _damaged(name, f"{span.path} has another digest")
        if span.executable:
            draft.chmod(0o755)
        if span.is_whole and span.path != manifests.FILE:
            draft.rename(path)

    def _place(self, path: str) -> Path:
        """Where a file goes; no link leads out of the directory, whatever lay there before."""
        target = self.out / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if not real(target.parent).is_relative_to(real(self.out)):
            hint = "import into an empty directory"
            raise BundleError("a link leads out of the directory", where=str(target.parent), hint=hint)
        return target


def import_files(volumes: Iterable[Path], out: Path) -> BundleManifest:
    """A bundle from files of volumes, in any order."""
    with guarded(out):
        work = Import(out)
        for volume in sorted(volumes):
            with volume.open("rb") as file:
                work.volume(volume.name, file)
        return work.finish()


def _write(source: IO[bytes], draft: Path, span: Span) -> str:
    """Write the span to its place in the draft; the digest of what came."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW
    digest = hashlib.sha256()
    with os.fdopen(os.open(draft, flags, 0o644), "wb") as file:
        file.seek(span.offset)
        while data := source.read(CHUNK):
            digest.update(data)
            file.write(data)
        if span.is_whole:
            file.truncate(span.size)
    return f"sha256:{digest.hexdigest()}"


def _draft(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")


def _damaged(name: str, why: str) -> BundleError:
    hint = "copy this volume again and import again: what has landed is kept"
    return BundleError("a volume is damaged or cut off", where=name, why=why, hint=hint)


def _mixed(where: str) -> BundleError:
    hint = "export the bundle again, and import into an empty directory"
    return BundleError("the volumes together are not the bundle that they say", where=where, hint=hint)
