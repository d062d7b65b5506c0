"""Are hosts, registry and bundle fit? Asked before the first change of every plan, and by `slipway preflight`."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from slipway.bundle.form import manifest as manifests
from slipway.bundle.make.charts import chart_values
from slipway.bundle.registry.client import RegistryError
from slipway.bundle.site.source import ArtifactSource, DirectorySource
from slipway.catalog import Module, Release
from slipway.catalog.chartvalues.findings import value_findings
from slipway.catalog.chartvalues.known import KnownValues
from slipway.engine.context import Context
from slipway.engine.registry import push_client
from slipway.engine.secretforms import form_findings
from slipway.errors import ERROR, WARNING, Finding, PreflightError, SlipwayError
from slipway.findings import FindingCode
from slipway.model.codes import RefusalCode
from slipway.model.observed import Observed
from slipway.model.plan import Plan, StepKind
from slipway.planning.plan import required_images
from slipway.planning.preflight import preflight
from slipway.planning.together.capacity import capacity_findings

_DAY: Final = 86400.0


def refuse_unfit(context: Context, observed: Observed, plan: Plan) -> tuple[Finding, ...]:
    """Refuse a plan for which hosts, registry or bundle are not fit; what is only worth a warning is returned.

    Raises:
        PreflightError: with every error.
    """
    found = findings(context, observed, plan)
    errors = tuple(finding for finding in found if finding.severity is ERROR)
    if errors:
        many = "one thing" if len(errors) == 1 else f"{len(errors)} things"
        raise PreflightError(
            f"{many} must be put right first",
            where=context.configuration.name,
            hint="put that right and run the command again",
            findings=errors,
        )
    return tuple(finding for finding in found if finding.severity is not ERROR)


def refuse_held(plan: Plan) -> None:
    """Refuse a plan of which nothing can be done before some host is back.

    Raises:
        PreflightError: with what holds it back.
    """
    if plan.held:
        found = tuple(
            Finding(h.where, f"{h.what}: {h.why}", hint=h.hint, code=FindingCode.HELD) for h in plan.holds
        )
        raise PreflightError(
            "nothing of the plan can be carried out now",
            where=plan.configuration,
            hint="see what waits: slipway plan",
            findings=found,
        )


def findings(
    context: Context, observed: Observed, plan: Plan, *, everywhere: bool = False
) -> tuple[Finding, ...]:
    """Errors and warnings for the hosts that the plan touches; `everywhere`: for all hosts that were read."""
    configuration = context.configuration
    asked = everywhere or not plan.empty
    images = required_images(configuration, context.catalog) if asked else {}
    found = preflight(configuration, context.manifest, observed, plan, images, everywhere=everywhere)
    room = capacity_findings(configuration, context.catalog, observed, plan)
    forms = form_findings(configuration.spec, context.secrets) if asked else ()
    return (
        *found,
        *room,
        *forms,
        *_refusing_push(context, plan),
        *(_values(context) if asked else ()),
        *clock_findings(context.source, time.time()),
    )


def _values(context: Context) -> Iterator[Finding]:
    """Raw values of modules against what their charts know: by lock.yaml, or the chart itself where it is at hand."""
    on = {name for name, one in context.catalog.selection(context.configuration).items() if one.enabled}

    def known_of(module: Module, release: Release) -> KnownValues | None:
        if release.known or release.chart_dir:
            return release.known or chart_values(release.chart_dir or Path())
        chart = context.manifest.chart(module.name, release.chart)
        at_hand = chart and isinstance(context.source, DirectorySource)
        try:
            return chart_values(context.source.path(chart)) if chart and at_hand else None
        except SlipwayError:
            return (
                None  # a chart that cannot be read is told by whoever needs it: here it is asked for a hint
            )

    return value_findings(context.catalog.modules, context.configuration, on, known_of)


def clock_findings(source: ArtifactSource, now: float) -> list[Finding]:
    """Whether this machine's clock can be right: it is what hosts' are compared with, and certificates are made by it.

    A day is what a medium may be wrong by that keeps local times. A site registry keeps no times.
    """
    if not isinstance(source, DirectorySource):
        return []
    written = (source.directory / manifests.FILE).stat().st_mtime
    if written <= now + _DAY:
        return []
    day, today = (f"{datetime.fromtimestamp(value, UTC):%Y-%m-%d}" for value in (written, now))
    text = f"takes today for {today}, and its bundle was written on {day}"
    hint = "set this machine's clock (date -u shows it), then look again"
    return [
        Finding(
            "this machine",
            text,
            expected="a clock that is right",
            hint=hint,
            code=FindingCode.CLOCK_BUNDLE,
            severity=WARNING,
        )
    ]


def _refusing_push(context: Context, plan: Plan) -> list[Finding]:
    """An external registry is asked before the first change whether it knows the push account."""
    planned = any(step.kind is StepKind.MIRROR for step in plan.steps)
    if not planned or context.configuration.spec.registry.mode != "external":
        return []
    try:
        push_client(context.configuration, context.secrets, context.state, None).ping()
    except RegistryError as error:
        if error.code in {RefusalCode.UNAUTHORIZED, RefusalCode.DENIED}:
            path, text = "spec.registry.pushRef", f"{error.what}: {error.why}"
            return [Finding(path, text, hint="check the user:password in that secret", code=error.code)]
    return []
