"""A site as data: the real catalog, a bundle made of pins alone, and what a plan leaves behind once applied."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from slipway import catalog as catalogs
from slipway.api import read
from slipway.bundle.form import manifest as manifests
from slipway.bundle.form.modulefolder import folder_version
from slipway.catalog import Catalog
from slipway.model.bundle import Artifact, ArtifactKind, BundleManifest, chart_name
from slipway.model.configuration import Configuration
from slipway.model.observed import (
    AdmissionObserved,
    HostFacts,
    HostObserved,
    LiveConfiguration,
    NodeObserved,
    Observed,
    RegistryObserved,
    Scope,
)
from slipway.model.plan import REPLICA, Plan, Step, StepKind
from slipway.model.record import ModulePhase, ModuleRecord, ObjectRef, StepRecord
from slipway.planning.digests import references
from slipway.planning.modules import owner_of
from slipway.planning.plan import make_plan
from slipway.planning.ports import FIREWALLS
from slipway.planning.roles import role_variables, roles_of
from slipway.settings import NAMESPACE
from tests.cases import merge_patch
from tests.unit.planning.possible import contradictions

FOLDER = Path(__file__).parent
KUBERNETES = "v1.35.4"
READ_AT = "2026-01-01T00:00:00+00:00"
SITE = "5170000000000000"


@cache
def catalog() -> Catalog:
    """The catalog of this checkout."""
    return catalogs.load()


@cache
def bundle() -> BundleManifest:
    """A bundle of everything that is pinned; each digest is that of the artifact's name."""
    release = catalog().versions.release(KUBERNETES)
    images = {*release.images, *(image for module in catalog().modules.values() for image in module.images)}
    charts = {
        chart_name(module.name, item.chart)
        for module in catalog().modules.values()
        for item in module.releases
    }
    artifacts = [
        *(_artifact(ArtifactKind.IMAGE, *reference.rsplit(":", 1)) for reference in sorted(images)),
        *(_artifact(ArtifactKind.BINARY, name, version) for name, version in release.binaries.items()),
        *(_artifact(ArtifactKind.CHART, name, "1") for name in sorted(charts)),
        *(
            _artifact(ArtifactKind.MODULE, module.name, folder_version(module))
            for module in catalog().modules.values()
        ),
        *(
            _artifact(ArtifactKind.PACKAGES, system.name, "1")
            for system in catalog().versions.packages.systems
        ),
    ]
    return manifests.manifest_of(name="pins", catalog=catalog().core, slipway="0", artifacts=artifacts)


def _artifact(kind: ArtifactKind, name: str, version: str) -> Artifact:
    digest = hashlib.sha256(f"{kind} {name} {version}".encode()).hexdigest()
    return Artifact(kind, name, version, f"sha256:{digest}", 1 << 20, path=f"{kind}/{name}")


def base() -> dict[str, Any]:
    """base.yaml."""
    document: dict[str, Any] = yaml.safe_load((FOLDER / "base.yaml").read_text(encoding="utf-8"))
    return document


def document(*patches: Mapping[str, Any]) -> dict[str, Any]:
    """The base with JSON merge patches on its spec."""
    made = base()
    for patch in patches:
        made["spec"] = merge_patch(made["spec"], patch)
    return made


def bare(configuration: Configuration) -> dict[str, HostObserved]:
    """Servers on which nothing is."""
    return {
        host.name: HostObserved(
            host.name,
            facts=HostFacts(
                os_id="debian",
                os_version="12",
                architecture="x86_64",
                cpus=4,
                memory=8192,
                disk_free={"/var/lib": 100_000},
                addresses=(host.address,),
            ),
        )
        for host in configuration.hosts
    }


def fresh(configuration: Configuration) -> Observed:
    """Bare servers, as a probe sees them, and the secrets that Slipway makes first."""
    hosts = bare(configuration)
    wanted = {"ssh/id_ed25519", "slipway-site/key"}
    for host in configuration.hosts:
        for role in roles_of(configuration, host):
            wanted |= references(role_variables(configuration, bundle(), host, role))
    secrets = {name: hashlib.sha256(name.encode()).hexdigest()[:16] for name in sorted(wanted)}
    return Observed(scope=Scope.FULL, read_at=READ_AT, site=SITE, hosts=hosts, secrets=secrets)


def planned(document: Mapping[str, Any], observed: Observed) -> Plan:
    """The plan for a document, of what can be observed."""
    assert contradictions(observed) == []
    return make_plan(read.parse(document), catalog(), bundle(), observed, document)


def installed(document: Mapping[str, Any]) -> Observed:
    """What is there after a fresh install."""
    observed = fresh(read.parse(document))
    return applied(document, planned(document, observed), observed)


def applied(document: Mapping[str, Any], plan: Plan, observed: Observed) -> Observed:
    """What is there after the plan was carried out to its end, but for what is held back."""
    configuration = read.parse(document)
    after = observed
    if observed.scope is not Scope.RECORDS:
        after = replace(observed, hosts={**bare(configuration), **observed.hosts})
    for step in (step for step in plan.steps if not step.hold):
        after = _EFFECTS[step.kind](step, configuration, document, after)
    return replace(after, turn=f"after {plan.digest}")


def records_only(observed: Observed) -> Observed:
    """The same through the API alone."""
    return replace(observed, scope=Scope.RECORDS, hosts={})


def _record(step: Step) -> StepRecord:
    return StepRecord(step.digest, step.parts, catalog=catalog().digest, version=catalog().version)


def _host(step: Step, configuration: Configuration, _: Mapping[str, Any], seen: Observed) -> Observed:
    host = seen.hosts.get(step.target)
    if host is None:  # it was not read: its node's copy will tell
        return seen
    if not host.reachable:
        # The preflight refuses such a plan; once it was carried out, the host had answered.
        host = bare(configuration)[step.target]
    survey = host.survey
    if step.action == "node_prepare" and not survey.container:
        survey = replace(survey, swaps=())
    if step.action == "node_firewall":
        survey = replace(survey, services=tuple(set(survey.services) - FIREWALLS))
    done = replace(
        host,
        survey=survey,
        cluster=seen.site,
        records={**host.records, step.action: _record(step)},
        intents=tuple(intent for intent in host.intents if intent.step != step.id),
        drift=tuple(drift for drift in host.drift if drift.step != step.id),
    )
    return replace(seen, hosts={**seen.hosts, step.target: done})


def _mirror(step: Step, _: Configuration, __: Mapping[str, Any], seen: Observed) -> Observed:
    now = RegistryObserved(reachable=True, bundle=step.digest)
    return replace(seen, replica=now) if step.target == REPLICA else replace(seen, registry=now)


def _settings(
    step: Step, configuration: Configuration, document: Mapping[str, Any], seen: Observed
) -> Observed:
    live = LiveConfiguration(configuration.name, NAMESPACE, 1, dict(document["spec"]))
    cluster = replace(seen.cluster, reachable=True, configurations=(live,), settings=_record(step))
    return replace(seen, cluster=cluster)


def _node(step: Step, configuration: Configuration, _: Mapping[str, Any], seen: Observed) -> Observed:
    nodes = dict(seen.cluster.nodes)
    if step.action == "remove":
        del nodes[step.target]
        hosts = {name: host for name, host in seen.hosts.items() if name != step.target}
        return replace(seen, hosts=hosts, cluster=replace(seen.cluster, nodes=nodes))
    if step.action in {"drain", "uncordon"}:
        nodes[step.target] = replace(nodes[step.target], drained=step.action == "drain")
        return replace(seen, cluster=replace(seen.cluster, nodes=nodes))
    nodes[step.target] = NodeObserved(
        step.target,
        ready=True,
        version=KUBERNETES,
        labels={"kubernetes.io/hostname": step.target, **step.inputs["labels"]},
        taints=tuple(step.inputs["taints"]),
        owned_labels=tuple(step.inputs["labels"]),
        owned_taints=tuple(f"{taint['key']}:{taint['effect']}" for taint in step.inputs["taints"]),
        records={role: StepRecord(**record) for role, record in step.inputs["records"].items()},
        address=step.inputs["address"],
    )
    return replace(seen, cluster=replace(seen.cluster, nodes=nodes))


def _admission(step: Step, _: Configuration, __: Mapping[str, Any], seen: Observed) -> Observed:
    specs = {document["kind"]: document["spec"] for document in step.inputs.get("documents", ())}
    rule = AdmissionObserved(step.digest if specs else "", specs)
    return replace(seen, cluster=replace(seen.cluster, admission=rule))


def _rewrite(_: Step, __: Configuration, ___: Mapping[str, Any], seen: Observed) -> Observed:
    return seen  # what Secrets are written by is no reading's matter


def _module(step: Step, configuration: Configuration, _: Mapping[str, Any], seen: Observed) -> Observed:
    modules = {name: record for name, record in seen.cluster.modules.items() if name != step.target}
    if step.action == "apply":
        modules[step.target] = ModuleRecord(
            step.target,
            ModulePhase.HEALTHY,
            digest=step.digest,
            parts=step.parts,
            version=step.inputs["version"],
            releases=tuple(release["name"] for release in step.inputs["releases"]),
            objects=(ObjectRef("apps/v1", "Deployment", step.target, step.target),),
            owner=owner_of(configuration),
            requires=tuple(step.inputs["requires"]),
        )
    drift = {name: found for name, found in seen.cluster.drift.items() if name != step.target}
    return replace(seen, cluster=replace(seen.cluster, modules=modules, drift=drift))


_EFFECTS = {
    StepKind.HOST: _host,
    StepKind.MIRROR: _mirror,
    StepKind.SETTINGS: _settings,
    StepKind.NODE: _node,
    StepKind.ADMISSION: _admission,
    StepKind.ENCRYPTION: _rewrite,
    StepKind.MODULE: _module,
}
