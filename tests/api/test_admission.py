"""Image names of pods, rewritten by a real API server with the flags and the rule that Slipway gives it."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from slipway.api import read
from slipway.cluster.observe import observe
from slipway.cluster.own.admission import apply_admission, read_admission, remove_admission
from slipway.cluster.rest.client import Client, connect, retry_conflicts
from slipway.errors import StepError, TransientError
from slipway.model.bundle import Artifact, ArtifactKind
from slipway.model.configuration import Configuration
from slipway.model.observed import Observed, Scope
from slipway.model.plan import Change, Step
from slipway.planning.admission import admission_steps
from slipway.planning.kubeadm import SERVES_POLICIES, cluster_configuration
from slipway.planning.sitenames import site_name
from slipway.settings import ADMISSION_API, ADMISSION_KINDS, ADMISSION_NAME
from tests.apiserver import ApiServer, until
from tests.unit.planning import model

SITE = "registry.slipway.internal:5000"
PODS = "/api/v1/namespaces/default/pods"
OK = 200
DIGEST = "sha256:" + "a" * 64
DOCKER = {"hosts": {"defaults": {"runtime": {"type": "docker"}}}}
PROJECT = {
    "registry": {"mode": "external", "endpoint": "https://harbor.example.org:8443", "project": "plat/form"},
}

#: What a pod says -> what it is to say.
NAMES = {
    "busybox": f"{SITE}/docker.io/library/busybox",
    "nginx:1.25": f"{SITE}/docker.io/library/nginx:1.25",
    "grafana/grafana:11.0": f"{SITE}/docker.io/grafana/grafana:11.0",
    "docker.io/busybox:1": f"{SITE}/docker.io/library/busybox:1",
    "docker.io/a/b/c": f"{SITE}/docker.io/a/b/c",
    "index.docker.io/a/b": f"{SITE}/docker.io/a/b",
    f"busybox@{DIGEST}": f"{SITE}/docker.io/library/busybox@{DIGEST}",
    f"quay.io/a/b@{DIGEST}": f"{SITE}/quay.io/a/b@{DIGEST}",
    f"quay.io/a/b:v1@{DIGEST}": f"{SITE}/quay.io/a/b:v1@{DIGEST}",
    "registry.k8s.io/pause:3.10": f"{SITE}/registry.k8s.io/pause:3.10",
    # Nobody at the site answers for these in the site registry's place.
    "localhost:5000/x": "localhost:5000/x",
    "localhost/x:1": "localhost/x:1",
    "harbor.example.org:8443/team/x:1": "harbor.example.org:8443/team/x:1",
    "quay.io.example.org/a/b": "quay.io.example.org/a/b",
    # Already the site's.
    f"{SITE}/quay.io/a/b:v1": f"{SITE}/quay.io/a/b:v1",
    f"{SITE}/docker.io/library/busybox": f"{SITE}/docker.io/library/busybox",
}


_QUAY = Artifact(ArtifactKind.IMAGE, "quay.io/a/b", "v1", DIGEST, 1, path="image/x")
#: What the catalog pins, and an image of one registry more.
BUNDLE = replace(model.bundle(), artifacts=(*model.bundle().artifacts, _QUAY))
#: A pod with much that could be lost: what is in a list twice, what others own, what only some containers have.
RICH = {
    "containers": [
        {
            "name": "a",
            "image": "quay.io/a/b:v1",
            "env": [{"name": "X", "value": "1"}, {"name": "X", "value": "2"}],
            "ports": [{"containerPort": 53, "protocol": "UDP"}, {"containerPort": 53, "protocol": "TCP"}],
            "resources": {"requests": {"cpu": "100m"}},
            "volumeMounts": [{"name": "v", "mountPath": "/v"}],
        },
        {"name": "b", "image": "localhost:5000/x", "command": ["sh"], "imagePullPolicy": "Never"},
        {"name": "c", "image": "busybox", "securityContext": {"privileged": True}},
    ],
    "initContainers": [
        {"name": "i", "image": f"{SITE}/quay.io/a/b:v1"},
        {"name": "s", "image": "registry.k8s.io/pause:3.10", "restartPolicy": "Always"},
    ],
    "volumes": [{"name": "v", "emptyDir": {"medium": "Memory"}}],
    "tolerations": [{"operator": "Exists"}],
    "hostNetwork": False,
    "imagePullSecrets": [{"name": "mine"}],
}


def configured(*patches: dict[str, Any]) -> Configuration:
    return read.parse(model.document(*patches))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """With the flags that kubeadm is told, beside some that the site has of its own."""
    own = {"feature-gates": "AllAlpha=false", "runtime-config": "api/alpha=false"}
    configuration = configured(DOCKER, {"kubernetes": {"apiServer": {"extraArgs": own}}})
    assert configuration.spec.kubernetes
    told = cluster_configuration(configuration, configuration.spec.kubernetes)["apiServer"]["extraArgs"]
    flags = [f"--{flag['name']}={flag['value']}" for flag in told if flag["name"] in SERVES_POLICIES]
    assert len(flags) == 2 * len(SERVES_POLICIES)
    folder = tmp_path_factory.mktemp("admission")
    with ApiServer(folder, controllers=True, kwok=True, flags=flags) as server:
        account = "/api/v1/namespaces/default/serviceaccounts/default"
        until(lambda: server.request("GET", account)[0] == OK, seconds=60, what="the default account")
        yield server


@pytest.fixture(scope="module")
def client(server: ApiServer) -> Iterator[Client]:
    with connect(server.kubeconfig) as client:
        yield client


@pytest.fixture
def rule(client: Client) -> Configuration:
    """The rule of a site with Docker, in force."""
    configuration = configured(DOCKER)
    put(client, configuration)
    return configuration


@pytest.fixture
def no_rule(client: Client) -> None:
    """None is in force."""
    remove_admission(client)
    until(lambda: tried(client, "busybox") == "busybox", seconds=60, what="no rule in force")


def put(client: Client, configuration: Configuration) -> None:
    """Carry out the plan's step, if there is one, and wait until the API server goes by it."""
    for step in steps(client, configuration):
        apply_admission(client, step.inputs["documents"], step.digest)
    wanted = site_name(configuration, BUNDLE, "busybox")
    until(lambda: tried(client, "busybox") == wanted, seconds=60, what="the rule in force")


def steps(client: Client, configuration: Configuration) -> list[Step]:
    observed = Observed(scope=Scope.FULL, read_at="", cluster=observe(client))
    return list(admission_steps(configuration, BUNDLE, observed))


def pod(name: str, *images: str, **more: Any) -> dict[str, Any]:
    containers = [{"name": f"c{number}", "image": image} for number, image in enumerate(images)]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"containers": containers, "automountServiceAccountToken": False, **more},
    }


def tried(client: Client, image: str) -> str:
    """What would become of an image: nothing is kept."""
    return images(tried_pod(client, pod("tried", image)))[0]


def tried_pod(client: Client, document: dict[str, Any]) -> dict[str, Any]:
    """What would become of a pod."""
    query = {"dryRun": "All", "fieldValidation": "Strict"}
    made: dict[str, Any] = client.call("POST", PODS, body=document, query=query)
    return made


def images(found: dict[str, Any], kind: str = "containers") -> list[str]:
    return [container["image"] for container in found["spec"][kind]]


@pytest.mark.parametrize("given", NAMES)
def test_a_name_becomes_the_sites(given: str, rule: Configuration, client: Client) -> None:
    assert tried(client, given) == NAMES[given]
    assert site_name(rule, BUNDLE, given) == NAMES[given]
    assert tried(client, NAMES[given]) == NAMES[given]


def test_of_a_pod_only_images_change(rule: Configuration, client: Client) -> None:
    document = pod("rich", **deepcopy(RICH))
    made = tried_pod(client, document)
    remove_admission(client)
    until(lambda: tried(client, "busybox") == "busybox", seconds=60, what="no rule in force")
    plain = tried_pod(client, document)
    assert images(made) == [NAMES.get(image, f"{SITE}/{image}") for image in images(plain)]
    assert images(made, "initContainers") == [
        f"{SITE}/quay.io/a/b:v1",
        f"{SITE}/registry.k8s.io/pause:3.10",
    ]
    assert without_images(made) == without_images(plain)


def without_images(made: dict[str, Any]) -> dict[str, Any]:
    kept = deepcopy(made)
    for kind in ("containers", "initContainers"):
        for container in kept["spec"][kind]:
            del container["image"]
    for name in ("uid", "creationTimestamp", "managedFields"):
        kept["metadata"].pop(name, None)
    for volume in kept["spec"]["volumes"]:
        assert volume["name"] == "v"
    return kept


@pytest.mark.usefixtures("no_rule")
def test_a_pod_that_runs_already_keeps_its_images_until_they_are_changed(client: Client) -> None:
    """A new image restarts a container: an edit of something else must not be one."""
    client.create(pod("early", "quay.io/a/b:v1", "busybox"))
    put(client, configured(DOCKER))
    edited = client.merge("v1", "Pod", "early", {"metadata": {"labels": {"a": "b"}}}, "default")
    assert images(edited) == ["quay.io/a/b:v1", "busybox"]

    def change(image: str) -> dict[str, Any]:
        there = client.get("v1", "Pod", "early", "default")
        assert there
        there["spec"]["containers"][1]["image"] = image
        return client.replace(there)

    changed = retry_conflicts(lambda: change("busybox:2"))
    assert images(changed) == ["quay.io/a/b:v1", f"{SITE}/docker.io/library/busybox:2"]
    again = retry_conflicts(lambda: change(images(changed)[1]))
    assert images(again) == images(changed)
    client.delete("v1", "Pod", "early", "default")


@pytest.mark.usefixtures("no_rule")
def test_containers_for_looking_inside(client: Client) -> None:
    client.create(pod("looked-into", "quay.io/a/b:v1"))
    path = f"{PODS}/looked-into/ephemeralcontainers"

    def look(*added: str) -> dict[str, Any]:
        there = client.get("v1", "Pod", "looked-into", "default")
        assert there
        known = there["spec"].get("ephemeralContainers", [])
        new = [{"name": f"e{len(known) + n}", "image": image} for n, image in enumerate(added)]
        there["spec"]["ephemeralContainers"] = [*known, *new]
        made: dict[str, Any] = client.call("PUT", path, body=there)
        return made

    retry_conflicts(lambda: look("busybox:early"))
    put(client, configured(DOCKER))
    made = retry_conflicts(lambda: look("busybox:1", "localhost:5000/x"))
    wanted = ["busybox:early", f"{SITE}/docker.io/library/busybox:1", "localhost:5000/x"]
    assert images(made, "ephemeralContainers") == wanted
    assert images(made) == ["quay.io/a/b:v1"]
    client.delete("v1", "Pod", "looked-into", "default")


@pytest.mark.usefixtures("rule")
def test_pods_of_a_deployment_run_by_the_sites_names_and_it_keeps_its_own(
    server: ApiServer, client: Client
) -> None:
    server.create_node("fake-1")
    server.kubectl("create", "deployment", "web", "--image=nginx:1.25", "--replicas=2")

    def ready() -> bool:
        found = client.get("apps/v1", "Deployment", "web", "default") or {}
        return bool(found["status"].get("readyReplicas") == 2)

    until(ready, seconds=60, what="web ready")
    deployment = client.get("apps/v1", "Deployment", "web", "default")
    assert deployment
    assert images(deployment["spec"]["template"]) == ["nginx:1.25"]
    pods = client.list("v1", "Pod", "default", labels="app=web")
    assert [images(one) for one in pods] == [[f"{SITE}/docker.io/library/nginx:1.25"]] * 2
    generation = deployment["metadata"]["generation"]
    server.kubectl("rollout", "status", "deployment/web", "--timeout=30s")
    after = client.get("apps/v1", "Deployment", "web", "default")
    assert after
    assert after["metadata"]["generation"] == generation
    server.kubectl("delete", "deployment", "web")


@pytest.mark.usefixtures("rule")
def test_what_a_kubelet_runs_by_itself_is_told_as_it_is(client: Client) -> None:
    static = pod("static", "registry.k8s.io/etcd:1", nodeName="node-1")
    static["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "abc"}
    assert images(tried_pod(client, static)) == ["registry.k8s.io/etcd:1"]
    static["metadata"]["annotations"] = {"kubernetes.io/other": "abc"}
    assert images(tried_pod(client, static)) == [f"{SITE}/registry.k8s.io/etcd:1"]


@pytest.mark.usefixtures("rule")
def test_a_pod_without_an_image_is_refused_in_kubernetes_own_words(client: Client) -> None:
    document = pod("none", "busybox")
    del document["spec"]["containers"][0]["image"]
    with pytest.raises(StepError) as refused:
        tried_pod(client, document)
    assert "spec.containers[0].image: Required value" in refused.value.why


@pytest.mark.usefixtures("rule")
def test_a_pod_of_many_containers_is_within_what_a_rule_may_cost(client: Client) -> None:
    many = [f"quay.io/{'path/' * 30}image-{number}@{DIGEST}" for number in range(200)]
    assert images(tried_pod(client, pod("many", *many))) == [f"{SITE}/{image}" for image in many]


def test_a_project_of_the_site_registry_is_part_of_the_name(client: Client) -> None:
    remove_admission(client)
    external = configured(DOCKER, PROJECT)
    put(client, external)
    wanted = "harbor.example.org:8443/plat/form/quay.io/a/b:1"
    assert tried(client, "quay.io/a/b:1") == wanted
    assert tried(client, wanted) == wanted


def test_a_registry_that_a_host_names_keeps_its_name(client: Client) -> None:
    own = {"hosts": {"defaults": {"runtime": {"type": "docker", "registries": [{"name": "quay.io"}]}}}}
    configuration = configured(own)
    put(client, configuration)
    until(lambda: tried(client, "quay.io/a/b:1") == "quay.io/a/b:1", seconds=60, what="quay.io left out")
    assert site_name(configuration, BUNDLE, "quay.io/a/b:1") == "quay.io/a/b:1"
    assert tried(client, "busybox") == f"{SITE}/docker.io/library/busybox"


def test_a_second_plan_finds_nothing_and_edits_by_hand_are_put_right(
    rule: Configuration, client: Client
) -> None:
    policy, binding = ADMISSION_KINDS
    assert steps(client, rule) == []

    client.merge(ADMISSION_API, policy, ADMISSION_NAME, {"spec": {"failurePolicy": "Ignore"}})
    (step,) = steps(client, rule)
    assert (step.change, [reason.path for reason in step.reasons]) == (Change.REPAIR, [policy])
    apply_admission(client, step.inputs["documents"], step.digest)
    assert steps(client, rule) == []

    narrowed = {"spec": {"matchResources": {"namespaceSelector": {"matchLabels": {"a": "b"}}}}}
    client.merge(ADMISSION_API, binding, ADMISSION_NAME, narrowed)
    (step,) = steps(client, rule)
    assert (step.change, [reason.path for reason in step.reasons]) == (Change.REPAIR, [binding])
    apply_admission(client, step.inputs["documents"], step.digest)
    assert steps(client, rule) == []

    client.delete(ADMISSION_API, binding, ADMISSION_NAME)
    (step,) = steps(client, rule)
    assert [reason.text for reason in step.reasons] == [f"{binding} {ADMISSION_NAME}: missing"]
    put(client, rule)
    assert steps(client, rule) == []


@pytest.mark.usefixtures("rule")
def test_it_goes_with_the_last_host_that_runs_docker(client: Client) -> None:
    without = configured()
    (step,) = steps(client, without)
    assert (step.id, step.change) == ("admission/image-names/remove", Change.REMOVE)
    assert remove_admission(client)
    assert steps(client, without) == []
    assert not remove_admission(client)
    until(lambda: tried(client, "busybox") == "busybox", seconds=60, what="no rule in force")


def test_an_api_server_without_the_flags_says_which(apiserver: ApiServer) -> None:
    with connect(apiserver.kubeconfig) as client:
        assert not read_admission(client).found
        (step,) = steps(client, configured(DOCKER))
        with pytest.raises(TransientError) as refused:
            apply_admission(client, step.inputs["documents"], step.digest)
        assert "feature-gates" in refused.value.hint
        assert not remove_admission(client)
