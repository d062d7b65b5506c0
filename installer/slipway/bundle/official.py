"""Which images and files of a bundle come from their registries and servers, and which are built from source."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from slipway.bundle.downloading import Ways, bring
from slipway.bundle.downloads import DEFAULT_PLATFORM, Download, DownloadKind, Downloads
from slipway.bundle.files import Files
from slipway.bundle.lock import ALL, Lock, Locked
from slipway.bundle.tally import Tally
from slipway.bundle.upstream import Upstreams
from slipway.bundle.web import Web
from slipway.catalog.versions import OWN_IMAGE
from slipway.errors import BundleError, Finding
from slipway.model.bundle import ImageOrigin

#: A binary or chart: kind, name, version.
Named = tuple[DownloadKind, str, str]
_UNVERIFIED: Final = "is unverified: no lock has its {}"


@dataclass(frozen=True, slots=True)
class Official:
    """`further`: images that no module names and nothing here builds; they come from their registries in any case."""

    origin: ImageOrigin = ImageOrigin.AUTO
    lock: Lock = field(default_factory=Lock)
    platform: str = "linux/amd64"
    further: frozenset[str] = frozenset()
    upstreams: Upstreams = field(default_factory=Upstreams)
    progress: Callable[[Tally], None] = lambda _tally: None

    def locked(self, references: Iterable[str]) -> list[Locked]:
        """Entries of those that are pulled, with the signatures beside them.

        Raises:
            BundleError: some have to be, and nobody has read which digests they have.
        """
        entries = {reference: self.lock.find(reference, self.platform) for reference in references}
        unverified = [
            reference for reference, entry in entries.items() if not entry and self._must(reference)
        ]
        if unverified:
            hint = "read their digests once, look at them, and keep them: slipway bundle lock"
            findings = tuple(
                Finding(f"image/{reference}", _UNVERIFIED.format("digest"), code="unverified")
                for reference in sorted(unverified)
            )
            raise BundleError(
                "images would come from a registry on trust alone", findings=findings, hint=hint
            )
        chosen = [entry for name, entry in entries.items() if entry and self._may(name)]
        return [item for entry in chosen for item in (entry, *self.lock.beside(entry))]

    def _must(self, reference: str) -> bool:
        own = reference.startswith(f"{OWN_IMAGE}:")
        return reference in self.further or (self.origin is ImageOrigin.OFFICIAL and not own)

    def _may(self, reference: str) -> bool:
        return reference in self.further or self.origin is not ImageOrigin.BUILD


@dataclass(frozen=True, slots=True)
class OfficialFiles:
    """`further`: binaries and charts that no release and no module names; they come from their servers in any case."""

    origin: ImageOrigin = ImageOrigin.AUTO
    lock: Downloads = field(default_factory=Downloads)
    platform: str = DEFAULT_PLATFORM
    """Of the images. Where these are for all, files are for the platform of hosts."""
    further: frozenset[Named] = frozenset()
    web: Web = field(default_factory=Web)
    upstreams: Upstreams = field(default_factory=Upstreams)
    progress: Callable[[Tally], None] = lambda _tally: None

    def bring(self, wanted: Iterable[Named], systems: Iterable[str], cache: Path) -> Files:
        """Download what is locked of binaries and charts, and the packages of systems.

        Raises:
            BundleError: as of `chosen` and of downloading.bring.
        """
        items = [*self.chosen(wanted), *self.packages(systems)]
        return Files(bring(items, cache, Ways(self.web, self.upstreams), self.progress))

    def chosen(self, wanted: Iterable[Named]) -> list[Download]:
        """Entries of those that are downloaded.

        Raises:
            BundleError: some have to be, and no lock has a sha256 with its source.
        """
        entries = {
            named: self.lock.find(*named, self._platform) for named in sorted({*wanted, *self.further})
        }
        unverified = [named for named, entry in entries.items() if not entry and self._must(named)]
        if unverified:
            what = _UNVERIFIED.format(f"sha256 for {self._platform}")
            findings = tuple(
                Finding(f"{kind}/{name}:{version}", what, code="unverified")
                for kind, name, version in unverified
            )
            hint = "read the digests at their publisher, and keep both with the page; charts: slipway bundle lock"
            raise BundleError("files would be downloaded on trust alone", findings=findings, hint=hint)
        return [entry for named, entry in entries.items() if entry and self._may(named)]

    def packages(self, systems: Iterable[str]) -> list[Download]:
        """Entries that join the repositories of systems."""
        if self.origin is ImageOrigin.BUILD:
            return []
        return [item for name in sorted(set(systems)) for item in self.lock.packages(name, self._platform)]

    @property
    def _platform(self) -> str:
        return DEFAULT_PLATFORM if self.platform == ALL else self.platform

    def _must(self, named: Named) -> bool:
        # What is built here is for one platform alone: with AUTO a program for another would come unseen.
        foreign = named[0] is DownloadKind.BINARY and self._platform != DEFAULT_PLATFORM
        official = self.origin is ImageOrigin.OFFICIAL or (self.origin is ImageOrigin.AUTO and foreign)
        return official or named in self.further

    def _may(self, named: Named) -> bool:
        return named in self.further or self.origin is not ImageOrigin.BUILD
