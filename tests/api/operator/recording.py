"""An engine for dispatch tests: it plans by what it applied before, and notes when it was asked. No hosts, no Helm.

Run as a program it is an operator process with that engine, to be killed: KUBECONFIG IDENTITY LOG.
"""

import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from slipway import catalog
from slipway.catalog import Catalog
from slipway.cluster.locks.election import Election
from slipway.cluster.locks.lease import Lease
from slipway.cluster.own.configurations import Configurations
from slipway.cluster.rest.client import Client, connect
from slipway.engine.journal import new_operation
from slipway.errors import SlipwayError
from slipway.model.configuration import Configuration
from slipway.model.observed import ClusterObserved, NodeObserved, Observed, RegistryObserved, Scope
from slipway.model.operation import Counts, OperationResult, Outcome, Progress, ProgressKind, StepResult
from slipway.model.plan import Because, Change, Hold, Plan, Reason, Step, StepKind
from slipway.model.record import ModulePhase, ModuleRecord
from slipway.operator.metrics import Metrics
from slipway.operator.operations import Chronicle
from slipway.operator.reconcile import Reconciler
from slipway.operator.round import Edges
from slipway.operator.runtime import OperatorProcess, Settings
from slipway.planning.digests import digest
from slipway.settings import NAMESPACE

#: Seconds of the Lease in tests: a takeover is seen within two of them.
LEASE_SECONDS = 4


class RecordingEngine:
    """What was applied to each module, in memory; every change of a setting is one step."""

    def __init__(self, *, disruptive: bool = False, step_seconds: float = 0.0) -> None:
        self.client: Client | None = None
        self.nodes: dict[str, NodeObserved] = {}
        self.applied: dict[str, dict[str, str]] = {}
        self.runs: list[tuple[float, Plan]] = []
        self.scopes: list[Scope] = []
        self.refusals: list[SlipwayError] = []
        self.away = ""
        """Why the steps of modules are held back; empty: they are not."""
        self.drifted: set[str] = set()
        """Modules whose objects are not as recorded, which only a full read shows; mending stops workloads."""
        self.disruptive = disruptive
        self.step_seconds = step_seconds

    def carry_out(self, name: str, spec: Mapping[str, Any]) -> None:
        """What a command line would do meanwhile."""
        for module, chosen in spec["modules"].items():
            self.applied.setdefault(name, {})[module] = digest(chosen.get("settings", {}), {})

    def work(self) -> None:
        """What a step does."""
        time.sleep(self.step_seconds)

    def catalog(self, site: Configuration, *, fresh: bool) -> Catalog:
        return catalog.load()

    def open(self, configuration: Configuration) -> "RecordingSession":
        return RecordingSession(self, configuration)


class RecordingSession:
    def __init__(self, engine: RecordingEngine, configuration: Configuration) -> None:
        self.engine = engine
        self.configuration = configuration
        self.mine = engine.applied.setdefault(configuration.name, {})

    def prepare(self, scope: Scope) -> tuple[Observed, Plan]:
        self.engine.scopes.append(scope)
        spec = self.configuration.spec
        wanted = {
            name: digest(module.settings, {}) for name, module in spec.modules.items() if module.enabled
        }
        steps = [
            self._step(name, "apply", value) for name, value in wanted.items() if self.mine.get(name) != value
        ]
        steps += [self._step(name, "remove", "") for name in self.mine if name not in wanted]
        if scope is Scope.FULL:
            drifted = sorted(self.engine.drifted & self.mine.keys())
            steps += [replace(self._step(name, "apply", wanted[name]), disruptive=True) for name in drifted]
        now = datetime.now(UTC).isoformat()
        text = digest({"steps": [(step.id, step.digest) for step in steps]}, {})
        name = f"{self.configuration.namespace}/{self.configuration.name}"
        plan = Plan(name, self.configuration.generation, "sha256:c", text, now, tuple(steps))
        modules = {name: ModuleRecord(name, ModulePhase.HEALTHY, value) for name, value in self.mine.items()}
        cluster = ClusterObserved(
            reachable=True, version="v1.35.4", modules=modules, nodes=dict(self.engine.nodes)
        )
        return Observed(scope, now, cluster=cluster, registry=RegistryObserved(True, "sha256:b")), plan

    def look(self) -> ClusterObserved:
        return self.prepare(Scope.RECORDS)[0].cluster

    def refuse_held(self) -> None:
        assert self.engine.client
        Lease(self.engine.client, self.configuration.name, "operator/test").refuse_held()

    def apply(
        self,
        plan: Plan,
        observed: Observed,
        *,
        progress: Callable[[Progress], None],
        cancelled: Callable[[], bool],
        held: Callable[[], bool],
        operation: str = "",
    ) -> OperationResult:
        started, name = time.monotonic(), operation or new_operation()
        self.engine.runs.append((started, plan))
        progress(Progress(ProgressKind.STARTED, name, time.time()))
        if self.engine.refusals:
            time.sleep(self.engine.step_seconds)
            raise self.engine.refusals.pop()
        progress(Progress(ProgressKind.LOCKED, name, time.time()))
        results, stopped = [], Outcome.CANCELLED
        for step in plan.steps:
            if cancelled() or held():
                stopped = Outcome.CANCELLED if cancelled() else Outcome.SUPERSEDED
                results.append(StepResult(step.id, stopped))
                continue
            progress(Progress(ProgressKind.STEP_STARTED, name, time.time(), step.id, step.target))
            self.engine.work()
            if step.action == "apply":
                self.mine[step.target] = step.digest
                self.engine.drifted.discard(step.target)
            else:
                self.mine.pop(step.target)
            data = {"outcome": "succeeded", "seconds": self.engine.step_seconds}
            progress(Progress(ProgressKind.STEP_FINISHED, name, time.time(), step.id, step.target, data=data))
            results.append(StepResult(step.id, Outcome.SUCCEEDED, self.engine.step_seconds, 1))
        whole = all(result.outcome is Outcome.SUCCEEDED for result in results)
        outcome = Outcome.SUCCEEDED if whole else stopped
        counts = Counts(planned=len(plan.steps))
        return OperationResult(name, plan.digest, outcome, tuple(results), counts, time.monotonic() - started)

    def _step(self, name: str, action: str, value: str) -> Step:
        reason = Reason(Because.FIELD, f"spec.modules.{name} changed", f"spec.modules.{name}")
        change = Change.UPDATE if action == "apply" else Change.REMOVE
        return Step(
            f"module/{name}/{action}",
            StepKind.MODULE,
            name,
            action,
            change,
            value,
            reasons=(reason,),
            disruptive=self.engine.disruptive,
            hold=Hold("host a does not answer", "host/a", self.engine.away, "wait")
            if self.engine.away
            else None,
        )


def make_runtime(
    kubeconfig: Path,
    identity: str,
    engine: RecordingEngine,
    *,
    lease: str = "operator-test",
    look_again: float = 0.5,
    namespaces: frozenset[str] = frozenset(),
) -> OperatorProcess:
    """The real runtime, reconciler, API edges and catalog around that engine."""
    client, metrics = connect(kubeconfig), Metrics()
    engine.client = client
    edges = Edges(
        store=Configurations(client),
        engine=engine,
        recorder=Chronicle(client),
        meter=metrics,
        namespaces=namespaces,
    )
    election = Election(client, NAMESPACE, lease, identity, seconds=LEASE_SECONDS)
    settings = Settings(address="127.0.0.1", port=0, look_again=look_again)
    return OperatorProcess(client, election, lambda halt: Reconciler(edges, halt), metrics, settings)


class Running:
    """A runtime in a thread."""

    def __init__(self, runtime: OperatorProcess) -> None:
        self.runtime = runtime
        self.code: int | None = None
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        self.code = self.runtime.run()

    def __enter__(self) -> OperatorProcess:
        self._thread.start()
        return self.runtime

    def __exit__(self, *_: object) -> None:
        self.runtime.halt.set()
        self._thread.join(30)
        assert not self._thread.is_alive()


def main(kubeconfig: str, identity: str, log: str) -> int:
    """An operator process; each line of LOG is a plan that it ran."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)

    class Logging(RecordingEngine):
        def open(self, configuration: Configuration) -> RecordingSession:
            with Path(log).open("a", encoding="utf-8") as file:
                file.write(f"{identity} {configuration.name} {configuration.generation}\n")
            return super().open(configuration)

    runtime = make_runtime(Path(kubeconfig), identity, Logging(), lease="operator-pair")
    signal.signal(signal.SIGTERM, lambda *_: runtime.halt.set())
    return runtime.run()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
