"""What people are told of images whose digests no lock had when a bundle was built."""

from collections.abc import Sequence

#: Names that one line has.
_SHOWN = 4


def unread_text(images: Sequence[str]) -> str:
    """One line: how many, some of them, and how digests are kept."""
    more = len(images) - _SHOWN
    names = ", ".join(images[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
    count = "one image" if len(images) == 1 else f"{len(images)} images"
    return f"unread: {count} that no lock had, so the build read what is carried: {names}"
