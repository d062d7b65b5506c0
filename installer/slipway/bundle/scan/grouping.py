"""Vulnerabilities out of records: several records about the same one of the same package are one; pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from slipway.bundle.scan.document import Packed
from slipway.bundle.scan.scanner import Match
from slipway.model.vulnerabilities import Rating, Vulnerability

#: Scores from which on each is meant, as CVSS 3 and 4 say.
_SCORES: Final = ((9.0, Rating.CRITICAL), (7.0, Rating.HIGH), (4.0, Rating.MEDIUM), (0.0, Rating.LOW))
#: Words of GitHub's records, and of Debian's.
_WORDS: Final[Mapping[str, Rating]] = {
    **{str(rating): rating for rating in Rating},
    "moderate": Rating.MEDIUM,
    "unimportant": Rating.LOW,
}
_CVE: Final = "CVE-"

#: A record that is about a package.
Hit = tuple[Match, Packed]


def vulnerabilities(matches: Iterable[Match], packages: Iterable[Packed]) -> tuple[Vulnerability, ...]:
    """The worst first, then by package."""
    known = {package.purl: package for package in packages}
    of_source: defaultdict[tuple[str, str, str], list[Hit]] = defaultdict(list)
    for match in matches:
        package = known[match.purl]
        of_source[(package.kind, *package.source)].append((match, package))
    found = [_vulnerability(group) for hits in of_source.values() for group in _groups(hits)]
    return tuple(sorted(found, key=lambda one: (-one.rating.rank, one.package, one.version, one.id)))


def rating_of(match: Match) -> Rating:
    """By its score; where it has none, by a word of the database's own."""
    by_word = _WORDS.get(match.rating.lower(), Rating.UNKNOWN)
    return next((rating for lowest, rating in _SCORES if match.score >= lowest), by_word)


def _groups(hits: Sequence[Hit]) -> Iterator[list[Hit]]:
    """Those whose records have an id in common, over however many others."""
    groups: list[tuple[set[str], list[Hit]]] = []
    for hit in hits:
        ids, together = {hit[0].id, *hit[0].aliases}, [hit]
        for group in [group for group in groups if group[0] & ids]:
            groups.remove(group)
            ids, together = ids | group[0], group[1] + together
        groups.append((ids, together))
    yield from (together for _, together in groups)


def _vulnerability(hits: Sequence[Hit]) -> Vulnerability:
    records = sorted({match for match, _ in hits}, key=lambda match: (match.id, match.purl))
    ids = sorted({name for match in records for name in (match.id, *match.aliases)})
    name, version = hits[0][1].source
    parts = {package.name for _, package in hits}
    score = max(match.score for match in records)
    return Vulnerability(
        id=next((name for name in ids if name.startswith(_CVE)), records[0].id),
        ids=tuple(ids),
        rating=max((rating_of(match) for match in records), key=lambda rating: rating.rank),
        score=score if score >= 0 else None,
        package=name,
        version=version,
        parts=tuple(sorted(parts - {name})),
        fixed=next((match.fixed for match in records if match.fixed), ""),
        summary=next((match.summary for match in records if match.summary), ""),
        where=tuple(sorted({item for _, package in hits for item in package.where})),
    )
