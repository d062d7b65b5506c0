"""Volumes: a bundle in numbered pieces of a size that media carry. Layout and header.

A volume is a tar: `volume.json` first, then the spans that it names, in that order, as `spans/NUMBER`. So a reader
knows where each byte belongs, and its digest, before it comes, and a volume can be checked alone.
"""

import json
import re
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from slipway.bundle.form.names import is_bundle_path
from slipway.digests import is_digest
from slipway.errors import BundleError
from slipway.smallfiles import json_in

#: A newer one is refused.
VOLUME_FORMAT: Final = 1
HEADER: Final = "volume.json"
#: Bytes of a tar for each member besides its contents, and at its end.
BLOCK: Final = 512
END: Final = 20 * BLOCK
#: A header is some hundred bytes per span; one of more than this is nobody's.
LARGEST_HEADER: Final = 64 << 20
#: Bytes of a header per span, at most: a path, two numbers, two digests.
PER_SPAN: Final = 512
#: The smallest volume: below it there is more header than contents.
SMALLEST: Final = 64 << 10


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes of a file of the bundle; `digest` is of these bytes, `whole` is the size of the file."""

    path: str
    offset: int
    size: int
    whole: int
    digest: str = ""
    executable: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether it is all of the file."""
        return self.size == self.whole


@dataclass(frozen=True, slots=True)
class Header:
    """What a volume says of itself: the bundle by its digest, its own number of how many, from 1, and its spans."""

    bundle: str
    number: int
    volumes: int
    spans: tuple[Span, ...]


def laid_out(files: Iterable[tuple[str, int]], limit: int | None) -> list[list[Span]]:
    """Spans volume by volume, each volume's tar at most `limit` bytes; files in the order given, {path, size}.

    Raises:
        BundleError: the limit leaves no room.
    """
    if limit is not None and limit < SMALLEST:
        raise BundleError(f"volumes of {limit} bytes are too small", hint=f"give at least {SMALLEST}")
    volumes: list[list[Span]] = [[]]
    free = _room(limit)
    for path, size in files:
        offset = 0
        while True:
            if _fits(free) <= 0:
                volumes.append([])
                free = _room(limit)
            part = min(size - offset, _fits(free))
            volumes[-1].append(Span(path, offset, part, size))
            free -= _cost(part)
            offset += part
            if offset == size:
                break
    return volumes


def _room(limit: int | None) -> int:
    return (limit if limit is not None else 1 << 62) - END - 2 * BLOCK


def _fits(free: int) -> int:
    """Bytes of contents that there is room for, in whole blocks."""
    return (free - BLOCK - PER_SPAN) // BLOCK * BLOCK


def _cost(size: int) -> int:
    return BLOCK + PER_SPAN + -(-size // BLOCK) * BLOCK


def dump(header: Header) -> bytes:
    """The text of volume.json."""
    return json.dumps({"format": VOLUME_FORMAT, **asdict(header)}, separators=(",", ":")).encode()


def parse(text: bytes, where: str) -> Header:
    """A header from its text.

    Raises:
        BundleError: it is none, of a newer format, or names places that are not a bundle's.
    """
    try:
        data = json_in(text)
        if data.pop("format") != VOLUME_FORMAT:
            hint = "use the Slipway that the volumes were made with"
            raise BundleError("a volume of another format", where=where, hint=hint)
        spans = tuple(Span(**span) for span in data.pop("spans"))
        header = Header(**data, spans=spans)
        problem = next(_problems(header), "")
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise BundleError("this is no volume of a bundle", where=where, why=str(exc)) from exc
    if problem:
        hint = "it was not made by slipway bundle export: do not use it"
        raise BundleError("a volume that is not to be trusted", where=where, why=problem, hint=hint)
    return header


def header_of(tar: tarfile.TarFile, name: str) -> Header:
    """What a volume says of itself: its first member.

    Raises:
        BundleError: it is no volume.
    """
    member = tar.next()
    if member is None or member.name != HEADER or not member.isreg() or member.size > LARGEST_HEADER:
        raise BundleError(
            "this is no volume of a bundle", where=name, hint="volumes are made by slipway bundle export"
        )
    file = tar.extractfile(member)
    assert file is not None  # noqa: S101 - it is a regular file
    return parse(file.read(), name)


def _problems(header: Header) -> Iterator[str]:
    if not is_digest(header.bundle) or not 1 <= header.number <= header.volumes:
        yield f"it says to be number {header.number} of {header.volumes} of {header.bundle}"
    for span in header.spans:
        if not is_bundle_path(span.path):
            yield f"it has a file {span.path!r}, which no bundle has"
        if not (0 <= span.offset <= span.offset + span.size <= span.whole and is_digest(span.digest)):
            yield f"{span.path} has impossible bounds"


def missing_numbers(volumes: int, there: Sequence[int]) -> str:
    """Which numbers are not there, as people say it: `2, 4`."""
    return ", ".join(str(number) for number in range(1, volumes + 1) if number not in there)


def volume_name(bundle_name: str, number: int, volumes: int) -> str:
    """File name of a volume; sorts by number."""
    width = len(str(volumes))
    return f"{bundle_name}.{number:0{width}d}-of-{volumes}.tar"


def size_in_bytes(text: str) -> int:
    """Bytes of a size: 4G is 4 * 10**9, 4Gi is 4 * 2**30.

    Raises:
        ValueError: it is none.
    """
    found = re.fullmatch(r"(\d+)(?:([KMGT])(i?))?", text)
    if not found:
        raise ValueError(f"{text!r} is no size: give one as 4G or 700Mi")
    power = " KMGT".index(found[2] or " ")
    base = 1024 if found[3] else 1000
    return int(found[1]) * int(base**power)
