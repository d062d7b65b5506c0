"""Images that no recipe builds and no lock of the site has: by the locks of modules, or read now and told as such."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from slipway.bundle.ground.crew import Crew
from slipway.bundle.locks.images import PARALLEL, Locked, resolve
from slipway.bundle.locks.modulelocks import ModuleDigests, check_agreed
from slipway.bundle.locks.vouching import vouched
from slipway.bundle.make.official import Official
from slipway.errors import BundleError, Finding
from slipway.findings import FindingCode
from slipway.model.bundle import ImageOrigin

_KEEP: Final = "keep such digests beside cluster.yaml: slipway bundle lock"


def with_unread(
    official: Official,
    users: Mapping[str, Sequence[str]],
    recipes: Collection[str],
    known: ModuleDigests,
    now: datetime,
    tell: Callable[[str], None],
) -> Official:
    """The same, whose lock has besides what modules' locks have, and what their registries say of the rest now.

    `users`: images that are wanted, with the modules that declare each. Whoever wants all of the publishers
    (`official`), or names an image by himself, has to lock it: of that nothing is read here.

    Raises:
        BundleError: some cannot be read, mean something else than modules' locks say, or are not vouched for.
    """
    if official.origin is ImageOrigin.BUILD:
        return official
    built = recipes if official.origin is ImageOrigin.AUTO else ()
    open_ = [one for one in users if one not in {*built, *official.further} and not official.knows(one)]
    entries = {one: [known.get((one, platform)) for platform in official.platforms] for one in open_}
    locked = [found.entry for several in entries.values() if all(several) for found in several if found]
    left = [one for one, several in entries.items() if not all(several)]
    unread = left if official.origin is ImageOrigin.AUTO else []
    read = _read(official, unread, users)
    check_agreed(known, read)
    of_images = [*locked, *(item for item in read if item.image in users)]
    beside = [item for item in read if item.image not in users]
    asked = vouched(official.upstreams, of_images, official.signers, now)
    if unread:
        tell(f"unread: no lock has the digests of {_many(len(unread))}, they were read now; {_KEEP}")
    return replace(official, lock=official.lock.merged([*asked, *beside]), unread=frozenset(unread))


def _read(official: Official, images: Iterable[str], users: Mapping[str, Sequence[str]]) -> list[Locked]:
    """What the tags mean now, with what hangs at each; all that cannot be read is named at once."""

    def entries(image: str) -> list[Locked] | Finding:
        try:
            return [
                item
                for platform in official.platforms
                for item in resolve(official.upstreams, image, platform, today="")
            ]
        except BundleError as error:
            why = ": ".join(filter(None, [error.what, error.why]))
            text = f"of {', '.join(users[image]) or 'nobody'} cannot be read: {why}"
            return Finding(f"image/{image}", text, code=FindingCode.UNREAD)

    with Crew(PARALLEL, "lock") as crew:
        found = crew.each(entries, images)
    if findings := tuple(one for one in found if isinstance(one, Finding)):
        what = "images have neither a lock nor a recipe, and their digests cannot be read now"
        hint = (
            "read them where their registries can be asked: slipway bundle lock; --profile minimal takes enabled "
            "modules alone"
        )
        raise BundleError(what, findings=findings, hint=hint)
    return [item for items in found if isinstance(items, list) for item in items]


def _many(count: int) -> str:
    return "one image" if count == 1 else f"{count} images"
