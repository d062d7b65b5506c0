"""`slipway preflight`."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import typer

from slipway.cli.views.output import (
    DEFAULT_FILE,
    BundleDirectory,
    ConfigurationFile,
    Format,
    Output,
    colour,
    emit,
    table,
)
from slipway.errors import ERROR, Finding, PreflightError

if TYPE_CHECKING:
    from slipway.model.observed import HostObserved

app = typer.Typer()


@app.command(
    epilog="Exit codes: 0 fit (warnings may be shown), 4 something must be put right. "
    "Example: slipway preflight -f cluster.yaml --bundle /media/usb/bundle"
)
def preflight(
    file: ConfigurationFile = DEFAULT_FILE, bundle: BundleDirectory = None, output: Output = Format.TEXT
) -> int:
    """Check every host, the ways between them, the registry and the bundle. Changes nothing."""
    from slipway.cli.running import opened_context
    from slipway.engine.preflight import findings
    from slipway.engine.prepare import prepare
    from slipway.model.observed import Scope

    context = opened_context(file, bundle)
    observed, plan = prepare(context, Scope.FULL)
    found = findings(context, observed, plan, everywhere=True)
    errors = [finding for finding in found if finding.severity is ERROR]
    if output is Format.JSON:
        emit({"ok": not errors, "findings": found, "hosts": observed.hosts})
    else:
        _show(observed.hosts, found)
    return PreflightError.exit_code if errors else 0


def _show(hosts: "Mapping[str, HostObserved]", findings: Sequence[Finding]) -> None:
    table(("HOST", "SYSTEM", "CPU", "MEMORY", "VERDICT"), list(_hosts(hosts, findings)))
    if findings:
        print()
        table(("", "TARGET", "CHECK", "FOUND", "WANTED"), [_row(finding) for finding in findings])
        print()
        hints = dict.fromkeys((finding.code, finding.hint) for finding in findings if finding.hint)
        for code, hint in hints:
            print(f"{code}: {hint}")
    count = sum(finding.severity is ERROR for finding in findings)
    things = "one thing" if count == 1 else f"{count} things"
    print(
        colour(f"{things} must be put right", "red")
        if count
        else colour("nothing stands in the way", "green")
    )


def _row(finding: Finding) -> tuple[str, ...]:
    return (finding.severity, finding.path, finding.code, finding.problem, finding.expected)


def _hosts(hosts: "Mapping[str, HostObserved]", findings: Sequence[Finding]) -> Iterable[tuple[str, ...]]:
    unfit = {finding.path for finding in findings if finding.severity is ERROR}
    for name, host in hosts.items():
        facts = host.facts
        system = f"{facts.os_id} {facts.os_version} {facts.architecture}"
        verdict = "not fit" if f"host/{name}" in unfit else "fit"
        yield (
            name,
            system if host.reachable else host.error_code,
            f"{facts.cpus} CPU",
            f"{facts.memory} MiB",
            verdict,
        )
