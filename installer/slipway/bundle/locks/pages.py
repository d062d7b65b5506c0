"""Whether the pages that digests were read from still say them: what a reviewer of a lock would look up by hand."""

import gzip
import io
import lzma
from collections.abc import Iterable
from itertools import groupby
from typing import Final

from slipway.bundle.ground.crew import Crew
from slipway.bundle.locks.downloading import OCI, PARALLEL, Ways, oci_place
from slipway.bundle.locks.downloads import Download
from slipway.bundle.registry.web import LONGEST_PAGE
from slipway.errors import BundleError, Finding
from slipway.findings import FindingCode

#: How packed indexes of packages begin.
GZIP: Final = b"\x1f\x8b"
XZ: Final = b"\xfd7zXZ"


def check(ways: Ways, files: Iterable[Download]) -> None:
    """Read each page once, and look for the digests.

    Raises:
        BundleError: some pages cannot be read, or say something else; all of these are named.
    """
    ordered = sorted(files, key=lambda item: (item.source, item.label))
    pages = [list(items) for _, items in groupby(ordered, key=lambda item: item.source)]
    with Crew(PARALLEL, "page") as crew:
        found = [
            finding
            for findings in crew.each(lambda items: _of_page(ways, items), pages)
            for finding in findings
        ]
    if found:
        hint = (
            "look there: a file that was published again is another file; correct the lock by what is right"
        )
        raise BundleError("digests do not stand where they were read", findings=tuple(found), hint=hint)


def _of_page(ways: Ways, items: list[Download]) -> list[Finding]:
    try:
        text = _text(ways, items[0])
    except BundleError as error:
        why = " ".join(filter(None, [error.what, error.why]))
        return [
            Finding(item.label, f"{item.source} cannot be read: {why}", code=FindingCode.UNREAD)
            for item in items
        ]
    return [
        Finding(item.label, f"{item.source} does not say {item.sha256}", code=FindingCode.UNSAID)
        for item in items
        if item.sha256.encode() not in text
    ]


def _text(ways: Ways, item: Download) -> bytes:
    """A page in lower case, unpacked."""
    if item.url.startswith(OCI):
        place = oci_place(ways.upstreams, item.url)
        return place.client.get_manifest(place.repository, place.tag)[0]
    data = ways.web.read(item.source)
    return _unpacked(data, item.source).lower()


def _unpacked(data: bytes, where: str) -> bytes:
    if not data.startswith((GZIP, XZ)):
        return data
    packed = io.BytesIO(data)
    try:
        with gzip.GzipFile(fileobj=packed) if data.startswith(GZIP) else lzma.LZMAFile(packed) as file:
            text = file.read(LONGEST_PAGE + 1)
    except (OSError, EOFError, lzma.LZMAError) as exc:
        raise BundleError("this page cannot be unpacked", where=where, why=str(exc)) from exc
    if len(text) > LONGEST_PAGE:
        raise BundleError(f"unpacked, this page is longer than {LONGEST_PAGE >> 20} MiB", where=where)
    return text
