"""What a module says of others, and of the Kubernetes that it runs on."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import eq, ge, gt, le, lt
from typing import Any, Final, Self

#: A comparison and its bound.
_Term = tuple[str, tuple[int, ...]]
_COMPARISONS: Final = {">=": ge, "<=": le, ">": gt, "<": lt, "=": eq}
_TERM: Final = re.compile(r"(>=|<=|>|<|=)v?([0-9]+(?:\.[0-9]+){0,2})")


@dataclass(frozen=True, slots=True)
class Capability:
    """What a module offers others by a name of its own; an exclusive one has one provider in a cluster."""

    name: str
    exclusive: bool = False


@dataclass(frozen=True, slots=True)
class OptionalUse:
    """A capability or module that is used where it is on; `first`: then it is there before who uses it."""

    name: str
    first: bool = True


@dataclass(frozen=True, slots=True)
class Rival:
    """A capability or module that cannot be on beside this one, and why; unless its own settings have these values."""

    name: str
    because: str
    unless: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VersionRange:
    """Versions that meet all `terms`, each a comparison and numbers: `>=1.33 <1.37`. Without any: every version.

    A bound counts by the numbers that it has: `<=1.36` holds for 1.36.4.
    """

    text: str = ""
    terms: tuple[_Term, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """The range.

        Raises:
            ValueError: it is written otherwise, or nothing can be in it.
        """
        words = [_TERM.fullmatch(word) for word in text.split()]
        if not words or None in words:
            raise ValueError("comparisons with blanks between them, as >=1.33 <1.37")
        terms = tuple((word[1], tuple(map(int, word[2].split(".")))) for word in words if word)
        if _empty(terms):
            raise ValueError("a range in which there is a version, as >=1.33 <1.37")
        return cls(text, terms)

    def has(self, version: str) -> bool:
        """Whether a version (`v1.35.4`) is in it."""
        found = _numbers(version)
        return not self.terms or (bool(found) and _holds(self.terms, (*found, 0, 0)[:3]))

    def has_before(self, version: str) -> bool:
        """Whether a version older than this one may be in it; of one that is no number nobody can tell."""
        bound = _numbers(version)
        return not bound or not _empty((*self.terms, ("<", bound)))


def _holds(terms: Sequence[_Term], found: tuple[int, ...]) -> bool:
    return all(_COMPARISONS[sign](found[: len(bound)], bound) for sign, bound in terms)


def _empty(terms: Sequence[_Term]) -> bool:
    """Bounds themselves, and what is next to them, are in every range that has anything."""
    bounds = [(*bound, 0, 0)[:3] for _, bound in terms]
    near = [(major, minor + step, 0) for major, minor, _ in bounds for step in (-1, 0, 1)]
    exact = [(major, minor, patch + step) for major, minor, patch in bounds for step in (-1, 0, 1)]
    far = [(major + step, 0, 0) for major, _, _ in bounds for step in (-1, 1)]
    return not any(min(version) >= 0 and _holds(terms, version) for version in (*near, *exact, *far))


def _numbers(version: str) -> tuple[int, ...]:
    """Of `v0.28.10-flannel3` the numbers before anything else; none of a version that is written otherwise."""
    found = re.match(r"v?([0-9]+(?:\.[0-9]+){0,2})", version)
    return tuple(int(part) for part in found[1].split(".")) if found else ()
