"""A scan's report as people read it."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from slipway.cli.views.output import aligned, colour
from slipway.model.vulnerabilities import Rating, ScanReport, Vulnerability

#: Rows, and items of a row, that a person reads; JSON has them all.
ROWS, ITEMS = 60, 2
#: Letters of ids, versions and names: records are others' words.
CELL: Final = 60
#: Days after which a database is called old: by then every ecosystem has had dozens of new records.
OLD: Final = 30
_HEADER: Final = ("ID", "SEVERITY", "WHAT", "VERSION", "FIXED IN", "WHERE")


def report_text(report: ScanReport) -> str:
    """Databases, a row for each vulnerability, the worst first, and how many there are."""
    lines = [f"{colour(report.bundle, 'bold')}  {report.digest}", f"scanner: {report.scanner}"]
    for database in report.databases:
        days = "1 day" if database.age == 1 else f"{database.age} days"
        told = f"{database.packages} packages compared with {database.records} records"
        lines.append(f"{database.ecosystem}: {told}, the newest of {database.newest}, {days} ago")
    lines.append("")
    if report.found:
        lines += aligned([_HEADER, *map(_row, report.found[:ROWS])])
        if len(report.found) > ROWS:
            lines.append(f"and {len(report.found) - ROWS} more (-o json has them all)")
        lines.append("")
    for item in report.exempted:
        exemption = item.exemption
        lines.append(
            f"passed over until {exemption.until}: {item.vulnerability.id} ({_cell(exemption.reason)})"
        )
    return "\n".join([*lines, _sum(report)])


def warnings_of(report: ScanReport) -> Iterator[str]:
    """How far the scan did not see, and what of its inputs wants a look; one line each."""
    for database in report.databases:
        if database.age > OLD:
            yield f"the database of {database.ecosystem} is {database.age} days old: what is known since is not in it"
        if database.unreadable:
            yield f"{database.ecosystem}: {database.unreadable} records were not understood, and compared with nothing"
    for kind, count in report.uncovered.items():
        yield f"{count} packages of the kind {kind} were compared with nothing: no database is about them"
    if report.unseen:
        names = ", ".join(report.unseen[:ITEMS]) + _more(report.unseen)
        yield f"of the parts of {len(report.unseen)} items nothing is known: {names}"
    for exemption in report.expired:
        yield f"{exemption.id} is passed over no longer: that was until {exemption.until}"
    for exemption in report.unused:
        yield f"{exemption.id} is to be passed over, and was not found"
    if not report.isolated:
        yield "this user cannot take the network from a program; the scanner asks none by itself"


def _row(found: Vulnerability) -> tuple[str, ...]:
    where = ", ".join(found.where[:ITEMS]) + _more(found.where)
    cells = (found.id, found.rating, found.package, found.version, found.fixed or "-")
    return (*map(_cell, cells), where)


def _more(items: tuple[str, ...]) -> str:
    return f" and {len(items) - ITEMS} more" if len(items) > ITEMS else ""


def _cell(said: str) -> str:
    """On one line."""
    text = " ".join(said.split())
    return text if len(text) <= CELL else f"{text[: CELL - 3]}..."


def _sum(report: ScanReport) -> str:
    counts = Counter(found.rating for found in report.found)
    told = ", ".join(f"{counts[rating]} {rating}" for rating in reversed(Rating) if counts[rating])
    number = len(report.found)
    return f"{number} {'vulnerability' if number == 1 else 'vulnerabilities'}{f': {told}' if told else ''}"
