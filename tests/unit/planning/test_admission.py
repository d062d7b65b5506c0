"""The rule for image names: when it comes and goes, before and after what, and what control planes are told for it."""

from dataclasses import replace
from itertools import pairwise, product
from typing import Any

import pytest

from slipway.api import read
from slipway.model.observed import AdmissionObserved, NodeObserved, Observed
from slipway.model.plan import Plan, Step
from slipway.planning.admission import policy_documents
from slipway.planning.kubeadm import cluster_configuration
from slipway.planning.plan import make_plan
from slipway.planning.roles import role_variables
from slipway.planning.sitenames import full_name, renamed_registries, site_name
from tests.unit.planning import model
from tests.unit.planning.test_runtime import with_cri_dockerd

APPLY, REMOVE = "admission/image-names/apply", "admission/image-names/remove"
DOCKER = {"runtime": {"type": "docker"}}
HOSTS = ("cp-01", "cp-02", "cp-03", "worker-01", "worker-02")
SITE = "registry.slipway.internal:5000"


def document(*docker: str, hosts: tuple[str, ...] = HOSTS, **spec: Any) -> dict[str, Any]:
    """A site of which these hosts run Docker."""
    items = [
        {
            "name": name,
            "address": f"10.0.0.{11 + HOSTS.index(name)}",
            "roles": ["control-plane" if name.startswith("cp") else "worker"],
            "settings": DOCKER if name in docker else {},
        }
        for name in hosts
    ]
    return model.document({"hosts": {"items": items}, **spec})


def planned(wanted: dict[str, Any], observed: Observed) -> Plan:
    return make_plan(read.parse(wanted), model.catalog(), with_cri_dockerd(), observed, wanted)


def carried_out(wanted: dict[str, Any], observed: Observed) -> Observed:
    after = model.applied(wanted, planned(wanted, observed), observed)
    return replace(after, registry=replace(after.registry, bundle=with_cri_dockerd().digest))


def installed(wanted: dict[str, Any]) -> Observed:
    return carried_out(wanted, model.fresh(read.parse(document())))


def in_order(plan: Plan, *ids: str) -> bool:
    planned_ids = [step.id for step in plan.steps]
    places = [planned_ids.index(one) for one in ids]
    return places == sorted(places)


def needed_by(plan: Plan, step_id: str) -> set[str]:
    """All that has to be done before a step."""
    by_id: dict[str, Step] = {step.id: step for step in plan.steps}
    found: set[str] = set()
    waiting = [step_id]
    while waiting:
        new = set(by_id[waiting.pop()].needs) - found
        found |= new
        waiting += new
    return found


def test_without_docker_there_is_none_of_it() -> None:
    plan = planned(document(), model.fresh(read.parse(document())))
    assert not {APPLY, REMOVE} & {step.id for step in plan.steps}
    configuration = read.parse(document())
    assert policy_documents(configuration, model.bundle()) == []
    assert configuration.spec.kubernetes
    told = cluster_configuration(configuration, configuration.spec.kubernetes)
    assert not {"imageRepository", "dns"} & set(told)
    assert {flag["name"] for flag in told["apiServer"]["extraArgs"]} == {"service-node-port-range"}


def test_on_a_new_site_it_comes_between_the_first_control_plane_and_what_needs_it() -> None:
    plan = planned(document("worker-01"), model.fresh(read.parse(document())))
    assert "host/cp-01/kubernetes_control_plane" in needed_by(plan, APPLY)
    assert APPLY in needed_by(plan, "host/worker-01/kubernetes_worker")
    assert APPLY not in needed_by(plan, "host/worker-02/kubernetes_worker")
    assert APPLY in needed_by(plan, "module/flannel/apply")


def test_one_new_host_that_fails_keeps_nobody_from_modules() -> None:
    plan = planned(document("worker-01"), model.fresh(read.parse(document())))
    hosts = {need.split("/")[1] for need in needed_by(plan, APPLY) if need.startswith("host/")}
    assert hosts == {"cp-01"}


def test_on_a_living_site_all_control_planes_serve_it_and_all_nodes_can_pull_by_the_new_names() -> None:
    plan = planned(document("worker-02"), installed(document()))
    needs = needed_by(plan, APPLY)
    assert needs >= {f"host/{name}/kubernetes_control_plane" for name in HOSTS[:3]}
    assert needs >= {f"host/{name}/container_runtime" for name in HOSTS}
    rolled = next(step for step in plan.steps if step.id == "host/cp-01/kubernetes_control_plane")
    assert {reason.path for reason in rolled.reasons} == {
        "runtime.type of some host",
        "spec.kubernetes.apiServer, profile, auditPolicy or encryptSecrets, or runtime.type of some host",
    }


def test_a_control_plane_that_is_away_keeps_it_from_nobody() -> None:
    before = installed(document())
    host = replace(before.hosts["cp-03"], error_code="unreachable", error="no route")
    plan = planned(document("worker-02"), replace(before, hosts={**before.hosts, "cp-03": host}))
    assert not any("cp-03" in need for need in needed_by(plan, APPLY))


def test_it_goes_after_the_last_node_with_docker_and_before_control_planes_stop_to_serve_it() -> None:
    before = installed(document("worker-01", "worker-02"))
    assert before.cluster.admission.found
    plan = planned(document(), before)
    assert needed_by(plan, REMOVE) >= {f"host/worker-0{n}/container_runtime" for n in (1, 2)}
    for name in HOSTS[:3]:
        assert REMOVE in needed_by(plan, f"host/{name}/kubernetes_control_plane")
    one_left = planned(document("worker-02"), before)
    assert not {APPLY, REMOVE} & {step.id for step in one_left.steps}


def test_it_outlives_a_host_that_leaves() -> None:
    plan = planned(document(hosts=HOSTS[:4]), installed(document("worker-02")))
    assert in_order(plan, "node/worker-02/remove", REMOVE, "host/cp-01/kubernetes_control_plane")


@pytest.mark.parametrize(
    ("before", "after"), list(pairwise([(), HOSTS, HOSTS[:3], HOSTS[3:], HOSTS[2:4], ()]))
)
def test_whoever_changes_to_or_from_docker_there_is_a_way_and_it_ends(
    before: tuple[str, ...], after: tuple[str, ...]
) -> None:
    observed = installed(document(*before))
    assert planned(document(*before), observed).empty
    there = carried_out(document(*after), observed)
    assert planned(document(*after), there).empty
    assert there.cluster.admission.found == bool(after)


def test_another_registry_in_the_bundle_or_another_project_changes_it() -> None:
    wanted = document("worker-01")
    configuration = read.parse(wanted)
    assert "docker.io" in renamed_registries(configuration, with_cri_dockerd())
    old = replace(installed(wanted).cluster.admission, digest="sha256:other")
    observed = installed(wanted)
    (step,) = planned(wanted, replace(observed, cluster=replace(observed.cluster, admission=old))).steps
    assert (step.id, step.change, step.reasons[0].cause) == (APPLY, "update", "content")


def test_edits_and_losses_are_drift() -> None:
    wanted = document("worker-01")
    observed = installed(wanted)
    policy, binding = observed.cluster.admission.specs.items()

    def steps(specs: dict[str, Any]) -> list[tuple[str, str]]:
        there = AdmissionObserved(observed.cluster.admission.digest, specs)
        seen = replace(observed, cluster=replace(observed.cluster, admission=there))
        return [(str(step.change), step.reasons[0].text) for step in planned(wanted, seen).steps]

    assert steps(dict([policy, binding])) == []
    assert steps(dict([policy])) == [("repair", f"{binding[0]} slipway-image-names: missing")]
    edited = {**policy[1], "failurePolicy": "Ignore"}
    assert steps({policy[0]: edited, binding[0]: binding[1]}) == [
        ("repair", f"{policy[0]} slipway-image-names: changed")
    ]
    assert steps({}) == [("create", "a host runs Docker, which pulls by the site registry's names")]


def test_a_configuration_of_modules_alone_leaves_it_to_that_of_the_hosts() -> None:
    wanted = model.document()
    del wanted["spec"]["hosts"], wanted["spec"]["kubernetes"]
    there = AdmissionObserved("sha256:x", {"MutatingAdmissionPolicy": {}})
    observed = installed(document("worker-01"))
    seen = replace(observed, cluster=replace(observed.cluster, admission=there, configurations=()))
    assert not any(step.kind == "admission" for step in planned(wanted, seen).steps)


def test_flags_stand_beside_those_of_the_site() -> None:
    own = {"feature-gates": "A=true", "runtime-config": "api/beta=true"}
    configuration = read.parse(document("cp-01", kubernetes={"apiServer": {"extraArgs": own}}))
    assert configuration.spec.kubernetes
    told = cluster_configuration(configuration, configuration.spec.kubernetes)
    flags = [(flag["name"], flag["value"]) for flag in told["apiServer"]["extraArgs"]]
    assert flags == [
        ("feature-gates", "A=true"),
        ("feature-gates", "MutatingAdmissionPolicy=true"),
        ("runtime-config", "api/beta=true"),
        ("runtime-config", "admissionregistration.k8s.io/v1beta1=true"),
        ("service-node-port-range", "30000-32767"),
    ]


def test_kubeadms_own_images_have_the_sites_names() -> None:
    configuration = read.parse(document("worker-01"))
    assert configuration.spec.kubernetes
    told = cluster_configuration(configuration, configuration.spec.kubernetes)
    prefixes = {
        "coredns": told["dns"]["imageRepository"],
        **dict.fromkeys(("etcd", "pause", "kube-proxy"), told["imageRepository"]),
    }
    pinned = {image.rpartition(":")[0] for image in model.catalog().versions.release(model.KUBERNETES).images}
    for name, prefix in prefixes.items():
        assert f"{prefix}/{name}".removeprefix(f"{SITE}/") in pinned
        assert prefix.startswith(f"{SITE}/registry.k8s.io")


def test_containerd_is_told_of_the_site_registry_where_pods_name_it() -> None:
    for docker in ((), ("worker-01",)):
        configuration = read.parse(document(*docker))
        host = configuration.hosts[-1]
        told = role_variables(configuration, with_cri_dockerd(), host, "container_runtime")
        assert told.get("container_runtime_site_names", False) is bool(docker)


def test_names_are_made_whole_as_runtimes_do_it() -> None:
    hub = "docker.io/library"
    for first, tail in product(("busybox", "docker.io/busybox", "index.docker.io/busybox"), (":1", "")):
        assert full_name(first + tail) == f"{hub}/busybox{tail}"
    assert full_name("a/b") == full_name("docker.io/a/b") == "docker.io/a/b"
    assert full_name("localhost/a") == "localhost/a"
    assert full_name("host:5000/a") == "host:5000/a"


def test_a_site_registry_by_the_name_of_an_upstream_one_is_left_as_it_is() -> None:
    registry = {"mode": "external", "endpoint": "https://docker.io"}
    configuration = read.parse(document("worker-01", registry=registry))
    assert site_name(configuration, model.bundle(), "busybox") == "busybox"
    expression = policy_documents(configuration, model.bundle())[0]["spec"]["variables"][-1]["expression"]
    assert "'docker.io'" not in expression
    assert "'registry.k8s.io'" in expression


def test_a_node_of_which_nothing_is_known_changes_nothing() -> None:
    observed = installed(document("worker-01"))
    nodes = {**observed.cluster.nodes, "foreign": NodeObserved("foreign", ready=True)}
    seen = replace(observed, cluster=replace(observed.cluster, nodes=nodes))
    assert planned(document("worker-01"), seen).empty
