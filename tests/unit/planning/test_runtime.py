"""The container runtime: what it is given, what the kubelet is told, and the order in which hosts change it."""

from dataclasses import replace
from typing import Any

import pytest

from slipway.api import read
from slipway.bundle.form import manifest as manifests
from slipway.errors import BundleError
from slipway.model.bundle import Artifact, ArtifactKind, BundleManifest
from slipway.model.observed import Drift, Observed
from slipway.model.placeholders import SecretValue
from slipway.model.plan import Plan
from slipway.model.record import Intent
from slipway.planning.checks.host import host_state
from slipway.planning.plan import make_plan
from slipway.planning.roles import packages_of, role_variables
from slipway.planning.roles.container_runtime import api_root, size_in_bytes
from tests.unit.planning import model

DOCKER = {"hosts": {"defaults": {"runtime": {"type": "docker"}}}}


def with_cri_dockerd() -> BundleManifest:
    """As a site builds it that pins cri-dockerd itself: this release has no pin."""
    pins = model.bundle()
    pinned = Artifact(ArtifactKind.BINARY, "cri-dockerd", "v1", "sha256:" + "d" * 64, 1, path="binary/x")
    return manifests.manifest_of(
        name="docker", catalog=model.catalog().core, slipway="0", artifacts=[*pins.artifacts, pinned]
    )


def variables(patch: dict[str, Any], role: str = "container_runtime") -> dict[str, Any]:
    configuration = read.parse(model.document(patch))
    return role_variables(configuration, with_cri_dockerd(), configuration.hosts[0], role)


def runtime(**fields: Any) -> dict[str, Any]:
    return variables({"hosts": {"defaults": {"runtime": fields}}})


def test_docker_without_cri_dockerd_is_refused_when_it_is_planned() -> None:
    document = model.document(DOCKER)
    with pytest.raises(BundleError) as refusal:
        model.planned(document, model.fresh(read.parse(model.document({}))))
    assert "no binary cri-dockerd" in refusal.value.what
    assert refusal.value.where == "host/cp-01"
    assert "runtime.type: containerd" in refusal.value.hint


def test_docker_brings_its_package_its_data_root_and_its_socket() -> None:
    assert "docker.io" in packages_of(read.parse(model.document(DOCKER)))
    assert "docker.io" not in packages_of(read.parse(model.document({})))
    found = variables(DOCKER)
    assert found["container_runtime_data_root"] == "/var/lib/docker"
    assert [one["name"] for one in found["container_runtime_artifacts"]] == ["cri-dockerd"]
    settings = variables(DOCKER, "kubernetes_node")["kubernetes_node_kubelet_config"]
    assert settings["containerRuntimeEndpoint"] == "unix:///run/cri-dockerd.sock"
    membership = variables(DOCKER, "kubernetes_control_plane")
    assert membership["kubernetes_control_plane_cri_socket"] == "unix:///run/cri-dockerd.sock"


def test_logs_are_the_kubelets_under_containerd_and_dockers_own_under_docker() -> None:
    log = {"maxSize": "10Mi", "maxFiles": 3}
    patch = {"hosts": {"defaults": {"runtime": {"log": log}}}}
    settings = variables(patch, "kubernetes_node")["kubernetes_node_kubelet_config"]
    assert (settings["containerLogMaxSize"], settings["containerLogMaxFiles"]) == ("10Mi", 3)
    assert variables(patch)["container_runtime_log"] == {}
    docker = {"hosts": {"defaults": {"runtime": {"type": "docker", "log": log}}}}
    assert "containerLogMaxSize" not in variables(docker, "kubernetes_node")["kubernetes_node_kubelet_config"]
    # Docker's 10m would be ten million.
    assert variables(docker)["container_runtime_log"] == {"max-size": "10485760", "max-file": "3"}
    assert size_in_bytes("2Gi") == 2 << 30


@pytest.mark.parametrize(
    ("url", "root"),
    [
        ("https://harbor.example.org", "https://harbor.example.org/v2"),
        ("http://10.0.0.9:5000/", "http://10.0.0.9:5000/v2"),
        ("https://harbor.example.org/proxy/hub", "https://harbor.example.org/v2/proxy/hub"),
    ],
)
def test_a_path_of_a_url_stands_behind_the_api(url: str, root: str) -> None:
    assert api_root(url) == root


def test_with_mirrors_and_no_endpoint_nobody_else_is_asked() -> None:
    mirrors = ["https://a.example.org", "https://b.example.org"]
    (found,) = runtime(registries=[{"name": "docker.io", "mirrors": mirrors}])["container_runtime_registries"]
    assert (found["mirrors"], found["server"]) == (["https://a.example.org/v2"], "https://b.example.org/v2")
    (found,) = runtime(
        registries=[{"name": "docker.io", "mirrors": mirrors, "endpoint": "https://c.example.org"}]
    )["container_runtime_registries"]
    assert found["server"] == "https://c.example.org/v2"
    assert len(found["mirrors"]) == len(mirrors)
    (found,) = runtime(registries=[{"name": "docker.io"}])["container_runtime_registries"]
    assert found["server"] == "https://registry-1.docker.io/v2"


def test_a_registry_that_is_named_is_not_answered_by_the_site_registry() -> None:
    assert "docker.io" in runtime()["container_runtime_mirrors"]
    assert "docker.io" not in runtime(registries=[{"name": "docker.io"}])["container_runtime_mirrors"]


def test_secrets_of_registries_are_references() -> None:
    entry = {
        "name": "a.example.org",
        "caRef": {"name": "a", "key": "ca"},
        "credentialsRef": {"name": "a", "key": "me"},
    }
    (found,) = runtime(registries=[entry])["container_runtime_registries"]
    assert (found["ca"], found["credentials"]) == (SecretValue("a/ca"), SecretValue("a/me"))


def test_what_is_the_sites_is_reached_without_the_proxy() -> None:
    assert runtime()["container_runtime_proxy"] == {}
    proxy = runtime(proxy={"http": "http://p:3128", "noProxy": [".example.org"]})["container_runtime_proxy"]
    cluster = read.parse(model.document({})).spec.kubernetes
    assert cluster is not None
    wanted = {cluster.network.service_cidr, cluster.network.pod_cidr, cluster.endpoint.address, ".svc"}
    assert {*wanted, "localhost", ".example.org", "registry.slipway.internal"} <= set(proxy["no_proxy"])


def changed(before: dict[str, Any], after: dict[str, Any], **node: Any) -> Plan:
    """The plan that turns one into the other, with a bundle that has cri-dockerd."""
    document = model.document(before)
    observed = _installed(document)
    first = observed.cluster.nodes["worker-01"]
    nodes = {**observed.cluster.nodes, "worker-01": replace(first, **node)}
    observed = replace(observed, cluster=replace(observed.cluster, nodes=nodes))
    wanted = model.document(after)
    return make_plan(read.parse(wanted), model.catalog(), with_cri_dockerd(), observed, wanted)


def _installed(document: dict[str, Any]) -> Observed:
    plan = make_plan(
        read.parse(document),
        model.catalog(),
        with_cri_dockerd(),
        model.fresh(read.parse(model.document({}))),
        document,
    )
    observed = model.applied(document, plan, model.fresh(read.parse(model.document({}))))
    return replace(observed, registry=replace(observed.registry, bundle=with_cri_dockerd().digest))


def test_hosts_leave_docker_one_by_one_each_drained_and_let_in_again() -> None:
    plan = changed(DOCKER, {})
    ids = [step.id for step in plan.steps if step.target in {"cp-01", "worker-01", "worker-02"}]
    for host in ("cp-01", "worker-01", "worker-02"):
        order = [
            f"node/{host}/drain",
            f"host/{host}/container_runtime",
            f"host/{host}/kubernetes_node",
            f"node/{host}/uncordon",
        ]
        assert sorted(order, key=ids.index) == order
    by_id = {step.id: step for step in plan.steps}
    assert by_id["node/worker-01/drain"].needs == ("node/cp-01/uncordon",)
    assert by_id["node/worker-02/drain"].needs == ("node/worker-01/uncordon",)
    assert "node/worker-01/drain" in by_id["host/worker-01/container_runtime"].needs
    assert by_id["host/worker-01/container_runtime"].disruptive
    assert by_id["node/worker-01/drain"].disruptive
    assert plan.needs_approval


def test_as_many_as_allowed_are_out_of_service_at_once() -> None:
    plan = changed(DOCKER, {"upgrade": {"maxUnavailable": 2}})
    by_id = {step.id: step for step in plan.steps}
    assert by_id["node/worker-01/drain"].needs == ()
    assert by_id["node/worker-02/drain"].needs == ("node/cp-01/uncordon",)


def test_a_setting_that_ends_no_pod_drains_nobody() -> None:
    plan = changed({}, {"hosts": {"defaults": {"runtime": {"maxConcurrentDownloads": 5}}}})
    assert not any(step.action in {"drain", "uncordon"} for step in plan.steps)
    assert not plan.needs_approval


def test_docker_without_live_restore_ends_its_containers_with_every_restart() -> None:
    loose = {"hosts": {"defaults": {"runtime": {"type": "docker", "liveRestore": False}}}}
    more = {
        "hosts": {"defaults": {"runtime": {**loose["hosts"]["defaults"]["runtime"], "log": {"maxFiles": 3}}}}
    }
    assert any(step.action == "drain" for step in changed(loose, more).steps)
    kept = {"hosts": {"defaults": {"runtime": {"type": "docker", "log": {"maxFiles": 3}}}}}
    assert not any(step.action == "drain" for step in changed(DOCKER, kept).steps)


def test_a_node_that_was_drained_and_left_so_is_let_in_again() -> None:
    steps = {step.id: step for step in changed({}, {}, drained=True).steps}
    assert steps["node/worker-01/uncordon"].change == "continue"
    assert "node/worker-02/uncordon" not in steps


def test_the_removal_of_a_data_root_is_destructive() -> None:
    moved = {"hosts": {"defaults": {"runtime": {"dataRoot": "/data/c"}}}}
    told = {
        "hosts": {
            "defaults": {"runtime": {"dataRoot": "/data/c", "removeOldDataRoot": "/var/lib/containerd"}}
        }
    }
    steps = [step for step in changed(moved, told).steps if step.action == "container_runtime"]
    assert all(step.destructive and not step.disruptive for step in steps)
    assert steps
    back = [step for step in changed(told, moved).steps if step.action == "container_runtime"]
    assert not any(step.destructive for step in back)


def test_docker_is_not_told_where_other_registries_answer() -> None:
    entries = [
        {"name": "docker.io", "mirrors": ["https://a.example.org"]},
        {"name": "quay.io", "mirrors": ["https://a.example.org"]},
        {"name": "b.example.org", "endpoint": "https://c.example.org"},
    ]
    configuration = read.parse(
        model.document({"hosts": {"defaults": {"runtime": {"type": "docker", "registries": entries}}}})
    )
    host = configuration.hosts[0]
    seen = model.bare(configuration)[host.name]
    found = [one for one in host_state(configuration, host, seen) if one.code == "docker-mirror"]
    assert [one.problem.rsplit(" ", 2)[1] for one in found] == ["quay.io", "b.example.org"]
    containerd = {"runtime": {"registries": entries}}
    configuration = read.parse(model.document({"hosts": {"defaults": containerd}}))
    assert not any(
        one.code == "docker-mirror" for one in host_state(configuration, configuration.hosts[0], seen)
    )


def begun(document: dict[str, Any], wanted: dict[str, Any]) -> Observed:
    """What is there after an install of `document` and a kill in the midst of what `wanted` asks of worker-01."""
    seen = model.installed(document)
    target = "host/worker-01/container_runtime"
    step = next(one for one in model.planned(wanted, seen).steps if one.id == target)
    host = seen.hosts["worker-01"]
    intent = Intent("op-1", target, step.digest, parts=step.parts)
    return replace(seen, hosts={**seen.hosts, "worker-01": replace(host, intents=(intent,))})


@pytest.mark.parametrize(
    ("fields", "disruptive"),
    [({"dataRoot": "/data/containerd"}, True), ({"maxConcurrentDownloads": 5}, False)],
)
def test_an_edit_taken_back_asks_as_the_edit_did(fields: dict[str, Any], disruptive: bool) -> None:
    document = model.document()
    wanted = model.document({"hosts": {"defaults": {"runtime": fields}}})
    for asked in (wanted, document):
        plan = model.planned(asked, begun(document, wanted))
        assert ("node/worker-01/drain" in {step.id for step in plan.steps}) is disruptive
        assert plan.needs_approval is disruptive


@pytest.mark.parametrize(("live_restore", "disruptive"), [(False, True), (True, False)])
def test_drift_of_what_dockerd_is_restarted_for(
    monkeypatch: pytest.MonkeyPatch, live_restore: bool, disruptive: bool
) -> None:
    pins = with_cri_dockerd()
    monkeypatch.setattr(model, "bundle", lambda: pins)
    document = model.document(DOCKER, {"hosts": {"defaults": {"runtime": {"liveRestore": live_restore}}}})
    seen = model.installed(document)
    host = seen.hosts["worker-01"]
    drop_in = "/etc/systemd/system/docker.service.d/60-slipway.conf"
    drift = Drift("host/worker-01/container_runtime", drop_in, "missing")
    seen = replace(seen, hosts={**seen.hosts, "worker-01": replace(host, drift=(drift,))})
    assert model.planned(document, seen).needs_approval is disruptive
