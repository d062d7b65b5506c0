"""Printing: the same data as JSON for machines, as coloured text on a terminal, as plain lines elsewhere."""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, is_dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from slipway.errors import Finding, SlipwayError


class Format(StrEnum):
    """How results are printed."""

    TEXT = "text"
    JSON = "json"


ConfigurationFile = Annotated[
    Path, typer.Option("--file", "-f", envvar="SLIPWAY_FILE", help="The ClusterConfiguration.")
]
Output = Annotated[Format, typer.Option("--output", "-o", help="text or json.")]
BundleDirectory = Annotated[
    Path | None,
    typer.Option("--bundle", "-b", envvar="SLIPWAY_BUNDLE", help="Bundle; unset: the site registry's."),
]


def _reason(text: str) -> str:
    """A reason that somebody gave: an option behind --allow-older was meant as one."""
    if text and (text.startswith("-") or not any(letter.isalpha() for letter in text)):
        raise typer.BadParameter(f"{text!r} is no reason: say why, in words")
    return text


AllowOlder = Annotated[
    str,
    typer.Option(
        metavar="REASON",
        callback=_reason,
        help="Take a signed bundle that is older than the site's last one; the reason is recorded.",
    ),
]
DEFAULT_FILE = Path("cluster.yaml")

#: Findings, or lines of a reason, that one screen has room for; letters of a line.
SCREEN, LINE = 15, 600
#: Letters of a long line's end.
END = 120

_COLOURS = {"red": "31", "green": "32", "yellow": "33", "cyan": "36", "dim": "2", "bold": "1"}


def colour(text: str, *names: str, stream: Any = None) -> str:
    """The text in colour when the stream is a terminal whose user has not said NO_COLOR (https://no-color.org)."""
    if os.environ.get("NO_COLOR") or not (stream or sys.stdout).isatty():
        return text
    return f"\x1b[{';'.join(_COLOURS[name] for name in names)}m{text}\x1b[0m"


def emit(data: Any) -> None:
    """One JSON document on stdout."""
    print(json.dumps(data, indent=2, default=_plain))


def _plain(value: Any) -> Any:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else str(value)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Columns as wide as their content; readable by eye and by awk."""
    for number, line in enumerate(aligned([header, *rows])):
        print(colour(line, "bold") if number == 0 else line)


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """The rows as lines, all columns as wide as their widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def tell(text: str) -> None:
    """A line of progress, at once: stdout is for results."""
    print(text, file=sys.stderr, flush=True)


def print_error(error: SlipwayError) -> None:
    """What failed, where, why, what next."""
    stream = sys.stderr
    where = f" {error.where}:" if error.where else ""
    print(colour("error:", "red", "bold", stream=stream) + f"{where} {error.headline}", file=stream)
    for finding in error.findings[:SCREEN]:
        print(f"  - {shortened_line(str(finding))}", file=stream)
    if len(error.findings) > SCREEN:
        print(f"  - and {len(error.findings) - SCREEN} more (-o json has them all)", file=stream)
    if error.why:
        why = "\n        ".join(shortened_line(line) for line in error.why.splitlines()[:SCREEN])
        print(colour("  why:  ", "bold", stream=stream) + why, file=stream)
    if error.hint:
        print(colour("  next: ", "bold", stream=stream) + error.hint, file=stream)


def shortened_line(line: str) -> str:
    """A line that is read at a glance: who wrote a megabyte into a field knows what is in it.

    Its end stays: what to do stands there.
    """
    if len(line) <= LINE:
        return line
    return f"{line[: LINE - END - 25]}... ({len(line)} letters) ...{line[-END:]}"


def warn(findings: Iterable[Finding]) -> None:
    """What deserves a look and stops nothing, on stderr."""
    for finding in findings:
        print(colour("warning:", "yellow", stream=sys.stderr) + f" {finding}", file=sys.stderr)


def confirm(question: str, *, yes: bool) -> bool:
    """Ask on a terminal; without one the answer is no unless --yes was given."""
    if yes:
        return True
    if not sys.stdin.isatty():
        return False
    return typer.confirm(question, default=False, err=True)
