"""What a module says of names that stand where images do and that nobody pulls. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Final

from slipway.catalog.images.mentions import WORD
from slipway.catalog.images.names import parse
from slipway.catalog.images.references import Reference, Use
from slipway.catalog.modules import Module

#: What a kubelet pulls: a reason can only be that a word is replaced before.
PULLED: Final = frozenset({Use.CONTAINER, Use.VOLUME})


@dataclass(frozen=True, slots=True)
class Acknowledgements:
    """Of one module; `images` as it writes them."""

    images: tuple[str, ...]

    def has(self, image: str) -> bool:
        """Whether it says of this name that nobody pulls it."""
        return _full(image) in {_full(one) for one in self.images}

    def spare(self, image: str) -> bool:
        """Whether that can be so even where a kubelet would pull it: a lone word names no image anywhere."""
        return bool(WORD.fullmatch(image))

    def cover(self, reference: Reference) -> bool:
        """Whether this place needs no image."""
        return self.has(reference.image) and (reference.use not in PULLED or self.spare(reference.image))

    def stale(self, found: Iterable[str]) -> list[str]:
        """What is said of names that are nowhere."""
        there = {_full(image) for image in found}
        return [image for image in self.images if _full(image) not in there]


def acknowledgements(module: Module) -> Acknowledgements:
    """Those of a module."""
    return Acknowledgements(tuple(one.image for one in module.acknowledged))


@cache
def _full(image: str) -> str:
    return parse(image).reference
