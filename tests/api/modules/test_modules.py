"""Modules on a real API server, with real controllers, a real Helm and fake kubelets (KWOK)."""

import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slipway import catalog
from slipway.catalog import Fate
from slipway.clock import utc_text
from slipway.cluster.lifecycle.helm import Helm
from slipway.cluster.lifecycle.losses import losses_of
from slipway.cluster.lifecycle.modules import apply_module
from slipway.cluster.lifecycle.removal import remove_module
from slipway.cluster.lifecycle.work import Work
from slipway.cluster.observe import observe
from slipway.cluster.own import records
from slipway.cluster.rest.client import Client
from slipway.errors import StepError, TransientError
from slipway.model.configuration import Configuration, ModuleSpec, Spec
from slipway.model.modulehealth import Health
from slipway.model.record import Intent, ObjectRef
from slipway.operator.lookout import MADE_BY_HELM
from slipway.planning.requests.codec import as_inputs, module_request
from slipway.planning.requests.request import (
    ChartRef,
    ModuleRequest,
    ReleaseRequest,
    RemovalRequest,
)
from slipway.settings import NAMESPACE
from tests.apiserver import ApiServer, until
from tests.binaries import binary

CATALOG = catalog.load()
FACTS = catalog.cluster_facts(Configuration(name="demo", namespace=NAMESPACE, spec=Spec()))

WIDGETS: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.example.org"},
    "spec": {
        "group": "example.org",
        "scope": "Namespaced",
        "names": {"kind": "Widget", "plural": "widgets"},
        "versions": [
            {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
        ],
    },
}


def request_for(name: str, spec: ModuleSpec | None = None, *, seconds: int = 60) -> ModuleRequest:
    """What planning asks for, with the charts of the checkout."""
    module, spec = CATALOG.modules[name], spec or ModuleSpec()
    values = CATALOG.values(module, spec.settings, spec.values, FACTS)
    releases = tuple(
        ReleaseRequest(
            name=release.name,
            namespace=release.namespace,
            create_namespace=release.create_namespace,
            labels=release.labels,
            chart=ChartRef(release.chart, module.digest, module.version),
            values=values[release.name],
        )
        for release in module.releases
    )
    health = Health(timeout=seconds)
    return ModuleRequest(name, module.version, releases, health, module.removal, owner=f"{NAMESPACE}/demo")


def removal_of(name: str, **policy: Fate) -> RemovalRequest:
    """As its module.yaml has it, but for what is named."""
    return RemovalRequest(name, replace(CATALOG.modules[name].removal, **policy))


def agreed(client: Client, request: RemovalRequest) -> RemovalRequest:
    """The same of a removal, with a yes to all that it destroys."""
    record = records.read_module(client, request.name)
    return replace(request, destroys=losses_of(client, record, request.removal) if record else ())


def intent(digest: str, action: str = "apply") -> Intent:
    return Intent("op-1", f"module/welcome/{action}", digest, 1, "test", utc_text())


@pytest.fixture(scope="module", autouse=True)
def node(cluster_api: ApiServer) -> None:
    cluster_api.create_node("modules-1")


@pytest.fixture
def work(client: Client, cluster_api: ApiServer) -> Iterator[Work]:
    """Everything a run has; welcome is gone afterwards, however the test ended."""
    made = Work(
        client=client,
        helm=Helm(binary("helm"), cluster_api.kubeconfig),
        artifact_path=lambda chart: CATALOG.modules[chart.name].directory / "chart",
    )
    yield made
    remove_module(made, removal_of("welcome"), intent("gone", "remove"))
    assert client.get("v1", "Namespace", "welcome") is None


def greeting(client: Client) -> str:
    page = client.get("v1", "ConfigMap", "welcome", "welcome")
    assert page is not None
    return str(page["data"]["index.html"])


def test_from_nothing_through_an_edit_to_nothing(work: Work) -> None:
    client = work.client
    first = apply_module(work, request_for("welcome"), intent("d1"))
    assert (first.phase, first.digest, first.revision, work.helm.calls) == ("Healthy", "d1", 1, 1)
    assert {ref.kind for ref in first.objects} == {"ConfigMap", "Service", "Deployment"}
    assert all(ref.uid and ref.namespace == "welcome" for ref in first.objects)
    seen = observe(client, drift=True)
    assert seen.modules["welcome"] == first
    assert seen.sick == {}
    marked = client.list("apps/v1", "Deployment", "welcome", labels=MADE_BY_HELM)
    assert [found["metadata"]["name"] for found in marked] == ["welcome"]  # by which the operator watches it

    again = apply_module(work, request_for("welcome"), intent("d1"))
    assert (again.revision, work.helm.calls) == (1, 1)

    edited = apply_module(
        work, request_for("welcome", ModuleSpec(settings={"greeting": "Moin"})), intent("d2")
    )
    assert (edited.digest, edited.revision, work.helm.calls) == ("d2", 2, 2)
    assert greeting(client).startswith("Moin")

    remove_module(work, removal_of("welcome"), intent("d3", "remove"))
    assert records.read_module(client, "welcome") is None
    assert client.get("apps/v1", "Deployment", "welcome", "welcome") is None
    assert client.get("v1", "Namespace", "welcome") is None
    remove_module(work, removal_of("welcome"), intent("d3", "remove"))


def test_an_upgrade_that_is_not_healthy_is_rolled_back(work: Work) -> None:
    apply_module(work, request_for("welcome"), intent("d1"))
    nowhere = ModuleSpec(settings={"greeting": "bad"}, values={"nodeSelector": {"disk": "none"}})
    with pytest.raises(StepError) as caught:
        apply_module(work, request_for("welcome", nowhere, seconds=6), intent("d2"))
    assert "Unschedulable" in caught.value.why
    assert "node(s) didn't match Pod's node affinity/selector" in caught.value.why
    assert "rolled back and is healthy again" in caught.value.hint
    record = records.read_module(work.client, "welcome")
    assert record is not None
    assert (record.phase, record.digest, record.revision, record.intent) == ("Failed", "d1", 3, None)
    assert not greeting(work.client).startswith("bad")
    calls = work.helm.calls
    good = apply_module(work, request_for("welcome"), intent("d1"))
    assert (good.phase, work.helm.calls) == ("Healthy", calls)


def test_a_first_install_that_fails_is_kept_and_continued(work: Work, cluster_api: ApiServer) -> None:
    picky = ModuleSpec(values={"nodeSelector": {"disk": "fast"}})
    with pytest.raises(StepError, match="did not become healthy"):
        apply_module(work, request_for("welcome", picky, seconds=4), intent("d1"))
    record = records.read_module(work.client, "welcome")
    assert record is not None
    assert (record.phase, record.digest) == ("Failed", "")
    assert "Unschedulable" in record.message
    cluster_api.kubectl("label", "node", "modules-1", "disk=fast")
    calls = work.helm.calls
    done = apply_module(work, request_for("welcome", picky), intent("d1"))
    assert (done.phase, done.revision, work.helm.calls) == ("Healthy", 1, calls)


def test_values_that_the_api_refuses_are_told_in_its_words(work: Work) -> None:
    wrong = ModuleSpec(values={"replicas": "many"})
    with pytest.raises(StepError) as caught:
        apply_module(work, request_for("welcome", wrong), intent("d1"))
    assert "replicas" in caught.value.why
    assert apply_module(work, request_for("welcome"), intent("d2")).phase == "Healthy"


@pytest.mark.parametrize("state", ["pending-install", "pending-upgrade", "pending-rollback", "uninstalling"])
def test_what_a_killed_helm_left_is_continued_without_loss(work: Work, state: str) -> None:
    client = work.client
    apply_module(work, request_for("welcome"), intent("d1"))
    if state == "pending-upgrade":
        apply_module(work, request_for("welcome", ModuleSpec(settings={"greeting": "a"})), intent("d2"))
    service = client.get("v1", "Service", "welcome", "welcome")
    assert service is not None
    leave_in_state(client, state)
    if state == "uninstalling":
        client.delete("v1", "ConfigMap", "welcome", "welcome")
    done = apply_module(work, request_for("welcome", ModuleSpec(settings={"greeting": "b"})), intent("d3"))
    assert (done.phase, done.digest) == ("Healthy", "d3")
    kept = client.get("v1", "Service", "welcome", "welcome")
    assert kept is not None
    assert kept["metadata"]["uid"] == service["metadata"]["uid"]
    assert greeting(client).startswith("b")


def leave_in_state(client: Client, state: str) -> None:
    """Put Helm's own record of the newest revision into a state, as a SIGKILL at that moment does."""
    import base64
    import gzip

    found = client.list("v1", "Secret", "welcome", labels="owner=helm,name=welcome")
    secret = max(found, key=lambda item: int(item["metadata"]["labels"]["version"]))
    release = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(secret["data"]["release"]))))
    release["info"]["status"] = state
    packed = base64.b64encode(base64.b64encode(gzip.compress(json.dumps(release).encode()))).decode()
    patch = {"data": {"release": packed}, "metadata": {"labels": {"status": state}}}
    client.merge("v1", "Secret", secret["metadata"]["name"], patch, "welcome")


@pytest.mark.parametrize("state", ["pending-install", "uninstalling"])
def test_removal_of_what_a_killed_helm_left(work: Work, state: str) -> None:
    apply_module(work, request_for("welcome"), intent("d1"))
    leave_in_state(work.client, state)
    remove_module(work, removal_of("welcome"), intent("d2", "remove"))
    assert work.client.get("v1", "Namespace", "welcome") is None


def test_drift_is_seen_and_repaired(work: Work, cluster_api: ApiServer) -> None:
    client = work.client
    apply_module(work, request_for("welcome"), intent("d1"))
    assert observe(client, drift=True).drift == {}
    cluster_api.kubectl("-n", "welcome", "delete", "service", "welcome")
    cluster_api.kubectl("-n", "welcome", "scale", "deployment", "welcome", "--replicas=3")
    seen = observe(client, drift=True).drift["welcome"]
    assert [(item.what, item.found) for item in seen] == [
        ("Service/welcome/welcome", "is gone"),
        ("Deployment.apps/welcome/welcome", "was edited"),
    ]
    apply_module(work, request_for("welcome"), intent("d1"))
    deployment = client.get("apps/v1", "Deployment", "welcome", "welcome")
    assert deployment is not None
    assert deployment["spec"]["replicas"] == 1
    assert client.get("v1", "Service", "welcome", "welcome") is not None
    assert observe(client, drift=True).drift == {}


def test_somebody_elses_objects_keep_the_namespace(work: Work, cluster_api: ApiServer) -> None:
    apply_module(work, request_for("welcome"), intent("d1"))
    cluster_api.kubectl("-n", "welcome", "create", "configmap", "mine", "--from-literal=a=b")
    remove_module(work, removal_of("welcome"), intent("d2", "remove"))
    assert work.client.get("v1", "Namespace", "welcome") is not None
    cluster_api.kubectl("delete", "namespace", "welcome")


def test_somebody_elses_custom_resources_keep_the_namespace(work: Work, cluster_api: ApiServer) -> None:
    """Of any kind that a definition makes, as where a module leaves its definitions, and with them what people have."""
    apply_module(work, request_for("welcome"), intent("d1"))
    work.client.create(WIDGETS)
    try:
        widget = {"apiVersion": "example.org/v1", "kind": "Widget"}
        meta = {"metadata": {"name": "mine", "namespace": "welcome"}}
        until(lambda: work.client.resource(*widget.values()), seconds=60, what="widgets are served")
        until(lambda: created(work.client, {**widget, **meta}), seconds=60, what="one is taken")
        remove_module(work, removal_of("welcome"), intent("d2", "remove"))
        assert work.client.get("example.org/v1", "Widget", "mine", "welcome") is not None
    finally:
        cluster_api.kubectl("delete", "namespace", "welcome")
        cluster_api.kubectl("delete", "crd", "widgets.example.org")


def created(client: Client, obj: dict[str, Any]) -> bool:
    """Whether the API takes it: of a new kind it does not at once."""
    try:
        client.create(obj)
    except (StepError, TransientError):
        return False
    return True


def test_a_namespace_that_is_there_gets_the_labels_that_the_module_needs(
    work: Work, cluster_api: ApiServer
) -> None:
    """As slipway-system, which no module makes: where pods are hardened, the operator's would be refused."""
    cluster_api.create_namespace("welcome")
    cluster_api.kubectl("label", "namespace", "welcome", "theirs=stays")
    label = "pod-security.kubernetes.io/enforce"
    request = request_for("welcome")
    (release,) = request.releases
    release = replace(release, create_namespace=False, labels={label: "privileged"})
    request = replace(request, releases=(release,))
    apply_module(work, request, intent("d1"))
    found = work.client.get("v1", "Namespace", "welcome")
    assert found is not None
    assert found["metadata"]["labels"].items() >= {label: "privileged", "theirs": "stays"}.items()
    remove_module(work, removal_of("welcome"), intent("d2", "remove"))
    cluster_api.kubectl("delete", "namespace", "welcome", "--ignore-not-found")


def test_a_namespace_that_is_being_deleted_is_waited_for(work: Work, cluster_api: ApiServer) -> None:
    """By the engine, which tries again what time can heal; the intent stays."""
    client = work.client
    cluster_api.create_namespace("welcome")
    metadata = {"name": "hold", "namespace": "welcome", "finalizers": ["example.com/hold"]}
    client.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
    cluster_api.kubectl("delete", "namespace", "welcome", "--wait=false")
    with pytest.raises(TransientError, match="helm refused release welcome") as caught:
        apply_module(work, request_for("welcome"), intent("d1"))
    assert "because it is being terminated" in caught.value.why
    record = records.read_module(client, "welcome")
    assert record is not None
    assert record.intent is not None
    client.merge("v1", "ConfigMap", "hold", {"metadata": {"finalizers": None}}, "welcome")
    until(lambda: client.get("v1", "Namespace", "welcome") is None, seconds=60, what="the namespace is gone")
    assert apply_module(work, request_for("welcome"), intent("d1")).phase == "Healthy"


@pytest.mark.parametrize(("policy", "left"), [("retain", ["data-welcome-0"]), ("delete", [])])
def test_claims_stay_unless_the_policy_says_otherwise(
    work: Work, cluster_api: ApiServer, policy: str, left: list[str]
) -> None:
    """A claim that a StatefulSet made: Helm does not know it."""
    client = work.client
    apply_module(work, request_for("welcome"), intent("d1"))
    client.create(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {
                "name": "data-welcome-0",
                "namespace": "welcome",
                "labels": {"app.kubernetes.io/instance": "welcome"},
            },
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        }
    )
    request = removal_of("welcome", data=Fate(policy), namespace=Fate.RETAIN)
    if policy == "delete":
        with pytest.raises(StepError, match="would destroy what the plan does not name") as caught:
            remove_module(work, request, intent("d2", "remove"))
        assert caught.value.why == "PersistentVolumeClaim/welcome/data-welcome-0"
        assert greeting(client)
    remove_module(work, agreed(client, request), intent("d2", "remove"))
    claims = client.list("v1", "PersistentVolumeClaim", "welcome")
    assert [
        item["metadata"]["name"] for item in claims if "deletionTimestamp" not in item["metadata"]
    ] == left
    cluster_api.kubectl("delete", "namespace", "welcome")


@pytest.mark.parametrize(("policy", "stays"), [("retain", True), ("delete", False)])
def test_definitions_stay_unless_the_policy_says_otherwise(work: Work, policy: str, stays: bool) -> None:
    """With all objects of theirs."""
    client, kind = work.client, ("apiextensions.k8s.io/v1", "CustomResourceDefinition")
    made = apply_module(work, request_for("welcome"), intent("d1"))
    definition = client.create(WIDGETS)
    ref = ObjectRef(*kind, WIDGETS["metadata"]["name"], uid=definition["metadata"]["uid"])
    records.write_module(client, replace(made, objects=(*made.objects, ref)))
    request = removal_of("welcome", crds=Fate(policy), data=Fate.RETAIN)
    try:
        remove_module(work, agreed(client, request), intent("d2", "remove"))
        assert (client.get(*kind, ref.name) is not None) is stays
    finally:
        client.delete(*kind, ref.name)
        until(lambda: client.get(*kind, ref.name) is None, seconds=60, what="no definition")


def test_what_does_not_go_is_named(
    work: Work, cluster_api: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slipway.cluster.lifecycle.gone.GONE_SECONDS", 1.0)
    apply_module(work, request_for("welcome"), intent("d1"))
    hold = {"metadata": {"finalizers": ["example.com/hold"]}}
    work.client.merge("v1", "Service", "welcome", hold, "welcome")
    try:
        with pytest.raises(StepError) as caught:
            remove_module(work, removal_of("welcome"), intent("d2", "remove"))
        assert "Service/welcome/welcome (finalizers: example.com/hold)" in caught.value.why
        record = records.read_module(work.client, "welcome")
        assert record is not None
        assert record.phase == "Failed"
    finally:
        work.client.merge("v1", "Service", "welcome", {"metadata": {"finalizers": None}}, "welcome")


class Remaking:
    """A Helm beside which a program of the module lives on: it makes its Service again, until it goes itself."""

    def __init__(self, real: Helm, client: Client) -> None:
        self._real, self._client = real, client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def uninstall(self, name: str, namespace: str) -> None:
        self._real.uninstall(name, namespace)
        service = {"metadata": {"name": name, "namespace": namespace}, "spec": {"ports": [{"port": 80}]}}
        self._client.create({"apiVersion": "v1", "kind": "Service", **service})


def test_what_a_program_makes_again_while_it_is_going_goes_too(work: Work) -> None:
    """As the operator of Prometheus does with the Service of kubelets: enabling again would be refused by Helm."""
    apply_module(work, request_for("welcome"), intent("d1"))
    helm: Any = Remaking(work.helm, work.client)
    remove_module(
        replace(work, helm=helm), removal_of("welcome", namespace=Fate.RETAIN), intent("d2", "remove")
    )
    assert work.client.get("v1", "Service", "welcome", "welcome") is None
    apply_module(work, request_for("welcome"), intent("d1"))
    remove_module(work, removal_of("welcome"), intent("d2", "remove"))


def test_what_somebody_else_put_in_its_place_before_stays(work: Work) -> None:
    """The release is lost, so Helm deletes nothing; what has the name of an object of ours is not ours."""
    apply_module(work, request_for("welcome"), intent("d1"))
    for secret in work.client.list("v1", "Secret", "welcome", labels="owner=helm"):
        work.client.delete("v1", "Secret", secret["metadata"]["name"], "welcome")
    old = work.client.get("v1", "Service", "welcome", "welcome")
    work.client.delete("v1", "Service", "welcome", "welcome")
    until(lambda: not work.client.get("v1", "Service", "welcome", "welcome"), seconds=30, what="it goes")
    assert old
    mine = {"metadata": {"name": "welcome", "namespace": "welcome"}, "spec": {"ports": [{"port": 80}]}}
    work.client.create({"apiVersion": "v1", "kind": "Service", **mine})
    remove_module(work, removal_of("welcome"), intent("d2", "remove"))
    assert work.client.get("v1", "Service", "welcome", "welcome") is not None
    work.client.delete("v1", "Namespace", "welcome")
    until(lambda: not work.client.get("v1", "Namespace", "welcome"), seconds=60, what="it goes")


def test_a_namespace_that_does_not_go_says_itself_why(
    work: Work, cluster_api: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a metrics-server that is away: no namespace goes while an API of the cluster does not answer."""
    monkeypatch.setattr("slipway.cluster.lifecycle.gone.GONE_SECONDS", 15.0)
    apply_module(work, request_for("welcome"), intent("d1"))
    service = {"name": "nobody", "namespace": "default"}
    spec = {"group": "away.example.com", "version": "v1", "service": service, "groupPriorityMinimum": 100}
    broken = {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": "v1.away.example.com"},
        "spec": {**spec, "versionPriority": 100, "insecureSkipTLSVerify": True},
    }
    work.client.create(broken)
    try:
        until(lambda: stuck(work.client, "other"), seconds=120, what="another namespace says it")
        with pytest.raises(StepError) as caught:
            remove_module(work, removal_of("welcome"), intent("d2", "remove"))
        assert caught.value.what == "what module welcome made does not go"
        assert caught.value.why.startswith("Namespace/welcome: Discovery failed for some groups")
        assert "away.example.com/v1" in caught.value.why
    finally:
        work.client.delete(broken["apiVersion"], broken["kind"], "v1.away.example.com")
        for name in ("welcome", "other"):
            until(lambda name=name: not work.client.get("v1", "Namespace", name), seconds=120, what="it goes")


def stuck(client: Client, name: str) -> bool:
    """Whether a namespace that was made and deleted says that it cannot go."""
    namespace = client.get("v1", "Namespace", name)
    if not namespace:
        client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    elif "deletionTimestamp" not in namespace["metadata"]:
        client.delete("v1", "Namespace", name)
    conditions = ((namespace or {}).get("status") or {}).get("conditions") or ()
    return any(one["status"] == "True" and "Discovery failed" in one.get("message", "") for one in conditions)


def test_as_fast_as_helm_itself(work: Work, cluster_api: ApiServer, tmp_path: Path) -> None:
    """Not a benchmark: it fails when waiting or recording has become slow."""
    chart = CATALOG.modules["welcome"].directory / "chart"
    values = tmp_path / "values.json"
    values.write_text(json.dumps(request_for("welcome").releases[0].values))
    command = [str(binary("helm")), f"--kubeconfig={cluster_api.kubeconfig}", "-n", "welcome"]
    start = time.monotonic()
    subprocess.run(
        [*command, "upgrade", "--install", "welcome", chart, "-f", values, "--wait", "--create-namespace"],
        check=True,
        capture_output=True,
    )
    bare = time.monotonic() - start
    subprocess.run([*command, "uninstall", "welcome", "--wait"], check=True, capture_output=True)
    cluster_api.kubectl("delete", "namespace", "welcome")
    start = time.monotonic()
    apply_module(work, request_for("welcome"), intent("d1"))
    ours = time.monotonic() - start
    print(f"helm --wait {bare:.2f} s, module {ours:.2f} s")
    assert ours < bare * 1.3 + 1.5


def test_requests_differ_only_by_content() -> None:
    from slipway.cluster.lifecycle.releases import release_digest

    request = request_for("welcome")
    (one,) = request.releases
    (read,) = module_request(json.loads(json.dumps(as_inputs(request)))).releases
    assert release_digest(one) == release_digest(read)
    assert release_digest(one) != release_digest(replace(one, values={}))
