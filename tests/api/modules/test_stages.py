"""Between two releases of a module: kinds that are served, webhooks that answer; who is named where one does not."""

import base64
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slipway.catalog.modules import Fate, Wait
from slipway.cluster.lifecycle.modules import apply_module
from slipway.cluster.lifecycle.stages.webhooks import with_webhooks_named
from slipway.cluster.own.settings import ensure_namespace
from slipway.cluster.rest.client import Client
from slipway.errors import StepError
from slipway.model.record import ModulePhase
from tests.api.modules.charted import DEFINITION, GROUP, Life, configmap, definition, resource
from tests.apiserver import ApiServer, until

HOOKS = ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration")
POD = {
    "metadata": {"labels": {"app": "gate"}},
    "spec": {"containers": [{"name": "pause", "image": "registry.test/pause:1"}]},
}
#: Fake kubelets give pods no address, so that controllers make none of them.
ENDPOINT = {
    "apiVersion": "discovery.k8s.io/v1",
    "kind": "EndpointSlice",
    "metadata": {"name": "gate-1", "namespace": "gate", "labels": {"kubernetes.io/service-name": "gate"}},
    "addressType": "IPv4",
    "endpoints": [{"addresses": ["10.1.1.1"], "conditions": {"ready": True}}],
    "ports": [{"port": 443}],
}


@pytest.fixture(scope="module", autouse=True)
def node(cluster_api: ApiServer) -> None:
    cluster_api.create_node("stages-1")


@pytest.fixture
def life(client: Client, cluster_api: ApiServer, tmp_path: Path) -> Iterator[Life]:
    made = Life("gate", tmp_path, client, cluster_api)
    yield made
    client.delete(*HOOKS, "gate")
    made.remove(crds=Fate.DELETE)
    found = [one["metadata"]["name"] for one in client.list(*DEFINITION) if one["spec"]["group"] == GROUP]
    for name in found:
        client.delete(*DEFINITION, name)
    until(lambda: not client.get(*DEFINITION, f"locks.{GROUP}"), seconds=60, what="no definition is left")


def hook(resources: str) -> dict[str, Any]:
    """A webhook that must answer, about objects of one kind in the module's namespace."""
    rule = {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": [resources]}
    service = {"name": "gate", "namespace": "gate", "path": "/"}
    one = {
        "name": "check.example.org",
        "clientConfig": {"service": service},
        "rules": [rule],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "gate"}},
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "timeoutSeconds": 1,
        "admissionReviewVersions": ["v1"],
    }
    return {"apiVersion": HOOKS[0], "kind": HOOKS[1], "metadata": {"name": "gate"}, "webhooks": [one]}


def test_the_next_release_waits_for_webhooks_that_can_answer(life: Life, cluster_api: ApiServer) -> None:
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "gate"},
        "spec": {"selector": {"matchLabels": {"app": "gate"}}, "template": POD},
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "gate"},
        "spec": {"selector": {"app": "gate"}, "ports": [{"port": 443}]},
    }
    files = {
        "templates/d.yaml": deployment,
        "templates/s.yaml": service,
        "templates/h.yaml": hook("nothings"),
    }
    base = life.release("base", files, wait=Wait.READY)
    after = life.release("after", {"templates/a.yaml": configmap("after")})
    with pytest.raises(
        StepError, match="release base of module gate has webhooks that do not answer"
    ) as caught:
        apply_module(life.work, life.request(base, after, seconds=6), life.intent("d1"))
    assert caught.value.why == (
        "webhook check.example.org of ValidatingWebhookConfiguration gate: its caBundle is not set yet"
    )
    assert life.client.get("v1", "ConfigMap", "after", "gate") is None

    authority = (cluster_api.directory / "ca.crt").read_bytes()
    said: list[str] = []

    def controller(text: str) -> None:
        """It puts its certificate's authority in, once somebody waits for that."""
        said.append(text)
        if "caBundle" in text:
            live = life.client.get(*HOOKS, "gate")
            assert live is not None
            live["webhooks"][0]["clientConfig"]["caBundle"] = base64.b64encode(authority).decode()
            life.client.merge(*HOOKS, "gate", {"webhooks": live["webhooks"]})
        if "no endpoint that is ready" in text:
            life.client.apply(ENDPOINT, manager="kubelet")

    work = replace(life.work, progress=controller)
    done = apply_module(work, life.request(base, after), life.intent("d1"))
    assert done.phase is ModulePhase.HEALTHY
    for reason in ("its caBundle is not set yet", "service gate/gate has no endpoint that is ready"):
        assert any(reason in text for text in said)
    assert life.client.get("v1", "ConfigMap", "after", "gate") is not None


def test_the_next_release_waits_for_kinds_that_a_controller_defines(life: Life) -> None:
    base = life.release("base", {"templates/a.yaml": configmap("a")}, wait=Wait.CRDS)
    after = life.release("after", {"templates/lock.yaml": resource("Lock", "one")})
    with pytest.raises(StepError, match="release base of module gate did not bring what after has") as caught:
        apply_module(life.work, life.request(base, after, seconds=1), life.intent("d1"))
    assert caught.value.why == f"Lock of {GROUP}/v1 is not served"

    def controller(text: str) -> None:
        if "is not served" in text:
            life.client.apply(definition("Lock"), manager="controller")

    work = replace(life.work, progress=controller)
    assert apply_module(work, life.request(base, after), life.intent("d1")).phase is ModulePhase.HEALTHY


def test_a_webhook_that_never_answers_is_named(life: Life, client: Client) -> None:
    ensure_namespace(client, "gate")
    client.create(hook("configmaps"))
    request = life.request(life.release("base", {"templates/a.yaml": configmap("a")}))
    with pytest.raises(StepError, match="helm refused release base") as caught:
        apply_module(life.work, request, life.intent("d1"))
    assert (
        "webhook check.example.org of ValidatingWebhookConfiguration gate: its caBundle is not set yet"
        in caught.value.why
    )
    assert "delete ValidatingWebhookConfiguration gate" in caught.value.hint
    client.delete(*HOOKS, "gate")


def test_a_conversion_that_is_away_is_named(life: Life, client: Client) -> None:
    ensure_namespace(client, "gate")
    two = definition("Lock", versions=("v1", "v1beta1"))
    service = {"name": "gone", "namespace": "gate", "path": "/convert"}
    webhook = {"conversionReviewVersions": ["v1"], "clientConfig": {"service": service}}
    two["spec"]["conversion"] = {"strategy": "Webhook", "webhook": webhook}
    client.create(two)
    until(lambda: client.resource(f"{GROUP}/v1", "Lock") is not None, seconds=30, what="it is served")
    until(lambda: made(client), seconds=30, what="an object is made")
    with pytest.raises(StepError) as caught:
        client.get(f"{GROUP}/v1beta1", "Lock", "one", "gate")
    named = with_webhooks_named(client, caught.value)
    assert f"webhook that converts Lock of CustomResourceDefinition locks.{GROUP}: " in named.why
    assert "its caBundle is not set yet" in named.why


def made(client: Client) -> bool:
    """The handler comes a moment after discovery."""
    try:
        client.create(resource("Lock", "one", namespace="gate"))
    except StepError:
        return False
    return True
