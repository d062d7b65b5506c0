"""Steps of modules: which are wanted, with which values, and which have to go."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from slipway.catalog import Catalog, Fate, Module, Release, Removal
from slipway.catalog.modules import Stage
from slipway.errors import BundleError, ConfigurationError, Finding
from slipway.findings import FindingCode
from slipway.model.bundle import BundleManifest, chart_name
from slipway.model.configuration import Configuration
from slipway.model.modulesecrets import SecretRequest
from slipway.model.observed import Observed
from slipway.model.plan import Action, Because, Change, Reason, Step, StepKind
from slipway.model.record import ModulePhase, ModuleRecord, StepRecord
from slipway.planning.beside import owner_of
from slipway.planning.decide import UNNAMED, Desired, Seen, decide
from slipway.planning.digests import digest
from slipway.planning.hosts import ADMISSION_STEP, MIRROR_STEP
from slipway.planning.losing import loss_reasons, may_lose
from slipway.planning.modulereasons import (
    definition_reasons,
    half_done_reasons,
    readable_reasons,
    setting_reasons,
)
from slipway.planning.modulesecrets import kept_reasons, missing_hold, secret_requests
from slipway.planning.requests.codec import as_inputs
from slipway.planning.requests.request import ChartRef, ModuleRequest, ReleaseRequest, RemovalRequest
from slipway.planning.together.answers import as_facts, uses
from slipway.planning.together.ground import Ground, ground_of
from slipway.planning.upgrading import way_of

NO_SECRETS: Mapping[str, SecretRequest] = {}


def apply_id(module: str) -> str:
    """Id of the step that installs or changes a module."""
    return f"{StepKind.MODULE}/{module}/apply"


def remove_id(module: str) -> str:
    """Id of the step that removes a module."""
    return f"{StepKind.MODULE}/{module}/remove"


def settings_id(configuration: Configuration) -> str:
    """Id of the step that puts CRDs, Secrets and the ClusterConfiguration into the cluster."""
    return f"{StepKind.SETTINGS}/{configuration.name}/apply"


def module_steps(
    configuration: Configuration, catalog: Catalog, bundle: BundleManifest, observed: Observed
) -> Iterator[Step]:
    """Every module that has to be installed, changed or removed."""
    ground = ground_of(configuration, catalog, bundle)
    wanted = {name: chosen for name, chosen in ground.selection.items() if chosen.enabled}
    network = tuple(name for name in wanted if catalog.modules[name].stage is Stage.NETWORK)
    for name, chosen in wanted.items():
        step = _apply_step(ground, observed, name, (*chosen.requires, *chosen.after, *network))
        if step and step.change is Change.CREATE and configuration.spec.modules.get(name) is None:
            step = replace(step, reasons=(Reason(Because.REQUIRED, chosen.why),))
        if step:
            yield step
    yield from _removals(ground, observed, set(wanted))


def request_of(
    ground: Ground,
    name: str,
    values: Mapping[str, Mapping[str, Any]],
    requests: Mapping[str, SecretRequest] = NO_SECRETS,
) -> ModuleRequest:
    """What a module is made of: the inputs of its digest and the request to the run. `values`: by release."""
    module, spec = ground.catalog.modules[name], ground.spec(name)
    return ModuleRequest(
        name=name,
        version=module.version,
        stage=module.stage,
        settings=ground.catalog.settings(module, spec.settings),
        values=spec.values,
        releases=tuple(
            _release(release, _chart(ground, module, release.chart), values[release.name])
            for release in module.releases
        ),
        health=module.health,
        removal=module.removal,
        requires=tuple(ground.selection[name].requires),
        owner=owner_of(ground.configuration),
        module_secrets=requests,
    )


def _apply_step(ground: Ground, observed: Observed, name: str, after: tuple[str, ...]) -> Step | None:
    configuration, module = ground.configuration, ground.catalog.modules[name]
    settings = ground.catalog.settings(module, ground.spec(name).settings)
    requests = secret_requests(configuration, module, settings, observed.secrets)
    rendered = ground.rendered(name)
    request = request_of(ground, name, rendered.values, requests)
    desired = Desired(
        kind=StepKind.MODULE,
        target=name,
        action=Action.APPLY,
        inputs=as_inputs(request),
        facts=as_facts(rendered.asked),
        content=module.digest,
        needs=(
            settings_id(configuration),
            MIRROR_STEP,
            ADMISSION_STEP,
            *(apply_id(other) for other in dict.fromkeys(after) if other != name),
        ),
    )
    record = observed.cluster.modules.get(name)
    step = decide(desired, _seen(observed, record), observed.secrets)
    if step is None:
        return None
    reasons = tuple(readable_reasons(step, name, record))
    if record and configuration.elsewhere.get(name) == record.owner:
        # The other ClusterConfiguration lives, and is refused from then on.
        step = replace(step, disruptive=True)
    way = way_of(ground, name, record, observed.cluster)
    if way.request:
        step = replace(step, inputs=as_inputs(replace(request, upgrade=way.request)))
    reasons = (*reasons, *way.reasons)
    reasons = (*reasons, *setting_reasons(module, ground.spec(name).settings))
    if record and not _stands(record):
        # Its digest was never reached, which by itself says nothing of any field.
        named = tuple(reason for reason in reasons if reason.path != UNNAMED)
        reasons = (*named, *half_done_reasons(record, desired.id))
    reasons += tuple(definition_reasons(observed.cluster.definitions.get(name, {})))
    return replace(
        step,
        reasons=reasons,
        disruptive=step.disruptive or way.asks,
        hold=missing_hold(name, requests, observed.secrets) or way.hold,
        back=way.back,
    )


def _stands(record: ModuleRecord) -> bool:
    """Whether the module is as its record says: nothing has touched it since, to its end or not."""
    return record.phase is ModulePhase.HEALTHY and record.intent is None


def _seen(observed: Observed, record: ModuleRecord | None) -> Seen:
    """A module that is half done, or half removed, has no valid digest: what it had before it was touched is gone."""
    if record is None:
        return Seen()
    intents = (record.intent,) if record.intent else ()
    drift = observed.cluster.drift.get(record.name, ())
    digest = record.digest if _stands(record) else ""
    return Seen(StepRecord(digest, record.parts, version=record.version), intents, drift)


def _release(release: Release, chart: ChartRef, values: Mapping[str, Any]) -> ReleaseRequest:
    return ReleaseRequest(
        name=release.name,
        namespace=release.namespace,
        create_namespace=release.create_namespace,
        labels=release.labels,
        chart=chart,
        values=values,
        wait=release.wait,
    )


def _chart(ground: Ground, module: Module, chart: str) -> ChartRef:
    artifact = ground.charts.get(chart_name(module.name, chart))
    if artifact is None:
        raise BundleError(
            f"the bundle has no chart {chart}",
            where=f"module/{module.name}",
            hint=f"build it with this module: slipway bundle build --modules {module.name},...",
        )
    return ChartRef(name=chart, version=artifact.version, digest=artifact.digest)


def _removals(ground: Ground, observed: Observed, wanted: set[str]) -> Iterator[Step]:
    """Modules of this ClusterConfiguration that are installed and no longer wanted: dependents first.

    Who uses one of them forgets it before: what it has there is of kinds that may go with it.

    Raises:
        ConfigurationError: one is required by a module of another ClusterConfiguration.
    """
    configuration, catalog = ground.configuration, ground.catalog
    records: Mapping[str, ModuleRecord] = observed.cluster.modules
    leaving = {
        name: record
        for name, record in sorted(records.items())
        if name not in wanted and record.owner == owner_of(configuration)
    }
    _refuse_required(leaving, records, owner_of(configuration))
    for name, record in leaving.items():
        before = [
            remove_id(other) if other in leaving else apply_id(other)
            for other, its in records.items()
            if its.owner == record.owner and (name in its.requires or uses(catalog, other, name))
        ]
        yield _removal(configuration, catalog, observed, record, tuple(before))


def _refuse_required(
    leaving: Mapping[str, ModuleRecord], records: Mapping[str, ModuleRecord], owner: str
) -> None:
    """What a team has built on is not taken away below it."""
    findings = tuple(
        Finding(
            f"spec.modules.{name}",
            f"module {other} of ClusterConfiguration {its.owner} requires {name}",
            expected=f"{name} enabled",
            hint=f"keep it (enabled: true), or have {other} disabled first",
            code=FindingCode.REQUIRED_ELSEWHERE,
        )
        for name in leaving
        for other, its in sorted(records.items())
        if name in its.requires and its.owner != owner
    )
    if findings:
        raise ConfigurationError(
            "modules that others require cannot be removed",
            where=f"ClusterConfiguration {owner}",
            findings=findings,
        )


def _removal(
    configuration: Configuration,
    catalog: Catalog,
    observed: Observed,
    record: ModuleRecord,
    before: tuple[str, ...],
) -> Step:
    module = catalog.modules.get(record.name)
    policy = module.removal if module else Removal(namespace=Fate.RETAIN)
    spec = configuration.spec.modules.get(record.name)
    path = f"spec.modules.{record.name}"
    text = (
        f"{path}.enabled is false"
        if spec and spec.enabled is False
        else f"nothing asks for {record.name} any more"
    )
    lost = observed.cluster.losses.get(record.name)
    inputs = as_inputs(RemovalRequest(record.name, policy, record.owner, lost or ()))
    return Step(
        id=remove_id(record.name),
        kind=StepKind.MODULE,
        target=record.name,
        action=Action.REMOVE,
        change=Change.REMOVE,
        digest=digest(inputs, observed.secrets),
        needs=(settings_id(configuration), *before),
        reasons=(
            Reason(Because.REMOVED, text, path),
            *loss_reasons(lost or ()),
            *kept_reasons(record, policy),
        ),
        inputs=inputs,
        destructive=may_lose(record, policy) if lost is None else bool(lost),
    )
