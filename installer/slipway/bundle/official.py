"""Which images of a bundle come from their registries, and which are built from source."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from slipway.bundle.lock import Lock, Locked
from slipway.bundle.tally import Tally
from slipway.bundle.upstream import Upstreams
from slipway.catalog.versions import OWN_IMAGE
from slipway.errors import BundleError, Finding
from slipway.model.bundle import ImageOrigin


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
                Finding(f"image/{reference}", "is unverified: no lock has its digest", code="unverified")
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
