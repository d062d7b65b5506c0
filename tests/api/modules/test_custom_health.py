"""Custom resources on a real API server: what is waited for, and what is said of them afterwards."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from slipway.cluster.lifecycle.ruled import Pending
from slipway.cluster.lifecycle.waiting import wait_until_healthy
from slipway.cluster.observe import observe
from slipway.cluster.own.records import delete_module, write_module
from slipway.cluster.rest.client import Client, connect
from slipway.model.modulehealth import Expectations, HealthRule, KindRule, kinds_of
from slipway.model.record import ModulePhase, ModuleRecord, ObjectRef
from slipway.model.standing import Ailment, Cause
from slipway.settings import NAMESPACE
from tests.apiserver import ApiServer
from tests.customs import API_VERSION, GROUP, definition, write_status

SPACE = "customs"
MODULE = "customs"
ACTED = ObjectRef(API_VERSION, "Widget", "main", SPACE)
PLAIN = ObjectRef(API_VERSION, "Paper", "main", SPACE)
UNKNOWN = ObjectRef("nobody.example.com/v1", "Nothing", "main", SPACE)
KEY = f"Widget.{GROUP}/{SPACE}/main"
READY = HealthRule(api_version=API_VERSION, kind="Widget", fields={"status.state": "ready"})


@pytest.fixture(scope="module")
def server(apiserver: ApiServer) -> Iterator[ApiServer]:
    """Widgets have a status apart, Papers have not."""
    apiserver.create_namespace(NAMESPACE)
    apiserver.create_namespace(SPACE)
    definitions = definition("Widget"), definition("Paper", has_status=False)
    apiserver.install_crds(*definitions)
    yield apiserver
    for one in definitions:
        apiserver.kubectl("delete", "crd", one["metadata"]["name"], "--ignore-not-found")


@pytest.fixture
def client(server: ApiServer) -> Iterator[Client]:
    """With one object of each, made anew."""
    with connect(server.kubeconfig) as client:
        for ref in (ACTED, PLAIN):
            client.create(document(ref))
        yield client
        for ref in (ACTED, PLAIN):
            client.delete(ref.api_version, ref.kind, ref.name, ref.namespace)


def document(ref: ObjectRef) -> dict[str, Any]:
    meta = {"name": ref.name, "namespace": ref.namespace}
    return {"apiVersion": ref.api_version, "kind": ref.kind, "metadata": meta, "spec": {"size": 1}}


def waited(
    client: Client, *rules: HealthRule, refs: tuple[ObjectRef, ...] = (ACTED, PLAIN), **more: Any
) -> Pending:
    return wait_until_healthy(client, refs, rules, seconds=0, **more)


def messages(pending: Pending) -> dict[str, str]:
    return {key: status.message for key, status in pending.items()}


def test_what_nobody_has_acted_on_is_waited_for_until_somebody_has(client: Client) -> None:
    """By name and by default: nothing is declared of the kind, and its API has a place for a status."""
    assert messages(waited(client)) == {KEY: "it has no status: nobody has acted on it"}
    said: list[str] = []
    acts = threading.Timer(1.0, write_status, (client, "Widget", "main", SPACE, {"state": "ready"}))
    acts.start()
    started = time.monotonic()
    assert wait_until_healthy(client, [ACTED, PLAIN], (), seconds=60, progress=said.append) == {}
    assert time.monotonic() - started >= 1.0
    assert said == [f"{KEY}: it has no status: nobody has acted on it"]


def test_what_is_declared_of_a_kind_holds_for_its_objects(client: Client) -> None:
    passive = kinds_of([KindRule(group=GROUP, kind="Widget", status="none")])
    assert waited(client, kinds=passive) == {}
    written = kinds_of([KindRule(group=GROUP, kind="Paper")])
    assert set(waited(client, kinds={**passive, **written})) == {f"Paper.{GROUP}/{SPACE}/main"}


def test_a_rule_says_what_is_there_and_what_is_expected(client: Client) -> None:
    failing = {"type": "Ready", "status": "False", "message": "no card found"}
    write_status(client, "Widget", "main", SPACE, {"state": "failing", "conditions": [failing]})
    assert messages(waited(client, READY)) == {KEY: "no card found"}
    write_status(client, "Widget", "main", SPACE, {"conditions": None})
    assert messages(waited(client, READY)) == {KEY: "status.state is failing, not ready"}
    write_status(client, "Widget", "main", SPACE, {"state": "ready"})
    assert waited(client, READY) == {}


def test_rules_of_objects_that_are_not_there(client: Client) -> None:
    gone = READY.model_copy(update={"name": "other", "namespace": SPACE})
    nowhere = READY.model_copy(update={"name": "main"})
    two = HealthRule(api_version=API_VERSION, kind="Widget", at_least=2)
    none = HealthRule(api_version=API_VERSION, kind="Gadget", at_least=0)
    write_status(client, "Widget", "main", SPACE, {"state": "ready"})
    assert messages(waited(client, gone, nowhere, two, none)) == {
        f"Widget.{GROUP}/{SPACE}/other": "not there",
        f"Widget.{GROUP}/main": "its rule has no namespace, in which it would be looked for",
        f"Widget.{GROUP}": "1 of at least 2 are part of the module",
    }


def test_a_kind_that_the_cluster_does_not_know_is_told(client: Client) -> None:
    (text,) = messages(waited(client, refs=(UNKNOWN,))).values()
    assert "does not know Nothing of nobody.example.com/v1" in text


def sick(client: Client, *rules: HealthRule) -> tuple[Ailment, ...]:
    return observe(client, expectations=Expectations({MODULE: rules})).sick.get(MODULE, ())


@pytest.fixture
def module(client: Client) -> Iterator[Client]:
    """Recorded as healthy."""
    write_status(client, "Widget", "main", SPACE, {"state": "ready"})
    write_module(client, ModuleRecord(MODULE, ModulePhase.HEALTHY, "sha256:d", objects=(ACTED, PLAIN)))
    yield client
    delete_module(client, MODULE)


def test_what_was_declared_holds_afterwards(module: Client) -> None:
    assert sick(module, READY) == ()
    write_status(module, "Widget", "main", SPACE, {"state": "lost"})
    (ailment,) = sick(module, READY)
    assert (ailment.cause, ailment.message) == (Cause.NOT_CURRENT, f"{KEY}: status.state is lost, not ready")
    assert sick(module) == ()


def test_an_edit_that_no_controller_has_seen_is_sick(module: Client) -> None:
    generation = module.get(ACTED.api_version, ACTED.kind, ACTED.name, SPACE)
    assert generation
    seen = generation["metadata"]["generation"]
    write_status(module, "Widget", "main", SPACE, {"observedGeneration": seen})
    assert sick(module) == ()
    module.merge(API_VERSION, "Widget", "main", {"spec": {"size": 2}}, SPACE)
    (ailment,) = sick(module)
    assert ailment.message == f"{KEY}: its controller has not seen the last change"


def test_an_object_whose_definition_is_gone(module: Client, server: ApiServer) -> None:
    """The client still believes to know where the kind lives."""
    assert sick(module) == ()
    server.kubectl("delete", "crd", f"widgets.{GROUP}")
    (ailment,) = sick(module)
    assert ailment.cause is Cause.ABSENT
    assert ailment.message.startswith(f"{KEY} is gone: the cluster does not know Widget of {API_VERSION}")
    server.install_crds(definition("Widget"))
    module.create(document(ACTED))
