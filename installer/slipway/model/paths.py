"""Where something stands in a document: a tuple, since keys may have dots and what a list holds may have a name."""

from dataclasses import dataclass

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Entry:
    """The entry of a keyed list whose fields have these values: the host of a name, the taint of key and effect."""

    keys: tuple[tuple[str, Scalar], ...]


@dataclass(frozen=True, slots=True)
class Member:
    """A value in a list that is a set."""

    value: Scalar


Element = str | int | Entry | Member
FieldPath = tuple[Element, ...]
