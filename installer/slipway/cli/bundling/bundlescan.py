"""`slipway bundle scan`: which known vulnerabilities a bundle's contents have. Parsing and printing only."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from slipway.cli.views.grouping import taking
from slipway.cli.views.output import Format, Output, emit, tell
from slipway.model.vulnerabilities import Rating

if TYPE_CHECKING:
    from slipway.model.vulnerabilities import ScanReport


@dataclass(frozen=True)
class ScanOptions:
    """What a user may say of a scan."""

    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The bundle.")]
    database: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Databases of osv.dev, in the place of those that the bundle has."),
    ] = None
    fail_on: Annotated[
        Rating | None,
        typer.Option(help="End with 4 where something is as bad, or worse; unknown: where anything is."),
    ] = None
    ignore: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What to pass over, each with a reason and until a day."),
    ] = None
    key: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE.pub", help="Refuse a bundle that none of these signed. Repeatable."),
    ] = None
    output: Output = Format.TEXT


@taking(ScanOptions)
def scan(options: ScanOptions) -> int:
    """Say which known vulnerabilities a bundle's contents have: by its own scanner, without a network.

    The scanner is a program out of the bundle: it is run only if its bytes are those of bundle.yaml, and with --key
    only if one of these keys signed that.
    """
    from slipway.cli.views.scanview import report_text, warnings_of
    from slipway.errors import PreflightError

    report = _report(options)
    failed = options.fail_on is not None and report.reaches(options.fail_on)
    if options.output is Format.JSON:
        emit({"ok": not failed, "report": report, "warnings": list(warnings_of(report))})
    else:
        print(report_text(report))
        for warning in warnings_of(report):
            print(f"warning: {warning}", file=sys.stderr)
    return PreflightError.exit_code if failed else 0


def _report(options: ScanOptions) -> "ScanReport":
    from slipway.bundle.form.manifest import SIGNATURE
    from slipway.bundle.scan import exemptions
    from slipway.bundle.scan.databases import databases_at
    from slipway.bundle.scan.scan import carried_databases, scan
    from slipway.bundle.site.source import DirectorySource
    from slipway.bundle.verify.signing import check_signature, read_public
    from slipway.clock import utc_now
    from slipway.engine.artifacts import this_machine
    from slipway.settings import cache_dir

    exempted = exemptions.read(options.ignore) if options.ignore else ()
    source = DirectorySource(options.directory, cache_dir=cache_dir() if options.key else None)
    if options.key:
        bundle = source.verified()
        beside = str(options.directory / SIGNATURE)
        check_signature(bundle.text, bundle.signature, beside, [read_public(name) for name in options.key])
    manifest = source.manifest()
    databases = (
        databases_at(options.database) if options.database else carried_databases(manifest, source.path)
    )
    return scan(
        manifest,
        source.path,
        this_machine(),
        databases,
        exempted,
        today=utc_now().date(),
        progress=tell,
    )
