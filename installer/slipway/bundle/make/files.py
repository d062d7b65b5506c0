"""Programs, charts and packages of a bundle that were downloaded, as its builder takes them."""

import posixpath
import shutil
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.locks.downloads import Download, DownloadKind
from slipway.bundle.make.charts import read_chart
from slipway.catalog.pins import Binary
from slipway.errors import BundleError
from slipway.model.platforms import AMD64, Platform

MEMBER = "program"
#: Names that an error tells of many.
SOME = 10
#: Suffixes of archives as files of a bundle have them.
ARCHIVE, CHART = ".tar.gz", ".tgz"


@dataclass(frozen=True, slots=True)
class Ready:
    """A file that only has to be copied into the bundle."""

    item: Download
    path: Path
    suffix: str


@dataclass(frozen=True, slots=True)
class Files:
    """Downloads with their places in the cache."""

    paths: Mapping[Download, Path] = field(default_factory=dict)

    def find(
        self, kind: DownloadKind, name: str, version: str, platform: Platform = AMD64
    ) -> Download | None:
        """What was downloaded of a binary for a platform, or of a chart; None: it is built."""
        wanted = (kind, name, version)
        found = (item for item in self.paths if (item.kind, item.artifact, item.version) == wanted)
        chart = kind is DownloadKind.CHART
        return next((item for item in found if chart or item.platform == platform.name), None)

    def packages(self, system: str, platform: Platform = AMD64) -> list[Path]:
        """Packages that join a system's repository."""
        wanted = (system, platform.name)
        found = [path for item, path in self.paths.items() if (item.system, item.platform) == wanted]
        return sorted(found, key=lambda path: path.name)

    def sources(self, system: str, others: str, platform: Platform = AMD64) -> str:
        """Where the packages of a system are from; `others`: those that are not downloads."""
        wanted = (system, platform.name)
        urls = sorted(item.url for item in self.paths if (item.system, item.platform) == wanted)
        return ", ".join(filter(None, [others, *urls]))

    def ready(self, item: Download, workshop: Workshop, pinned: Binary | None = None) -> Ready:
        """A binary or chart, looked at: that it is what its name says. `pinned`: what hosts expect of a binary.

        Raises:
            BundleError: hosts could not use it.
        """
        path = self.paths[item]
        if item.kind is DownloadKind.CHART:
            chart = read_chart(path)
            if (chart.name, chart.version) != (item.name, item.version):
                raise _wrong(item, f"it is the chart {chart.label}", "correct name and version in the lock")
            return Ready(item, path, CHART)
        if item.member:
            path = workshop.make(
                "download",
                item.name,
                item.version,
                [item.sha256, item.member],
                lambda dest: _extract(item, path, dest),
            )
            return self._program(replace(item, member=""), path / MEMBER, pinned)
        return self._program(item, path, pinned)

    def _program(self, item: Download, path: Path, pinned: Binary | None) -> Ready:
        members = _members(path)
        if pinned and pinned.file and members:
            hint = "say by `member` which of its files is the program"
            raise _wrong(item, "it is an archive, and a program is wanted", hint)
        if pinned and (missing := sorted(set(pinned.files) - members)):
            hint = (
                "hosts need the archive of upstream's releases, or leave it out of the lock: then it is built"
            )
            raise _wrong(item, f"the archive lacks {', '.join(missing)}", hint)
        if not members:
            path.chmod(0o755)
        return Ready(item, path, ARCHIVE if members else "")


def _members(path: Path) -> set[str]:
    """Files of an archive; none of what is no archive."""
    if not tarfile.is_tarfile(path):
        return set()
    with tarfile.open(path) as archive:
        return {posixpath.normpath(member.name) for member in archive if member.isfile()}


def _extract(item: Download, archive: Path, dest: Path) -> None:
    if not tarfile.is_tarfile(archive):
        raise _wrong(
            item, "it is no archive that could have members", "leave `member` out, where it is the program"
        )
    with tarfile.open(archive) as tar:
        files = {posixpath.normpath(member.name): member for member in tar if member.isfile()}
        wanted = files.get(posixpath.normpath(item.member))
        source = tar.extractfile(wanted) if wanted else None
        if source is None:
            raise _wrong(item, f"it has no file {item.member}", f"it has {_some(files)}")
        with (dest / MEMBER).open("wb") as target:
            shutil.copyfileobj(source, target)
    (dest / MEMBER).chmod(0o755)


def _some(names: Iterable[str]) -> str:
    there = sorted(names)
    return ", ".join(there[:SOME]) + (" and others" if len(there) > SOME else "")


def _wrong(item: Download, why: str, hint: str) -> BundleError:
    return BundleError(f"{item.label} cannot be used", where=item.url, why=why, hint=hint)
