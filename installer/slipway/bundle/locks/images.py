"""The lock: which digest an image's tag meant, for a platform, when somebody read it at its source, and the day.

What hangs at an image (signatures, attestations and other referrers) is locked with it. Only what is in a lock is taken
from a registry of the Internet: a tag can be overwritten, a digest cannot.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from slipway import yamltext
from slipway.bundle.form import layout
from slipway.bundle.form.layout import StoredManifest
from slipway.bundle.ground.crew import Crew
from slipway.bundle.ground.disk import guarded
from slipway.bundle.registry import referrers
from slipway.bundle.registry.answers import object_in
from slipway.bundle.registry.refusals import RegistryError
from slipway.bundle.registry.upstream import UpstreamImage, Upstreams
from slipway.errors import BundleError, Finding
from slipway.findings import FindingCode
from slipway.landing import land
from slipway.model.codes import RefusalCode
from slipway.model.platforms import ALL, BY_NAME
from slipway.smallfiles import bytes_of

LOCK_FORMAT: Final = 1
#: Images that are asked for at a time.
PARALLEL: Final = 8


@dataclass(frozen=True, slots=True)
class Locked:
    """`digest` is of what is carried, `tagged` is what the tag named: an index where there are several platforms.

    `image` is NAME:TAG; what has no tag, as a referrer has none, is NAME@DIGEST.
    """

    image: str
    platform: str
    digest: str
    tagged: str
    source: str
    read: str
    """Day, as 2026-11-26; empty where a build has just read it, and no lock has it."""
    subject: str = ""
    """Digest of the manifest that a referrer is about."""
    signed: str = ""
    """Where somebody has to vouch for the image: the digest that is signed, its own or that of the index."""
    signature: str = ""
    """Digest of the manifest at the source that has the signature."""
    key: str = ""
    """Fingerprint of the configured key or certificate that made it."""

    @property
    def name(self) -> str:
        """Without tag or digest."""
        return self.image.partition("@")[0] if "@" in self.image else self.image.rpartition(":")[0]

    @property
    def version(self) -> str:
        """The tag, or the digest."""
        return self.image.removeprefix(self.name)[1:]


@dataclass(frozen=True, slots=True)
class ImageLock:
    """A lock file."""

    images: tuple[Locked, ...] = ()

    def find(self, image: str, platform: str) -> Locked | None:
        """The entry of an image."""
        return next((item for item in self.images if (item.image, item.platform) == (image, platform)), None)

    def unknown(self, found: Iterable[Locked]) -> list[Locked]:
        """Of what was read that which is not here with the same digest."""
        here = {(item.image, item.platform): item.digest for item in self.images}
        return [item for item in found if here.get((item.image, item.platform)) != item.digest]

    def beside(self, locked: Locked) -> list[Locked]:
        """Entries of signatures and other referrers of an image, each before its own."""
        tags = {f"{locked.name}:{tag}" for tag in referrers.tags_beside(locked.digest)}
        found = [item for item in self.images if item.image in tags]
        for item in self.images:
            if (item.name, item.subject) == (locked.name, locked.digest):
                found += [item, *self.beside(item)]
        return found

    def merged(self, others: Iterable[Locked]) -> "ImageLock":
        """With these in the place of former ones of the same image and platform."""
        found = {(item.image, item.platform): item for item in (*self.images, *others)}
        return ImageLock(tuple(found[key] for key in sorted(found)))


def read(path: Path) -> ImageLock:
    """A lock file; an empty lock where there is none.

    Raises:
        BundleError: it is damaged, or of another format.
    """
    try:
        data = yamltext.load(bytes_of(path))
        known, items = data["format"] == LOCK_FORMAT, data["images"]
        lock = ImageLock(tuple(Locked(**{key: str(value) for key, value in item.items()}) for item in items))
    except FileNotFoundError:
        return ImageLock()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
        why = f"{type(exc).__name__}: {exc}"
        raise BundleError("this is no lock of images", where=str(path), why=why, hint=_HINT) from exc
    if not known:
        raise BundleError("the lock has another format", where=str(path), hint=_HINT)
    return lock


def write(lock: ImageLock, path: Path) -> None:
    """By rename."""
    items = [{key: value for key, value in asdict(item).items() if value} for item in lock.images]
    data = {"format": LOCK_FORMAT, "images": items}
    with guarded(path):
        land(path, yamltext.dump(data))


_HINT = "make it: slipway bundle lock -f cluster.yaml"


def resolve(upstreams: Upstreams, image: str, platform: str, today: str) -> list[Locked]:
    """What the tag means now, and what hangs at that: tags of signatures beside it, referrers and their referrers.

    Raises:
        BundleError: it is not there, or not for this platform.
    """
    if "@" in image:
        hint = "write its tag, as docker.io/library/busybox:1.37: the lock has the digest that it means"
        raise BundleError(f"{image} names a digest, and tags are locked", hint=hint)
    place = upstreams.place(image)
    tagged = _get(place, place.tag)
    node = tagged if platform == ALL else _of_platform(place, tagged, platform, image)
    source, name = f"{place.client.url}/{place.repository}", image.rpartition(":")[0]
    found = [Locked(image, platform, node.digest, tagged.digest, source, today)]
    for tag in referrers.tags_beside(node.digest):
        digest = place.client.head_manifest(place.repository, tag)
        if digest:
            found.append(Locked(f"{name}:{tag}", platform, digest, digest, source, today))
    for subject, digest in referrers.referrer_tree(place.client, place.repository, node.digest):
        found.append(Locked(f"{name}@{digest}", platform, digest, digest, source, today, subject))
    return found


@dataclass(frozen=True, slots=True)
class TagMeaning:
    """What a tag means at its source: what it names, and the manifest for each platform, as linux/amd64."""

    tagged: str
    source: str
    platforms: Mapping[str, str]


def meaning(upstreams: Upstreams, image: str) -> TagMeaning:
    """What the tag means now.

    Raises:
        BundleError: it is not there, or for no platform that hosts can have.
    """
    place = upstreams.place(image)
    node = _get(place, place.tag)
    offered = _offered(place, node)
    found = {name: offered[name] for name in BY_NAME if name in offered}
    if not found:
        why = f"it is there for {', '.join(sorted(offered))}"
        raise BundleError(f"{image} is there for no platform of hosts", where=place.client.url, why=why)
    return TagMeaning(node.digest, f"{place.client.url}/{place.repository}", found)


def resolve_all(upstreams: Upstreams, images: Iterable[str], platform: str, today: str) -> list[Locked]:
    """The same for many, several at a time."""
    with Crew(PARALLEL, "lock") as crew:
        found = crew.each(lambda image: resolve(upstreams, image, platform, today), images)
    return [item for items in found for item in items]


def check_moved(former: ImageLock, found: Iterable[Locked], *, accept: bool) -> None:
    """Refuse tags that mean something else than they did, unless somebody has looked at them.

    Raises:
        BundleError: naming each.
    """
    moved = [
        (old, new)
        for new in found
        if (old := former.find(new.image, new.platform)) and old.tagged != new.tagged
    ]
    if moved and not accept:
        findings = tuple(
            Finding(
                f"image/{new.image}",
                f"its tag was overwritten at {new.source}: it means {new.tagged}",
                expected=f"{old.tagged}, read on {old.read}",
                code=FindingCode.MOVED,
            )
            for old, new in moved
        )
        hint = "find out why, then take them with --accept; without, the former digests stay locked and are pulled"
        raise BundleError("tags mean other contents than before", findings=findings, hint=hint)


def _get(place: UpstreamImage, reference: str) -> StoredManifest:
    try:
        text, _ = place.client.get_manifest(place.repository, reference)
        return layout.stored_manifest(text)
    except RegistryError as error:
        if error.code is RefusalCode.NOT_FOUND:
            error.hint = "check the image's name and tag, and that the account may read it"
        raise
    except (ValueError, KeyError, TypeError) as exc:
        where = f"{place.client.url}/{place.repository}:{reference}"
        raise BundleError("this is no image", where=where, why=str(exc)) from exc


def _of_platform(place: UpstreamImage, node: StoredManifest, platform: str, image: str) -> StoredManifest:
    """The manifest for a platform, of an index or of an image that has one platform alone."""
    offered = _offered(place, node)
    if platform in offered:
        return node if offered[platform] == node.digest else _get(place, offered[platform])
    why = f"it is there for {', '.join(sorted(offered))}"
    raise BundleError(f"{image} is not there for {platform}", where=place.client.url, why=why)


def _offered(place: UpstreamImage, node: StoredManifest) -> dict[str, str]:
    """Digests of manifests by platform."""
    if node.media_type in layout.INDEXES:
        return {_platform(item.get("platform", {})): item["digest"] for item in node.data["manifests"]}
    config = object_in(
        place.client.read_blob(place.repository, node.data["config"]["digest"]), place.client.url
    )
    return {_platform(config): node.digest}


def _platform(data: Mapping[str, Any]) -> str:
    return f"{data.get('os', '')}/{data.get('architecture', '')}"
