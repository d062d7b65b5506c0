"""Known vulnerabilities of what a bundle holds, as a scan found them."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Rating(StrEnum):
    """How bad a vulnerability is, from what nobody has said to the worst; later ones are worse."""

    UNKNOWN = "unknown"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """To compare by."""
        return list(Rating).index(self)


@dataclass(frozen=True, slots=True)
class Vulnerability:
    """One of one version of a package, module or library.

    `id` is the CVE's where there is one; `ids` are those of all records about the same, and what they call it besides.
    `score`: the highest by CVSS, None where no record has one. `package`: a module or library, of Debian the source
    package, and then `parts` are those that were built from it. `fixed`: the lowest version in which it is mended,
    empty where no record knows one. `where`: items of the bundle, as `image/registry.k8s.io/pause:3.10`.
    """

    id: str
    ids: tuple[str, ...]
    rating: Rating
    score: float | None
    package: str
    version: str
    parts: tuple[str, ...]
    fixed: str
    summary: str
    where: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Exemption:
    """A vulnerability that somebody passes over until a day, that one included; `package` empty: of any."""

    id: str
    reason: str
    until: date
    package: str = ""

    def covers(self, found: Vulnerability) -> bool:
        """Whether it is about that one."""
        return self.id in found.ids and self.package in {"", found.package}


@dataclass(frozen=True, slots=True)
class Exempted:
    """One that was found, and why it is passed over."""

    vulnerability: Vulnerability
    exemption: Exemption


@dataclass(frozen=True, slots=True)
class Compared:
    """A database: of how many records, and with how many packages of the bundle it was compared.

    `unreadable`: records that the scanner does not understand, and so compares with nothing. `newest`: when one of its
    records was changed last, and `age` the days since.
    """

    ecosystem: str
    newest: date
    age: int
    records: int
    unreadable: int
    packages: int


@dataclass(frozen=True, slots=True)
class ScanReport:
    """What a scan found, and how far it saw.

    `isolated`: whether the kernel kept the scanner from every network; it asks none in any case. `expired` and
    `unused`: exemptions whose day is over, and that are about nothing that was found. `uncovered`: kinds of packages,
    as package URLs call them, with the number of those that no database is about. `unseen`: items of whose parts
    nothing is known, as they came ready.
    """

    bundle: str
    digest: str
    scanner: str
    isolated: bool
    databases: tuple[Compared, ...]
    found: tuple[Vulnerability, ...]
    exempted: tuple[Exempted, ...]
    expired: tuple[Exemption, ...]
    unused: tuple[Exemption, ...]
    uncovered: dict[str, int]
    unseen: tuple[str, ...]

    def reaches(self, rating: Rating) -> bool:
        """Whether something that is not exempted is as bad, or worse."""
        return any(one.rating.rank >= rating.rank for one in self.found)
