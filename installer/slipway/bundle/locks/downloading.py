"""Files of a lock from their public servers into the cache: several at a time, resumed, each checked by its sha256.

A file of the cache is there whole or not at all, below the digest that it has; what is there is not fetched again.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from slipway.bundle.ground.archive import file_digest
from slipway.bundle.ground.crew import Crew
from slipway.bundle.ground.disk import guarded, private_directory, require_room
from slipway.bundle.ground.tally import Tally
from slipway.bundle.ground.workshop import locked
from slipway.bundle.locks.downloads import Download
from slipway.bundle.registry import resuming
from slipway.bundle.registry.refusals import RegistryError
from slipway.bundle.registry.upstream import UpstreamImage, Upstreams
from slipway.bundle.registry.web import Web
from slipway.model.codes import RefusalCode

PARALLEL: Final = 8
OCI: Final = "oci://"
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Ways:
    """How files come: from servers, and from registries, which have charts too."""

    web: Web
    upstreams: Upstreams

    def size(self, item: Download) -> int:
        """Bytes, 0 where nobody says."""
        return 0 if item.url.startswith(OCI) else self.web.size(item.url)

    def fetch(self, item: Download, target: Path, arrived: Callable[[int], None]) -> None:
        """One file, complete and right or not at all."""
        if item.url.startswith(OCI):
            place = oci_place(self.upstreams, item.url)
            place.client.get_blob(place.repository, f"sha256:{item.sha256}", target, arrived)
            return
        found = self.web.fetch(item.url, target, f"sha256:{item.sha256}", arrived)
        if found != f"sha256:{item.sha256}":
            why = f"expected sha256:{item.sha256}, as {item.source} says; got {found}"
            hint = "what came is deleted; find out which of the two is wrong, and correct the lock only then"
            raise RegistryError(
                RefusalCode.DIGEST, "it has other contents", where=item.url, why=why, hint=hint
            )


def fetched_places(
    items: Iterable[Download], cache: Path, ways: Ways, progress: Callable[[Tally], None]
) -> dict[Download, Path]:
    """Every file with its place in the cache.

    Raises:
        BundleError: one is not served, or has other contents, or the disk is too small: then nothing was fetched.
    """
    kept = private_directory(cache / "downloads")
    places = {item: kept / item.sha256 / item.file_name for item in items}
    missing = {path: item for item, path in places.items() if not _is_there(item, path)}
    if not missing:
        return places
    with guarded(cache), Crew(PARALLEL, "download") as crew:
        tasks = list(missing.items())
        sizes = crew.each(lambda task: _told(task[1], lambda: ways.size(task[1])), tasks)
        left = [
            max(size - resuming.bytes_begun(path), 0) for size, (path, _) in zip(sizes, tasks, strict=True)
        ]
        require_room(cache, sum(left))
        tally = Tally(sum(left), progress)
        largest_first = sorted(zip(left, tasks, strict=True), key=lambda pair: -pair[0])
        crew.each(lambda pair: _fetch(*pair[1], ways, tally), largest_first)
    return places


def cached_place(item: Download, cache: Path) -> Path | None:
    """Where the file is, if it was fetched; its contents are looked at."""
    path = cache / "downloads" / item.sha256 / item.file_name
    return path if _is_there(item, path) else None


def oci_place(upstreams: Upstreams, url: str) -> UpstreamImage:
    """Of oci://HOST/PATH/NAME:VERSION; a tag has _ where a version has +."""
    return upstreams.place(url.removeprefix(OCI).replace("+", "_"))


def _is_there(item: Download, path: Path) -> bool:
    if path.is_file() and file_digest(path) != f"sha256:{item.sha256}":
        path.unlink()
    return path.is_file()


def _fetch(path: Path, item: Download, ways: Ways, tally: Tally) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path.with_name(f".{path.name}.lock")):
        if not _is_there(item, path):
            _told(item, lambda: ways.fetch(item, path, tally.add))


def _told(item: Download, work: Callable[[], Result]) -> Result:
    """A server knows nothing of our names: say which file it is about, and all of its URL."""
    try:
        return work()
    except RegistryError as error:
        error.what, error.where = f"{item.label} cannot be fetched: {error.what}", item.url
        raise
