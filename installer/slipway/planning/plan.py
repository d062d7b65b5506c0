"""The whole plan, and the images that it needs."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from slipway.api.crd import crds
from slipway.api.paths import ABSENT, text, value_at
from slipway.api.schema import unmet_fields
from slipway.catalog import Catalog
from slipway.model.bundle import ArtifactKind, BundleManifest
from slipway.model.configuration import Configuration
from slipway.model.observed import Drift, LiveConfiguration, Observed
from slipway.model.paths import Scalar
from slipway.model.placeholders import SecretValue
from slipway.model.plan import Action, Because, Change, Plan, Reason, Step, StepId, StepKind
from slipway.planning.admission import admission_steps
from slipway.planning.checks.lasting import lasting_hints
from slipway.planning.decide import UNNAMED, Desired, Seen, decide
from slipway.planning.digests import digest
from slipway.planning.draining import with_drains
from slipway.planning.encryption import encryption_of, rewrite_steps
from slipway.planning.holding import hold_back
from slipway.planning.hosts import MIRROR_STEP, REPLICA_STEP, host_steps, node_steps, step_id
from slipway.planning.leaving import removal_steps
from slipway.planning.modulereasons import former_notices
from slipway.planning.modules import module_steps, settings_id
from slipway.planning.order import ordered
from slipway.planning.standing import standing_of
from slipway.planning.unheard import as_unheard
from slipway.settings import NAMESPACE


def make_plan(
    configuration: Configuration,
    catalog: Catalog,
    bundle: BundleManifest,
    observed: Observed,
    document: Mapping[str, Any] | None = None,
) -> Plan:
    """What has to be done so that hosts, registry and cluster follow the configuration.

    `document` is the ClusterConfiguration as the user wrote it, to be put into the cluster; None when it came
    from there. Records, intents and drift in `observed` decide; nothing else is read.
    """
    hosts = tuple(host_steps(configuration, catalog.roles, bundle, observed))
    encryption = encryption_of(configuration, observed)
    rounds = with_drains(configuration, observed, hosts)
    steps = (
        *rounds,
        *_mirror(configuration, bundle, observed),
        *_settings(configuration, document, observed),
        *admission_steps(configuration, bundle, observed),
        *rewrite_steps(encryption, observed),
        *node_steps(configuration, observed, hosts),
        *removal_steps(configuration, observed, rounds),
        *module_steps(configuration, catalog, bundle, observed),
    )
    told = as_unheard(configuration, observed, steps)
    in_order = hold_back(configuration, observed, ordered(tuple(told)))
    # Sorted: their order depends on who answers.
    # The turn: what somebody agreed to is this plan now, and not the same one after an operation.
    content = [
        catalog.digest,
        observed.turn,
        *sorted([step.id, step.digest, str(step.change)] for step in in_order),
    ]
    standing = standing_of(configuration, observed.cluster, expected=_expected(configuration, in_order))
    hints = (*standing.hints, *lasting_hints(configuration, observed))
    return Plan(
        configuration=f"{configuration.namespace}/{configuration.name}",
        generation=configuration.generation,
        catalog=catalog.digest,
        digest=digest(content, {}),
        read_at=observed.read_at,
        steps=in_order,
        standing=replace(standing, hints=hints),
        notices=(
            *_modules_told(catalog),
            *_notices(bundle, in_order),
            *former_notices(configuration, catalog, in_order),
        ),
        sequel=encryption.sequel if in_order else "",
        scope=observed.scope,
    )


def _expected(configuration: Configuration, steps: tuple[Step, ...]) -> set[str]:
    """Hosts that have to have a Node by now: those of which nothing is left to do."""
    return {host.name for host in configuration.hosts} - {step.target for step in steps}


def mirror_only(plan: Plan) -> Plan:
    """The part of a plan that brings the bundle into the site registry: that registry itself, and the push."""
    steps = tuple(
        replace(step, needs=tuple(need for need in step.needs if need.endswith(("/registry", "/push"))))
        for step in plan.steps
        if step.kind is StepKind.MIRROR or (step.kind is StepKind.HOST and step.action == "registry")
    )
    notice = "only the site registry is looked at; slipway plan shows the rest"
    return replace(plan, steps=steps, notices=(*plan.notices, notice), sequel="")


def required_images(configuration: Configuration, catalog: Catalog) -> dict[str, str]:
    """Reference -> who needs it, for everything this configuration runs."""
    needed: dict[str, str] = {}
    kubernetes = configuration.spec.kubernetes
    if kubernetes and configuration.hosts:
        for reference in catalog.versions.release(kubernetes.version).images:
            needed[reference] = f"kubernetes {kubernetes.version}"
    for name, chosen in catalog.selection(configuration).items():
        if chosen.enabled:
            needed.update(dict.fromkeys(catalog.images_for(configuration, name), f"module {name}"))
    return needed


def _modules_told(catalog: Catalog) -> Iterator[str]:
    """Somebody who edits a module's folder is told that a plan has it by the next bundle."""
    if catalog.replaced:
        names = ", ".join(catalog.replaced)
        yield f"as the bundle has them, which this machine has otherwise: {names}; slipway bundle build takes yours"


def _notices(bundle: BundleManifest, steps: tuple[Step, ...]) -> Iterator[str]:
    """What a person should know of a bundle before it is pushed: names that hold something else."""
    if not any(step.kind is StepKind.MIRROR for step in steps):
        return
    for artifact in bundle.artifacts:
        if artifact.kind is ArtifactKind.IMAGE and artifact.contents:
            yield f"{artifact.reference} holds {artifact.contents}"


def _mirror(configuration: Configuration, bundle: BundleManifest, observed: Observed) -> Iterator[Step]:
    if configuration.cluster:
        return  # the registry is another one's, and used as it is
    host, replica = configuration.registry_host, configuration.registry_replica
    own = (step_id(host.name, "registry"),) if host else ()
    yield from _push(MIRROR_STEP, "the site registry", bundle, observed.registry.bundle, own)
    if replica:
        # After the other: what a replica alone holds would be forgotten once the other is back.
        needs = (MIRROR_STEP, step_id(replica.name, "registry"))
        yield from _push(REPLICA_STEP, "its replica", bundle, observed.replica.bundle, needs)


def _push(
    identity: str, where: str, bundle: BundleManifest, held: str, needs: tuple[str, ...]
) -> Iterator[Step]:
    """The bundle into a registry that holds another one, or none."""
    if held == bundle.digest:
        return
    text = f"{where} holds bundle {held[7:19]}" if held else f"{where} holds no bundle"
    yield Step(
        id=identity,
        kind=StepKind.MIRROR,
        target=StepId.parse(identity).target,
        action=Action.PUSH,
        change=Change.UPDATE if held else Change.CREATE,
        digest=bundle.digest,
        needs=needs,
        reasons=(Reason(Because.CONTENT if held else Because.ABSENT, text, "bundle"),),
        inputs={"bundle": bundle.digest, "artifacts": len(bundle.artifacts)},
    )


def _settings(
    configuration: Configuration, document: Mapping[str, Any] | None, observed: Observed
) -> Iterator[Step]:
    if document is None:
        return
    planes = configuration.control_planes
    desired = Desired(
        kind=StepKind.SETTINGS,
        target=configuration.name,
        action=Action.APPLY,
        inputs={
            "crds": _definitions(),
            "identity": _identity(configuration),
            **{f"spec.{name}": value for name, value in (document.get("spec") or {}).items()},
            "secrets": {reference: SecretValue(reference) for reference in sorted(observed.secrets)},
        },
        needs=(step_id(planes[0].name, "kubernetes_control_plane"),) if planes else (),
    )
    record = observed.cluster.settings
    step = decide(desired, Seen(record), observed.secrets)
    live = next((c for c in observed.cluster.configurations if _same(c, configuration)), None)
    if step is None and live is None:
        step = decide(desired, Seen(), observed.secrets)
    elif step is None and live:
        fields = _differing(desired.id, document.get("spec") or {}, live.spec)
        drift = (*fields, *_other_secrets(desired.id, observed))
        step = decide(desired, Seen(record, drift=drift), observed.secrets)
    assert settings_id(configuration) == desired.id  # noqa: S101 - modules wait for this id
    if step:
        yield _begun(step) if record and not record.digest else step


def _same(live: LiveConfiguration, configuration: Configuration) -> bool:
    return (live.namespace, live.name) == (configuration.namespace, configuration.name)


def _differing(step: str, wanted: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[Drift]:
    """Fields of the file that the cluster has no more, or otherwise: its operator follows the cluster's."""
    for path in unmet_fields(wanted, found):
        value = value_at(found, path)
        state = "not" if value is ABSENT else json.dumps(value) if isinstance(value, Scalar) else "otherwise"
        yield Drift(step, text(("spec", *path)), f"is {state} in the cluster")


def _other_secrets(step: str, observed: Observed) -> Iterator[Drift]:
    """What the operator would not find, or find otherwise, when it needs it."""
    if observed.stored is None:
        return
    for reference, value in sorted(observed.secrets.items()):
        if observed.stored.get(reference) != value:
            name, _, key = reference.partition("/")
            state = "another" if reference in observed.stored else "no"
            yield Drift(step, f"Secret/{NAMESPACE}/{name}", f"has {state} {key}")


def _begun(step: Step) -> Step:
    """With its reason in words: a record without a digest is that of a step which did not come to its end."""
    named = tuple(reason for reason in step.reasons if reason.path != UNNAMED)
    reason = Reason(Because.INTENT, "an operation began it and has not finished")
    return replace(step, change=Change.CONTINUE, reasons=(reason, *named))


@cache
def _definitions() -> str:
    """Digest of this release's CustomResourceDefinitions, which take longer to make than all else of a plan."""
    return digest(crds(), {})


def _identity(configuration: Configuration) -> dict[str, str]:
    return {"name": configuration.name, "namespace": configuration.namespace}
