"""Modules of a site's own in its registry: a bundle of these alone, pushed by itself and known by its digest.

What has a digest never changes, so its manifests are kept on this machine and read again without the registry.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from slipway.bundle.ground.disk import guarded, private_directory
from slipway.bundle.registry.refusals import RegistryError
from slipway.bundle.site.push import ManifestHome
from slipway.bundle.site.source import SiteSource, named_bundle
from slipway.bundle.verify.signing import verified
from slipway.digests import digest_of
from slipway.errors import BundleError
from slipway.landing import PRIVATE, land
from slipway.model.bundle import Artifact, BundleManifest
from slipway.model.codes import RefusalCode
from slipway.settings import cache_dir
from slipway.smallfiles import bytes_of

#: Of the packs of one source; in the cache: manifests by their digests.
REPOSITORY: Final = "slipway/modules"
KEPT: Final = "packs"


@dataclass(frozen=True, slots=True)
class Pack:
    """What one source of modules has; `manifest` names folders, charts and images."""

    source: str
    manifest: BundleManifest


def home_of(source: str) -> ManifestHome:
    """Where the packs of a source are."""
    return ManifestHome(f"{REPOSITORY}/{source}")


def contents_of(packs: Iterable[Pack]) -> tuple[Artifact, ...]:
    """All that they have, each once."""
    return tuple(dict.fromkeys(artifact for pack in packs for artifact in pack.manifest.artifacts))


def pack_at(site: Callable[[], SiteSource], source: str, digest: str, trusted: Iterable[str]) -> Pack:
    """The pack of a source that has this digest; with trusted keys (public lines) as one of them signed it.

    Raises:
        BundleError: the registry has no such one, or does not answer; it is not signed as it has to be.
    """
    repository = home_of(source).repository
    where = f"{repository}@{digest}"
    try:
        manifest = _kept(
            digest, lambda: site().first(lambda one: one.client.get_manifest(repository, digest)[0])
        )
        inner, signature = named_bundle(manifest, where)
        text = _kept(inner, lambda: site().first(lambda one: one.client.read_blob(repository, inner)))
    except RegistryError as error:
        if error.code != RefusalCode.NOT_FOUND:
            raise
        hint = f"slipway catalog push DIR --name {source} puts modules there, and prints their digest"
        what = f"the modules of source {source} cannot be had"
        why = "; ".join(filter(None, (error.what, error.why)))
        raise BundleError(what, where=where, why=why, hint=hint) from error
    return Pack(source, verified(text, signature, where, tuple(trusted)).manifest)


def _kept(digest: str, fetch: Callable[[], bytes]) -> bytes:
    """What has this digest, by itself: kept here, or fetched now."""
    place = private_directory(cache_dir() / KEPT) / digest.replace(":", "-")
    with guarded(place):
        data = bytes_of(place) if place.is_file() else b""
    if digest_of(data) == digest:
        return data
    data = fetch()
    if digest_of(data) != digest:
        raise BundleError("the registry has something else there", where=digest, why=digest_of(data))
    with guarded(place):
        land(place, data, mode=PRIVATE)
    return data
