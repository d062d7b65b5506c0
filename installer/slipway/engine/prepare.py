"""From surroundings to a plan: read what has to be read, no more, and say what differs. Changes nothing.

Scopes: `records` asks the API and the registry; `targets` also reads the hosts that a step would touch; `full` reads
all hosts and looks for drift. A cluster that cannot be reached yet makes every scope read the hosts.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from slipway.api.merge import resolve
from slipway.api.read import stored_spec
from slipway.bundle.form import manifest as manifests
from slipway.bundle.site.source import SiteSource
from slipway.clock import utc_text
from slipway.engine.chronicle.diffs import shown_changes
from slipway.engine.claims import claims_of_upgrades
from slipway.engine.consent import losses_of_removals, turn_of
from slipway.engine.context import Context
from slipway.engine.definitions import definitions_of_changes
from slipway.engine.foreign import ForeignClusterError
from slipway.engine.freshness import accepted_in
from slipway.engine.journal import unfinished_targets
from slipway.engine.kubeconfig import fetch_kubeconfig
from slipway.engine.merging import effective_configuration
from slipway.engine.registry import observe_registry, registry_source
from slipway.engine.sealing import make_encryption_key, secret_digests, stored_digests
from slipway.engine.supply.taking import take_modules
from slipway.errors import BundleError, ConfigurationError, Finding, SlipwayError, TransientError
from slipway.findings import FindingCode
from slipway.model.host.items import Host, stranger
from slipway.model.observed import ClusterObserved, HostObserved, Observed, RegistryObserved, Scope
from slipway.model.plan import Action, Plan, StepKind
from slipway.planning.beside import beside
from slipway.planning.immutable import immutable_findings, machine_findings, pillar_findings
from slipway.planning.plan import make_plan
from slipway.planning.preflight import credential_targets
from slipway.probe.fleet import Fleet
from slipway.probe.hosts import read_hosts
from slipway.probe.reach import read_reach
from slipway.secrets import site_id


def prepare(context: Context, scope: Scope) -> tuple[Observed, Plan]:
    """Observe to the given depth and plan.

    Raises:
        ConfigurationError: an immutable field differs from the live cluster, or another configuration has hosts.
        ConflictError: somebody else changed live fields that this configuration sets (unless forced).
        BundleError: the bundle, or what the site registry holds, is of another release.
    """
    _same_release(context)
    take_modules(context)
    observed = _observe(context, scope)
    everyone, records = observed.cluster.configurations, observed.cluster.modules
    context.configuration = beside(
        effective_configuration(context, observed), everyone, context.catalog, records
    )
    plan = _plan(context, observed)
    if scope is not Scope.RECORDS or not observed.cluster.reachable:
        more = {**_hosts(context, _unread(context, plan, observed), deep=False), **_leaving(context, plan)}
        if more:
            observed = replace(observed, hosts={**observed.hosts, **more})
            plan = _plan(context, observed)
    if lost := losses_of_removals(context, plan, observed.cluster):
        observed = replace(observed, cluster=replace(observed.cluster, losses=lost))
        plan = _plan(context, observed)
    if changed := definitions_of_changes(context, plan, observed.cluster):
        observed = replace(observed, cluster=replace(observed.cluster, definitions=changed))
        plan = _plan(context, observed)
    if claims := claims_of_upgrades(context, plan, observed.cluster):
        observed = replace(observed, cluster=replace(observed.cluster, claims=claims))
        plan = _plan(context, observed)
    keep_manifest(context)
    return observed, shown_changes(context, observed, plan)


def keep_manifest(context: Context) -> None:
    """A copy of the manifest with the local state: the Ansible inventory knows digests without the bundle."""
    copy = context.state / manifests.FILE
    if not copy.exists() or context.manifest.digest.encode() not in copy.read_bytes():
        manifests.write(context.verified.manifest, context.state)


def _same_release(context: Context) -> None:
    """Two cores on one site would undo each other's work: this one's and that of the operator in the bundle."""
    if context.manifest.catalog != context.catalog.core:
        raise BundleError(
            "the bundle was made by another release of Slipway, or with other roles",
            where=context.manifest.name,
            why=f"its catalog is {context.manifest.catalog[7:19]}, this one {context.catalog.core[7:19]}",
            hint="build it with this one: slipway bundle build; then: slipway install --bundle DIR",
        )


def _plan(context: Context, observed: Observed) -> Plan:
    return make_plan(context.configuration, context.catalog, context.manifest, observed, context.document)


def _unread(context: Context, plan: Plan, observed: Observed) -> list[Host]:
    """Hosts that a step would touch, and with them those whose nodes are not ready: they may not answer.

    And hosts that an operation left half done: an edit taken back is no reason for a step, what it left there is.
    """
    targets = {step.target for step in plan.steps if step.on_host}
    if targets:
        targets |= {name for name, node in observed.cluster.nodes.items() if not node.ready}
    targets |= credential_targets(context.configuration, plan) | unfinished_targets(
        context.state / "operations"
    )
    return [h for h in context.configuration.hosts if h.name in targets and h.name not in observed.hosts]


def _leaving(context: Context, plan: Plan) -> dict[str, HostObserved]:
    """Hosts that the ClusterConfiguration does not name any more: whether they answer, and who they are."""
    steps = [step for step in plan.steps if step.kind is StepKind.NODE and step.action == Action.REMOVE]
    strangers = [stranger(step.target, where) for step in steps if (where := step.inputs["address"])]
    if not strangers:
        return {}
    with Fleet(strangers, context.access()) as fleet:
        return read_hosts(context.configuration, fleet)


def _observe(context: Context, scope: Scope) -> Observed:
    """Cluster, registry and (for a full read, or without a cluster) hosts, side by side.

    Raises:
        ConfigurationError: the cluster that is there cannot take the configuration.
    """
    hosts = context.configuration.hosts
    with ThreadPoolExecutor(max_workers=4, thread_name_prefix="observe") as pool:
        cluster_read = pool.submit(_cluster, context, drift=scope is Scope.FULL)
        registry_read = pool.submit(_registry, context)
        replica_read = pool.submit(_replica, context)
        hosts_read = pool.submit(_hosts, context, hosts, deep=True) if scope is Scope.FULL else None
        cluster, registry, replica = cluster_read.result(), registry_read.result(), replica_read.result()
        seen = hosts_read.result() if hosts_read else {}
    if not cluster.reachable and hosts:
        seen = seen or _hosts(context, hosts, deep=False)
        if _member(context, seen) and fetch_kubeconfig(context):
            cluster = _cluster(context, drift=False)
    _refuse(context, cluster)  # before the bundle is asked for what the cluster could not take
    if cluster.reachable and context.verified.seal:
        context.learn_accepted(accepted_in(context.client()))
    known = Observed(scope=scope, read_at="", hosts=seen, cluster=cluster)
    if cluster.reachable:
        make_encryption_key(context, known)
    secrets = secret_digests(context, known)
    return Observed(
        scope=scope,
        read_at=utc_text(),
        turn=turn_of(context, cluster),
        site=_site(context),
        kin=_kin(context),
        hosts=seen,
        cluster=cluster,
        registry=registry,
        replica=replica,
        stored=stored_digests(context, cluster, secrets),
        secrets=secrets,
    )


def _member(context: Context, seen: dict[str, HostObserved]) -> bool:
    """Whether a control plane is one of ours: the kubeconfig of somebody else's cluster is none of our business."""
    site = _site(context)
    planes = (seen[plane.name] for plane in context.configuration.control_planes)
    return any(plane.kubernetes and plane.cluster == site for plane in planes)


def _cluster(context: Context, *, drift: bool) -> ClusterObserved:
    """The cluster; an error where none answers and there are no hosts from which to make one, or to mend it."""
    from slipway.cluster.observe import observe

    hosts = context.configuration.hosts
    if context.kubeconfig and not context.kubeconfig.exists():
        if not hosts:
            raise _no_kubeconfig(context.kubeconfig)
        return ClusterObserved(reachable=False, error="no kubeconfig yet")
    try:
        return observe(context.client(), expectations=context.catalog.expectations, drift=drift)
    except ForeignClusterError:
        raise
    except SlipwayError as error:
        if not hosts:
            why = "; ".join(filter(None, (error.what, error.why)))
            raise TransientError(
                "the cluster cannot be read", where=error.where, why=why, hint=error.hint
            ) from error
        return ClusterObserved(reachable=False, error=str(error))


def _no_kubeconfig(path: Path) -> ConfigurationError:
    return ConfigurationError(
        "there is no kubeconfig of the cluster, and no hosts to make one of",
        where=str(path),
        hint="put the cluster's kubeconfig there, or name hosts in spec.hosts.items",
    )


def _registry(context: Context) -> RegistryObserved:
    """One read serves both: with the only registry as the source, its manifest is the context's too."""
    configuration = context.configuration.site
    if isinstance(context.source, SiteSource) and not configuration.registry_replica:
        return RegistryObserved(reachable=True, bundle=context.manifest.digest)
    host = configuration.registry_host
    return observe_registry(registry_source(configuration, context.secrets, context.state, host))


def _replica(context: Context) -> RegistryObserved:
    host = context.configuration.registry_replica
    if host is None:
        return RegistryObserved(reachable=False)
    return observe_registry(registry_source(context.configuration, context.secrets, context.state, host))


def _hosts(context: Context, hosts: Iterable[Host], *, deep: bool) -> dict[str, HostObserved]:
    chosen = tuple(hosts)
    if not chosen:
        return {}
    with Fleet(chosen, context.access()) as fleet:
        seen = read_hosts(context.configuration, fleet, deep=deep)
        members = all(host.kubernetes for host in seen.values() if host.reachable)
        return seen if members and not deep else read_reach(context.configuration, fleet, seen)


def _site(context: Context) -> str:
    return site_id(context.secrets, context.configuration.site.name)


def _kin(context: Context) -> dict[str, str]:
    """By the kubeconfigs that lie beside this cluster's; a pod has no such neighbours."""
    if context.kubeconfig is None:
        return {}
    name = context.kubeconfig.name
    beside = context.state.parent.glob(f"*/{name}")
    return {
        site_id(context.secrets, path.parent.name): path.parent.name
        for path in beside
        if path.parent != context.state
    }


def _refuse(context: Context, cluster: ClusterObserved) -> None:
    """What a live cluster forbids: immutable fields, and a second configuration with hosts."""
    configuration = context.configuration
    findings = machine_findings(cluster.nodes, configuration)
    for live in cluster.configurations:
        if (live.namespace, live.name) == (configuration.namespace, configuration.name):
            spec = stored_spec(live.spec, name=live.name, namespace=live.namespace)
            findings += immutable_findings(spec, configuration.spec)
            findings += pillar_findings(resolve(spec.hosts) if spec.hosts else (), spec, configuration)
        elif live.host_items and configuration.spec.hosts and context.document is not None:
            text = f"the cluster's hosts belong to ClusterConfiguration {live.namespace}/{live.name}"
            findings.append(
                Finding(
                    "spec.hosts",
                    text,
                    expected="modules only",
                    hint=f"edit {live.name} instead",
                    code=FindingCode.SECOND_HOSTS,
                )
            )
    if findings:
        raise ConfigurationError(
            "the live cluster cannot take this ClusterConfiguration",
            where=configuration.name,
            findings=tuple(findings),
        )
