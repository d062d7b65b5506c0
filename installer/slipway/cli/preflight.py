"""`slipway preflight`."""

import typer

from slipway.cli.output import DEFAULT_FILE, BundleDirectory, ConfigurationFile, Format, Output, emit, table

app = typer.Typer()


@app.command(epilog="Example: slipway preflight -f cluster.yaml --bundle /media/usb/bundle")
def preflight(
    file: ConfigurationFile = DEFAULT_FILE, bundle: BundleDirectory = None, output: Output = Format.TEXT
) -> int:
    """Check every host, the registry and the bundle against the ClusterConfiguration. Changes nothing."""
    from slipway.cli.running import opened
    from slipway.engine.prepare import check, prepare
    from slipway.errors import Finding, PreflightError
    from slipway.model.observed import Scope

    context = opened(file, bundle)
    observed, plan = prepare(context, Scope.FULL)
    findings: tuple[Finding, ...] = ()
    try:
        check(context, observed, plan)
    except PreflightError as error:
        findings = error.findings
    if output is Format.JSON:
        emit({"ok": not findings, "findings": findings, "hosts": observed.hosts})
        return 4 if findings else 0
    rows = []
    for name, host in observed.hosts.items():
        facts = host.facts
        system = (
            f"{facts.os_id} {facts.os_version} {facts.architecture}" if host.reachable else host.error_code
        )
        verdict = "fit" if not any(f.path == f"host/{name}" for f in findings) else "not fit"
        rows.append((name, system, f"{facts.cpus} CPU", f"{facts.memory} MiB", verdict))
    table(("HOST", "SYSTEM", "CPU", "MEMORY", "VERDICT"), rows)
    for finding in findings:
        print(f"- {finding}")
    print("nothing stands in the way" if not findings else f"{len(findings)} things must be put right")
    return 4 if findings else 0
