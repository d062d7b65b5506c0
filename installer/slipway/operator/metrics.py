"""Figures of the operator in a registry of its own; `text` is what /metrics answers."""

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from slipway import __version__
from slipway.cluster.rest.watch import Hearing
from slipway.model.configuration import Configuration
from slipway.model.observed import ClusterObserved, HostObserved, Observed, Scope
from slipway.model.operation import OperationResult
from slipway.model.plan import Plan, StepId
from slipway.model.standing import Part, Standing
from slipway.planning.standing import standing_of

#: Seconds of one step: a label edit takes one, a package install tens, a control plane minutes.
STEP_BUCKETS = (0.5, 1, 2, 5, 10, 20, 40, 60, 120, 300, 600, 1200)


class Watches(Collector):
    """The operator's watches, as they fare at the moment they are asked for."""

    def __init__(self) -> None:
        self._hearings: list[Hearing] = []

    def add(self, hearing: Hearing) -> Hearing:
        """Show this one too."""
        self._hearings.append(hearing)
        return hearing

    def notes(self) -> tuple[str, ...]:
        """Those that do not hold, in words."""
        return tuple(f"watch of {one.kind}: {one.failure}" for one in self._hearings if one.failure)

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """One line of each figure per kind."""
        breaks = CounterMetricFamily(
            "slipway_watch_breaks", "Lists and watches that failed.", labels=["kind"]
        )
        broken = GaugeMetricFamily("slipway_watch_broken", "1 while a watch does not hold.", labels=["kind"])
        for one in self._hearings:
            breaks.add_metric([one.kind], one.breaks)
            broken.add_metric([one.kind], bool(one.failure))
        yield from (breaks, broken)


class Metrics:
    """The meter (`operator.door.Meter`), and the runtime's own figures."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.watches = Watches()
        self.registry.register(self.watches)
        self._operations = Counter(
            "slipway_operations", "Operations that ended.", ["outcome"], registry=self.registry
        )
        self._step_seconds = Histogram(
            "slipway_step_seconds",
            "Wall-clock time of steps.",
            ["kind", "outcome"],
            buckets=STEP_BUCKETS,
            registry=self.registry,
        )
        self._plan_steps = self._gauge("slipway_plan_steps", "Steps that the newest plan has.")
        self._drift = self._gauge(
            "slipway_drift", "Things found other than recorded, at the newest full reading."
        )
        self._sick = Gauge(
            "slipway_sick",
            "Nodes and modules that are not well, at the newest reading.",
            ["configuration", "part"],
            registry=self.registry,
        )
        self._certificates = Gauge(
            "slipway_certificate_not_after_timestamp_seconds",
            "When a certificate of a host ends, at the newest reading of hosts.",
            ["configuration", "host", "path"],
            registry=self.registry,
        )
        self._hosts: defaultdict[str, set[str]] = defaultdict(set)
        """Of each ClusterConfiguration, the hosts whose certificates are told."""
        self._success = self._gauge(
            "slipway_last_success_timestamp_seconds", "When the cluster was last as its configuration says."
        )
        self._reconciliations = Counter(
            "slipway_reconciliations", "Looks at a ClusterConfiguration.", ["verdict"], registry=self.registry
        )
        self.leader = Gauge("slipway_leader", "1 in the active operator.", registry=self.registry)
        build = Gauge("slipway_build_info", "Version that runs.", ["version"], registry=self.registry)
        build.labels(__version__).set(1)

    def read(self, plan: Plan, observed: Observed) -> None:
        """A reading and what it leads to."""
        self._plan_steps.labels(plan.configuration).set(len(plan.steps))
        if observed.scope is Scope.FULL:
            drift = sum(map(len, observed.cluster.drift.values()))
            drift += sum(len(host.drift) for host in observed.hosts.values())
            self._drift.labels(plan.configuration).set(drift)
            self._forget_hosts(plan.configuration, observed.hosts)
        for host in observed.hosts.values():
            for one in host.survey.certificates:
                self._hosts[plan.configuration].add(host.name)
                self._certificates.labels(plan.configuration, host.name, one.path).set(one.expires)
        self._standing(plan.configuration, plan.standing)
        if plan.empty and plan.standing.well:
            self._success.labels(plan.configuration).set(time.time())

    def looked(self, configuration: Configuration, cluster: ClusterObserved) -> None:
        """A reading of the cluster alone."""
        standing = standing_of(configuration, cluster, expected={h.name for h in configuration.hosts})
        self._standing(f"{configuration.namespace}/{configuration.name}", standing)

    def _standing(self, configuration: str, standing: Standing) -> None:
        for part in Part:
            names = {one.name for one in standing.sick if one.part is part}
            self._sick.labels(configuration, part.value).set(len(names))

    def finished(self, result: OperationResult) -> None:
        """An operation ended."""
        self._operations.labels(result.outcome.value).inc()
        for step in result.steps:
            kind = StepId.parse(step.step).kind
            self._step_seconds.labels(kind, step.outcome.value).observe(step.seconds)

    def gone(self, configuration: str) -> None:
        """A ClusterConfiguration was deleted: nothing is known of it any more."""
        for gauge in (self._plan_steps, self._drift, self._sick, self._certificates, self._success):
            gauge.remove_by_labels({"configuration": configuration})

    def _forget_hosts(self, configuration: str, seen: Mapping[str, HostObserved]) -> None:
        """Those that the newest reading of all hosts does not have."""
        for name in self._hosts[configuration] - seen.keys():
            self._certificates.remove_by_labels({"configuration": configuration, "host": name})
        self._hosts[configuration] &= seen.keys()

    def reconciled(self, verdict: str) -> None:
        """One look at one ClusterConfiguration ended."""
        self._reconciliations.labels(verdict).inc()

    def text(self) -> bytes:
        """The exposition format."""
        return generate_latest(self.registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(name, text, ["configuration"], registry=self.registry)
