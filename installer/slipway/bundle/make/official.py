"""Which images and files of a bundle come from their registries and servers, and which are built from source."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from slipway.bundle.ground.tally import Tally
from slipway.bundle.locks.downloading import Ways, fetched_places
from slipway.bundle.locks.downloads import Download, DownloadKind, Downloads
from slipway.bundle.locks.images import ImageLock, Locked
from slipway.bundle.locks.published import NamedProgram
from slipway.bundle.locks.vouching import check_vouched
from slipway.bundle.make.files import Files
from slipway.bundle.registry.upstream import Upstreams
from slipway.bundle.registry.web import Web
from slipway.bundle.vouch.signers import Signers
from slipway.catalog.versions import OWN_IMAGE, Versions
from slipway.clock import utc_now
from slipway.errors import BundleError, Finding
from slipway.findings import FindingCode
from slipway.model.bundle import ImageOrigin
from slipway.model.platforms import AMD64, Platform

#: A binary or chart: kind, name, version.
NamedDownload = tuple[DownloadKind, str, str]
_UNVERIFIED: Final = "is unverified: no lock has its {}"
#: Binaries that run where Slipway does: that may be an amd64 machine, whatever its hosts are.
TOOLS: Final = frozenset({"helm", "scanner"})


def platforms_with_tools(platforms: Iterable[Platform]) -> tuple[Platform, ...]:
    """Platforms of what runs where Slipway does."""
    return tuple(dict.fromkeys((AMD64, *platforms)))


def platforms_needed(kind: DownloadKind, name: str, platforms: tuple[Platform, ...]) -> tuple[Platform, ...]:
    """For which platforms a bundle for hosts of these has a binary; a chart is the same for all."""
    if kind is DownloadKind.CHART:
        return (AMD64,)
    return platforms_with_tools(platforms) if name in TOOLS else platforms


def programs_published(
    versions: Versions, kubernetes: Iterable[str], platforms: tuple[Platform, ...]
) -> list[NamedProgram]:
    """Programs of a bundle that their publishers serve with checksums, for each platform on which they run."""
    return [
        NamedProgram(name, version, platform, publisher)
        for name, version in versions.programs(kubernetes)
        if (publisher := versions.publisher(name))
        for platform in platforms_needed(DownloadKind.BINARY, name, platforms)
    ]


@dataclass(frozen=True, slots=True)
class Official:
    """`further`: images that no module names and nothing here builds; they come from their registries in any case."""

    origin: ImageOrigin = ImageOrigin.AUTO
    lock: ImageLock = field(default_factory=ImageLock)
    platforms: tuple[str, ...] = (AMD64.name,)
    """Those of hosts; or `ALL` alone."""
    further: frozenset[str] = frozenset()
    upstreams: Upstreams = field(default_factory=Upstreams)
    progress: Callable[[Tally], None] = lambda _tally: None
    signers: Signers = field(default_factory=Signers)
    unread: frozenset[str] = frozenset()
    """Images of the lock whose digests nobody had read before this bundle."""

    def knows(self, reference: str) -> bool:
        """Whether the lock has an image, for one of the platforms at least."""
        return any(self.lock.find(reference, platform) for platform in self.platforms)

    def locked(self, references: Iterable[str]) -> list[Locked]:
        """Entries of those that are pulled, with the signatures beside them; those who have to vouch do so.

        Raises:
            BundleError: some have to be, and nobody has read which digests they have; or they are not signed.
        """
        entries = {
            reference: {platform: self.lock.find(reference, platform) for platform in self.platforms}
            for reference in references
        }
        findings = [
            Finding(f"image/{reference}", self._lacking(found), code=FindingCode.UNVERIFIED)
            for reference, found in sorted(entries.items())
            if not all(found.values()) and self._must(reference, found.values())
        ]
        if findings:
            hint = "read their digests once, look at them, and keep them: slipway bundle lock"
            what = "images would come from a registry on trust alone"
            raise BundleError(what, findings=tuple(findings), hint=hint)
        chosen = [
            entry for name, found in entries.items() if self._may(name) for entry in found.values() if entry
        ]
        check_vouched(self.upstreams, chosen, self.signers, utc_now())
        return [item for entry in chosen for item in (entry, *self.lock.beside(entry))]

    def _lacking(self, found: Mapping[str, Locked | None]) -> str:
        platforms = ", ".join(platform for platform, entry in found.items() if not entry)
        return _UNVERIFIED.format("digest" if len(self.platforms) == 1 else f"digest for {platforms}")

    def _must(self, reference: str, found: Iterable[Locked | None]) -> bool:
        """What is pulled for one platform is not built for another: a name means the same everywhere."""
        if reference in self.further:
            return True
        if self.origin is ImageOrigin.AUTO:
            return any(found)
        return self.origin is ImageOrigin.OFFICIAL and not reference.startswith(f"{OWN_IMAGE}:")

    def _may(self, reference: str) -> bool:
        return reference in self.further or self.origin is not ImageOrigin.BUILD


@dataclass(frozen=True, slots=True)
class OfficialFiles:
    """`further`: binaries and charts that no release and no module names; they come from their servers in any case."""

    origin: ImageOrigin = ImageOrigin.AUTO
    lock: Downloads = field(default_factory=Downloads)
    platforms: tuple[Platform, ...] = (AMD64,)
    """Those of hosts."""
    further: frozenset[NamedDownload] = frozenset()
    web: Web = field(default_factory=Web)
    upstreams: Upstreams = field(default_factory=Upstreams)
    progress: Callable[[Tally], None] = lambda _tally: None

    def bring(self, wanted: Iterable[NamedDownload], systems: Iterable[str], cache: Path) -> Files:
        """Download what is locked of binaries and charts, and the packages of systems.

        Raises:
            BundleError: as of `chosen` and of downloading.bring.
        """
        items = [*self.chosen(wanted), *self.packages(systems)]
        return Files(fetched_places(items, cache, Ways(self.web, self.upstreams), self.progress))

    def chosen(self, wanted: Iterable[NamedDownload]) -> list[Download]:
        """Entries of those that are downloaded.

        Raises:
            BundleError: some have to be, and no lock has a sha256 with its source.
        """
        entries = {
            (named, platform.name): self.lock.find(*named, platform.name)
            for named in sorted({*wanted, *self.further})
            for platform in platforms_needed(named[0], named[1], self.platforms)
        }
        unverified = [place for place, entry in entries.items() if not entry and self._must(place[0])]
        if unverified:
            findings = tuple(
                Finding(
                    f"{kind}/{name}:{version}",
                    _UNVERIFIED.format(f"sha256 for {platform}"),
                    code=FindingCode.UNVERIFIED,
                )
                for (kind, name, version), platform in unverified
            )
            hint = "slipway bundle lock --programs reads digests at the publishers of programs, --chart at repositories"
            raise BundleError("files would be downloaded on trust alone", findings=findings, hint=hint)
        return [entry for (named, _), entry in entries.items() if entry and self._may(named)]

    def packages(self, systems: Iterable[str]) -> list[Download]:
        """Entries that join the repositories of systems."""
        if self.origin is ImageOrigin.BUILD:
            return []
        return [
            item
            for name in sorted(set(systems))
            for platform in self.platforms
            for item in self.lock.packages(name, platform.name)
        ]

    def _must(self, named: NamedDownload) -> bool:
        return self.origin is ImageOrigin.OFFICIAL or named in self.further

    def _may(self, named: NamedDownload) -> bool:
        return named in self.further or self.origin is not ImageOrigin.BUILD
