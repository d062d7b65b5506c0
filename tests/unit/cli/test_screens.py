"""What people see, kept as text below screens/: a change of a screen is read in the diff.

`python -m tests.unit.cli.test_screens` writes them anew.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from slipway.api.merge import Setting
from slipway.cli.views.egressview import report_text
from slipway.cli.views.hostview import WIDTH, forgotten_text, host_text, trusted_text
from slipway.cli.views.planview import plan_text
from slipway.cli.views.progressview import result_text
from slipway.cli.views.statusview import status_text
from slipway.engine.enquiry.egress import EgressReport
from slipway.engine.enquiry.hostview import HostView
from slipway.engine.enquiry.overview import Operation, Overview, Target
from slipway.engine.errands.forgetting import Forgotten
from slipway.engine.errands.trusting import Introduction
from slipway.model.hostkeys import HostKey
from slipway.model.observed import Drift, HostFacts, HostObserved, NodeObserved
from slipway.model.operation import Counts, Failure, OperationResult, Outcome, StepResult
from slipway.model.record import Intent, Lock, Made, MadeKind, StepRecord
from slipway.model.standing import Ailment, Cause, Part, Standing
from slipway.planning.egress import explain
from tests.unit.egress.example import given
from tests.unit.planning.example import Example, examples

SCREENS = Path(__file__).parent / "screens"
PLANS = (
    "fresh-install",
    "nothing-to-do",
    "nothing-to-do-by-records",
    "nothing-to-do-over-what-is-sick",
    "nothing-to-do-and-a-host-that-needs-a-look",
    "module-setting",
    "module-that-holds-data-disabled",
    "host-added",
    "host-added-that-waits-to-be-trusted",
    "kubelet-setting-of-all",
    "intent-left-open",
    "host-away-at-a-fresh-install",
    "host-away-counts-as-out-of-service",
)


def plan_screen(example: Example) -> str:
    text = plan_text(example.plan())
    return text.partition("; plan ")[0] + "\n"  # digests change with the catalog


def succeeded() -> str:
    steps = (
        StepResult("settings/site/apply", Outcome.SUCCEEDED),
        StepResult("module/page/apply", Outcome.SUCCEEDED),
    )
    counts = Counts(planned=2, ansible_runs=1, helm_calls=3)
    return result_text(OperationResult("op-1", "sha256:0", Outcome.SUCCEEDED, steps, counts, 12.34))


def failed() -> str:
    failure = Failure(
        "Fetch kubelet: the registry answered 503",
        "host/worker-01, role kubernetes_node",
        "GET https://registry.slipway.internal:5000/v2/\nservice unavailable",
        "log: .slipway/site/runs/op-2.log",
    )
    steps = (
        StepResult("host/worker-01/node_prepare", Outcome.SUCCEEDED),
        StepResult("host/worker-01/kubernetes_node", Outcome.FAILED, failure=failure),
        StepResult("host/worker-01/kubernetes_worker", Outcome.BLOCKED, failure=Failure("waits")),
    )
    return result_text(
        OperationResult("op-2", "sha256:0", Outcome.FAILED, steps, Counts(planned=3, ansible_runs=1), 8)
    )


def held_back() -> str:
    hold = Failure(
        "host worker-01 does not answer",
        "host/worker-01",
        "no SSH connection: 10.0.0.12:22: No route to host",
        "check address and port, and that the host is up; once it answers: slipway apply",
    )
    steps = (
        StepResult("host/worker-01/node_prepare", Outcome.BLOCKED, failure=hold),
        StepResult("host/worker-01/node_system", Outcome.BLOCKED, failure=hold),
        StepResult("host/worker-02/node_prepare", Outcome.SUCCEEDED),
    )
    return result_text(
        OperationResult("op-3", "sha256:0", Outcome.BLOCKED, steps, Counts(planned=3, ansible_runs=1), 8)
    )


def status_of_a_ready_cluster() -> str:
    return status_text(
        Overview(
            "site",
            "2026-01-01T00:00:00+00:00",
            cluster=True,
            phase="Ready",
            version="v1.35.4",
            conditions=(Target("Ready", "True"), Target("Stalled", "False")),
            nodes=(Target("cp-01", "Ready", "v1.35.4"), Target("worker-01", "Ready", "v1.35.4")),
            modules=(Target("flannel", "Healthy", "v0.28.10"), Target("page", "Healthy", "0.1.0")),
            operations=(Operation("op-1", "operator", "succeeded", "2026-01-01T00:00:00Z"),),
            certificates="2026-11-09T12:00:00+00:00",
        )
    )


def status_of_a_cluster_at_work() -> str:
    return status_text(
        Overview(
            "site",
            "2026-01-01T00:00:00+00:00",
            cluster=True,
            phase="Applying",
            version="v1.35.4",
            conditions=(
                Target("Ready", "False", "Applying", "operation op-2"),
                Target("Reconciling", "True", "Applying", "operation op-2"),
                Target("ModulesReady", "False", "ModulesNotHealthy", "1 of 2: page Applying"),
            ),
            nodes=(
                Target("cp-01", "Ready", "v1.35.4"),
                Target(
                    "worker-01", "NotReady", "v1.35.4", "container runtime network not ready: " + "cni " * 40
                ),
            ),
            modules=(Target("flannel", "Healthy", "v0.28.10"), Target("page", "Applying", "0.1.0")),
            operations=(
                Operation("op-2", "operator", "", "2026-01-01T00:00:00Z", "module/page/apply", 50),
                Operation(
                    "op-1", "here", "interrupted", "2026-01-01T00:00:00+00:00", "host/cp-01/node_prepare"
                ),
            ),
        )
    )


def status_of_a_cluster_that_is_not_well() -> str:
    """As it is without an operator, or before its operator has seen it."""
    worker = "Kubelet stopped posting node status."
    page = (
        "Deployment.apps/page/page: 0 of 1 replicas are available\n"
        "pod page/page-1: container page: CrashLoopBackOff: back-off 5m0s restarting failed container"
    )
    sick = (
        Ailment(Part.NODE, "worker-01", Cause.SILENT, worker, "2026-01-01T00:00:00Z"),
        Ailment(Part.MODULE, "page", Cause.NOT_CURRENT, page, "2026-01-01T00:01:00Z"),
    )
    hints = (Ailment(Part.NODE, "cp-01", Cause.PRESSURE, "DiskPressure: kubelet has disk pressure"),)
    return status_text(
        Overview(
            "site",
            "2026-01-01T00:02:00+00:00",
            cluster=True,
            phase="Degraded",
            version="v1.35.4",
            conditions=(Target("Ready", "False", "Degraded", "not well: worker-01, page"),),
            nodes=(
                Target("cp-01", "Ready", "v1.35.4"),
                Target("worker-01", "NotReady", "v1.35.4", worker),
            ),
            modules=(
                Target("flannel", "Healthy", "v0.28.10"),
                Target("page", "Unhealthy", "0.1.0", page),
            ),
            standing=Standing(sick, hints),
            certificates="2026-01-20T12:00:00+00:00",
        )
    )


def status_before_there_is_a_cluster() -> str:
    return status_text(
        Overview(
            "site",
            "2026-01-01T00:00:00+00:00",
            cluster=False,
            phase="no cluster",
            why="no kubeconfig of it on this machine",
            hosts=(
                Target("cp-01", "2 of 5 steps", message="in container_runtime; held by slipway@other:77"),
                Target("worker-01", "unreachable", message="no route to host"),
            ),
        )
    )


def status_of_a_cluster_that_does_not_answer() -> str:
    return status_text(
        Overview(
            "site",
            "2026-01-01T00:00:00+00:00",
            cluster=False,
            phase="Unreachable",
            why="the Kubernetes API does not answer",
            hosts=(Target("cp-01", "installed"), Target("worker-01", "installed")),
        )
    )


LONG = "a-group-" * 7 + "a-group"
SETTINGS = (
    Setting("kubelet.kubeReserved.memory", "4Gi", "host"),
    Setting("kernelModules", ("overlay", "br_netfilter", "nvidia", "nvidia_uvm", "nvidia_drm"), "group gpu"),
    Setting(
        'labels["example.com/a-label-that-is-as-long-as-a-label-of-a-vendor-can-be"]', "x" * 63, "group gpu"
    ),
    Setting("packages", (), f"group {LONG}"),
    Setting("runtime.dataRoot", "/data/containerd", "defaults"),
    Setting("runtime.limitNOFILE", 20000, "defaults"),
)
FACTS = HostFacts(
    "debian", "12", "bookworm", "x86_64", "6.1.0-42-amd64", "worker-01", "m", 32, 257640, "3.11.2", time=100.0
)


def host_view(host: HostObserved, node: NodeObserved | None, no_cluster: str = "") -> str:
    steps = ("node_prepare", "container_runtime", "kubernetes_node", "kubernetes_worker")
    view = HostView(
        "worker-01",
        "10.0.0.22",
        ("worker",),
        ("gpu", LONG),
        "2026-01-01T00:00:00+00:00",
        "5170000000000000",
        steps,
        SETTINGS,
        host,
        node,
        no_cluster,
    )
    return host_text(view)


def host_explained() -> str:
    def record(letter: str, files: int) -> StepRecord:
        recorded = tuple(Made(MadeKind.FILE, f"/etc/{n}", digest="0" * 64) for n in range(files))
        return StepRecord(f"sha256:{letter * 64}", {}, "c", "0.1.0", "2026-01-01T00:00:00Z", recorded)

    step = "host/worker-01/container_runtime"
    host = HostObserved(
        "worker-01",
        facts=FACTS,
        cluster="5170000000000000",
        records={
            "node_prepare": record("a", 7),
            "container_runtime": record("b", 5),
            "registry": record("c", 2),
        },
        intents=(Intent("op-7", step, "sha256:d", 4, "slipway@admin:77", "2026-01-01T00:10:00Z"),),
        lock=Lock("slipway@admin:77", 4, 160.0),
        drift=(
            Drift(step, "/etc/containerd/config.toml", "changed", "--- recorded\n+++ found\n-a = 1\n+a = 2"),
            Drift(step, "unit containerd.service", "inactive"),
            Drift(
                "host/worker-01/node_prepare",
                "/etc/sysctl.d/90-slipway.conf",
                "its mode is 0600 instead of 0644",
            ),
        ),
    )
    message = (
        "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:cni"
    )
    return host_view(host, NodeObserved("worker-01", ready=False, version="v1.35.4", message=message))


def host_that_cannot_be_read() -> str:
    host = HostObserved(
        "worker-01",
        error_code="host-key",
        error="its host key has changed: it shows ssh-ed25519 SHA256:abc, but another one is known",
        hint="if the host was reinstalled: slipway host trust worker-01; if not, somebody may be in between",
    )
    return host_view(host, None, "no kubeconfig of it on this machine")


def host_forgotten() -> str:
    keys = (HostKey("10.0.0.22", "ssh-ed25519", "AAAA"),)
    note = "the ClusterConfiguration in the cluster still names worker-09: slipway apply"
    return "\n\n".join(
        forgotten_text(done)
        for done in (
            Forgotten("worker-09", False, ("10.0.0.22",), keys, True, (note,)),
            Forgotten("worker-01", True, ("10.0.0.22",), keys, False, ()),
            Forgotten("worker-09", False, (), (), False, ("did you mean worker-01?",)),
        )
    )


def host_trusted() -> str:
    old, new = (HostKey("10.0.0.22", "ssh-ed25519", key) for key in ("AAAA", "BBBB"))
    done = Introduction("worker-01", False, new, (old,))
    return "\n\n".join((trusted_text(done, ""), trusted_text(done, "the API server does not answer")))


def egress_reported() -> str:
    """As cases of tests/unit/egress explain it, one beneath the other."""
    cases = (
        "packet-of-a-pod-whose-address-is-seen",
        "packet-behind-the-node-found-in-its-connection-table",
        "question-for-a-registry-with-an-image-that-waits",
        "packets-to-addresses-of-the-cluster-are-not-outside",
    )
    rows = tuple(row for case in cases for row in explain(*given(case)))
    unread = ("the connection table of worker-1: a script did not end within 30 s",)
    return report_text(EgressReport(rows, unread))


def egress_of_nothing() -> str:
    return report_text(EgressReport(()))


OTHERS: tuple[Callable[[], str], ...] = (
    egress_reported,
    egress_of_nothing,
    succeeded,
    failed,
    held_back,
    status_of_a_ready_cluster,
    status_of_a_cluster_at_work,
    status_of_a_cluster_that_is_not_well,
    status_before_there_is_a_cluster,
    status_of_a_cluster_that_does_not_answer,
    host_explained,
    host_that_cannot_be_read,
    host_forgotten,
    host_trusted,
)


@cache
def screens() -> dict[str, str]:
    plans = {f"plan-{one.name}": plan_screen(one) for one in examples() if one.name in PLANS}
    return plans | {make.__name__.replace("_", "-"): make() + "\n" for make in OTHERS}


@pytest.mark.parametrize(
    "name", [*(f"plan-{name}" for name in PLANS), *(m.__name__.replace("_", "-") for m in OTHERS)]
)
def test_screen(name: str) -> None:
    text = screens()[name]
    assert text == (SCREENS / f"{name}.txt").read_text(encoding="utf-8")
    width = WIDTH if name.startswith("host-") else 160
    assert max(map(len, text.splitlines())) <= width, "a line that a terminal breaks"


if __name__ == "__main__":
    for key, screen in screens().items():
        (SCREENS / f"{key}.txt").write_text(screen, encoding="utf-8")
