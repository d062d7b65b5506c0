"""Records become vulnerabilities: what is the same, and how bad it is."""

import pytest

from slipway.bundle.scan.document import Packed, materials
from slipway.bundle.scan.grouping import rating_of, vulnerabilities
from slipway.bundle.scan.scanner import Match
from slipway.errors import BundleError
from slipway.model.vulnerabilities import Rating

GO = Packed("pkg:golang/x/y@v1.0.0", "x/y", "v1.0.0", ("binary/a:1", "image/b:1"))
DEB = "pkg:deb/debian/{}@1-1%2Bb1?arch=amd64&distro=debian-12&upstream=src%401-1"
PARTS = [Packed(DEB.format(name), name, "1-1+b1", (f"image/{name}:1",)) for name in ("liba", "libb")]


def match(purl: str, name: str, *aliases: str, score: float = -1, rating: str = "", fixed: str = "") -> Match:
    return Match(purl, name, aliases, "", score, rating, fixed)


def test_records_that_name_each_other_are_one_over_however_many() -> None:
    records = [
        match(GO.purl, "GO-1", "CVE-2026-1"),
        match(GO.purl, "GO-2", "GHSA-2"),
        match(GO.purl, "GHSA-1", "CVE-2026-1", "GHSA-2", score=7.5, fixed="1.1.0"),
        match(GO.purl, "GO-3"),
    ]
    for order in (records, records[::-1]):
        one, other = vulnerabilities(order, [GO])
        assert (one.id, one.ids) == ("CVE-2026-1", ("CVE-2026-1", "GHSA-1", "GHSA-2", "GO-1", "GO-2"))
        assert (one.rating, one.score, one.fixed, one.where) == (Rating.HIGH, 7.5, "1.1.0", GO.where)
        assert (other.id, other.rating, other.score) == ("GO-3", Rating.UNKNOWN, None)


def test_packages_of_one_source_are_one_with_all_their_places() -> None:
    (one,) = vulnerabilities([match(part.purl, "D-1", "CVE-2026-2") for part in PARTS], PARTS)
    assert (one.package, one.version, one.parts) == ("src", "1-1", ("liba", "libb"))
    assert one.where == ("image/liba:1", "image/libb:1")


@pytest.mark.parametrize(
    ("score", "word", "rating"),
    [
        (9.0, "", Rating.CRITICAL),
        (8.9, "LOW", Rating.HIGH),
        (4.0, "", Rating.MEDIUM),
        (0.0, "", Rating.LOW),
        (-1, "MODERATE", Rating.MEDIUM),
        (-1, "unimportant", Rating.LOW),
        (-1, "not yet assigned", Rating.UNKNOWN),
    ],
)
def test_the_score_decides_and_else_the_word(score: float, word: str, rating: Rating) -> None:
    assert rating_of(match("pkg:x", "A", score=score, rating=word)) is rating


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{}", b'{"components": [1], "dependencies": []}', b"[" * 100_000]
)
def test_another_document_is_refused(text: bytes) -> None:
    with pytest.raises(BundleError):
        materials(text, [], "here")
