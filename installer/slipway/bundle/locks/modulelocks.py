"""Digests of images in modules' own locks: read where a registry can be asked, compared wherever the tag is read again.

Of an image that no such lock has nobody has read anything: it is unread, until a bundle's lock or a build reads it.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from slipway.bundle.ground.crew import Crew
from slipway.bundle.locks.images import PARALLEL, Locked, TagMeaning, meaning
from slipway.bundle.registry.refusals import RegistryError
from slipway.bundle.registry.upstream import Upstreams
from slipway.catalog import Module
from slipway.catalog.folder.lock import LockedImage
from slipway.errors import BundleError, Finding
from slipway.findings import FindingCode
from slipway.model.codes import RefusalCode
from slipway.model.platforms import ALL

#: A registry that says one of these has not said what a tag means; another account or another day may help.
_NOT_ASKED: Final = frozenset(
    {RefusalCode.UNAUTHORIZED, RefusalCode.DENIED, RefusalCode.TLS, RefusalCode.UNREACHABLE}
)


@dataclass(frozen=True, slots=True)
class ReadImages:
    """What registries said of images, and why of others nothing was to be had."""

    found: tuple[LockedImage, ...]
    unread: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ModuleDigest:
    """The digest of an image for a platform as these modules' locks have it."""

    entry: Locked
    modules: tuple[str, ...]


#: By image and platform, or `ALL`.
ModuleDigests = Mapping[tuple[str, str], ModuleDigest]


def read_images(upstreams: Upstreams, images: Collection[str], today: str) -> ReadImages:
    """What the tags of images mean now.

    Raises:
        BundleError: a registry says that it has no such image, or not for any platform of hosts.
    """
    with Crew(PARALLEL, "lock") as crew:
        read = dict(zip(images, crew.each(lambda image: _meaning(upstreams, image), images), strict=True))
    found = tuple(
        LockedImage(
            image=image, tagged=one.tagged, source=one.source, read=today, platforms=dict(one.platforms)
        )
        for image, one in sorted(read.items())
        if isinstance(one, TagMeaning)
    )
    return ReadImages(found, {image: one for image, one in sorted(read.items()) if isinstance(one, str)})


def check_read(former: Iterable[LockedImage], found: Iterable[LockedImage], *, accept: bool) -> None:
    """Refuse tags that mean something else than when the module was locked before, unless somebody has looked.

    Raises:
        BundleError: naming each.
    """
    before = {one.image: one for one in former}
    findings = tuple(
        Finding(
            f"image/{new.image}",
            f"its tag was overwritten at {new.source}: it means {new.tagged}",
            expected=f"{old.tagged}, read on {old.read}",
            code=FindingCode.MOVED,
        )
        for new in found
        if (old := before.get(new.image)) and old.tagged != new.tagged
    )
    if findings and not accept:
        hint = "find out why, then take them with --accept"
        raise BundleError("tags mean other contents than before", findings=findings, hint=hint)


def digests_of(
    modules: Iterable[Module], images: Collection[str], platforms: Collection[str]
) -> ModuleDigests:
    """What the locks of modules have of these images.

    Raises:
        BundleError: two modules have read different digests of one: in a registry a tag means one.
    """
    found: dict[tuple[str, str], ModuleDigest] = {}
    findings = []
    locked = [(module.name, one) for module in modules if module.lock for one in module.lock.digests]
    for module, one in locked:
        digests = {**one.platforms, ALL: one.tagged} if one.image in images else {}
        for platform in digests.keys() & platforms:
            entry = Locked(one.image, platform, digests[platform], one.tagged, one.source, one.read)
            known = found.setdefault((one.image, platform), ModuleDigest(entry, ()))
            found[one.image, platform] = ModuleDigest(known.entry, (*known.modules, module))
            if known.entry.digest != entry.digest:
                findings.append(_differing(ModuleDigest(entry, (module,)), known))
    if findings:
        hint = "lock the one that was read earlier again: slipway catalog lock NAME --images --accept"
        raise BundleError("modules know one image by two digests", findings=tuple(findings), hint=hint)
    return found


def check_agreed(known: ModuleDigests, found: Iterable[Locked]) -> None:
    """Refuse what was read of tags now where modules' locks say something else.

    Raises:
        BundleError: naming each.
    """
    findings = tuple(
        Finding(
            f"image/{new.image}",
            f"its tag means {new.digest} for {new.platform} at {new.source}",
            expected=f"{old.entry.digest}, as lock.yaml of {', '.join(old.modules)} has it, read on {old.entry.read}",
            code=FindingCode.MOVED,
        )
        for new in found
        if (old := known.get((new.image, new.platform))) and old.entry.digest != new.digest
    )
    if findings:
        hint = "find out why, then take them for this site: slipway bundle lock --accept"
        raise BundleError(
            "tags mean other contents than modules were locked with", findings=findings, hint=hint
        )


def _differing(one: ModuleDigest, other: ModuleDigest) -> Finding:
    entry, known = one.entry, other.entry
    return Finding(
        f"image/{entry.image}",
        f"lock.yaml of {', '.join(one.modules)} has {entry.digest} for {entry.platform}, read on {entry.read}",
        expected=f"{known.digest}, as that of {', '.join(other.modules)}, read on {known.read}",
        code=FindingCode.MOVED,
    )


def _meaning(upstreams: Upstreams, image: str) -> TagMeaning | str:
    """What the tag means, or why nobody says."""
    try:
        return meaning(upstreams, image)
    except RegistryError as error:
        if error.code not in _NOT_ASKED:
            raise
        return " ".join(filter(None, [error.what, error.why]))
