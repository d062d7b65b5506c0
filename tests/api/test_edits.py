"""An edit is heard while modules wait to be healthy, by an operator that really works: Ansible, Helm, a registry."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from slipway.cluster import records
from slipway.cluster.client import Client, connect
from slipway.model.record import ModuleRecord
from slipway.operator.conditions import find
from slipway.operator.door import Verdict
from slipway.operator.hook import HookResult, handle
from slipway.operator.reconcile import Reconciler
from slipway.settings import API_VERSION, NAMESPACE
from tests.api.recording import Running
from tests.api.working import Site, working_site
from tests.apiserver import ApiServer, until

OURS = f"/apis/{API_VERSION}/namespaces/{NAMESPACE}"
#: Seconds for what takes five on an idle machine; a fraction of what a module would wait.
SOON = 120


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with ApiServer(tmp_path_factory.mktemp("edits-api"), controllers=True, kwok=True) as server:
        yield server


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, api: ApiServer) -> Iterator[Site]:
    with working_site(tmp_path_factory.mktemp("edits"), api, ("wrong", "other")) as made:
        yield made


@pytest.fixture
def client(api: ApiServer) -> Iterator[Client]:
    with connect(api.kubeconfig) as made:
        yield made


@pytest.fixture(autouse=True)
def _clean(site: Site) -> Iterator[None]:
    """Nothing wanted, nothing there, no operator."""
    yield
    site.write()
    assert Reconciler(site.edges()).reconcile(request()) in {Verdict.SUCCEEDED, Verdict.UNCHANGED}
    site.api.kubectl("-n", NAMESPACE, "delete", "cc,op,leases", "--all", "--wait=true")


def request() -> Any:
    from slipway.operator.door import Key, Request

    return Request(Key(NAMESPACE, "tools"))


def status_of(site: Site) -> dict[str, Any]:
    return dict(site.seen(OURS, "clusterconfigurations", "tools").get("status") or {})


def waits(client: Client, *names: str) -> bool:
    """Whether these have been installed, and wait for their pods."""
    found = records.read_modules(client)
    return all(name in found and found[name].intent and found[name].objects for name in names)


def healthy(client: Client, name: str) -> bool:
    record = records.read_module(client, name)
    return record is not None and record.phase == "Healthy"


def revisions(client: Client, name: str) -> int:
    """How often Helm worked on it."""
    return len(client.list("v1", "Secret", name, labels=f"owner=helm,name={name}"))


def waiting_other(client: Client) -> ModuleRecord:
    record = records.read_module(client, "other")
    assert record is not None
    assert record.intent is not None
    return record


def test_a_mistake_is_corrected_while_another_module_waits(site: Site, client: Client) -> None:
    site.write(wrong="nowhere", other="later")
    with Running(site.runtime()):
        until(lambda: waits(client, "wrong", "other"), seconds=SOON, what="both wait")
        generation = site.write(wrong="here", other="later")
        until(lambda: healthy(client, "wrong"), seconds=SOON, what="the correction is looked at")
        assert status_of(site)["observedGeneration"] == generation
        until(lambda: waits(client, "other"), seconds=SOON, what="the other waits on")
        assert revisions(client, "other") == 1
        assert waiting_other(client).extra["waited"] > 0
        site.api.kubectl("label", "node", "works-1", "works=later", "--overwrite")
        try:
            until(lambda: healthy(client, "other"), seconds=SOON, what="the other is healthy")
        finally:
            site.api.kubectl("label", "node", "works-1", "works=here", "--overwrite")
        until(lambda: find(status_of(site), "Reconciling")["status"] == "False", seconds=SOON, what="its end")
    assert revisions(client, "other") == 1
    record = records.read_module(client, "other")
    assert record is not None
    assert "waited" not in record.extra
    ended = {item["status"]["phase"] for item in site.seen(OURS, "operations")["items"]}
    assert ended == {"Superseded", "Succeeded"}
    first = min(site.seen(OURS, "operations")["items"], key=lambda item: str(item["metadata"]["name"]))
    assert {step["outcome"] for step in first["status"]["steps"]} == {"superseded"}


def test_a_module_is_removed_while_it_waits(site: Site, client: Client) -> None:
    site.write(wrong="nowhere", other="later")
    with Running(site.runtime()):
        until(lambda: waits(client, "wrong", "other"), seconds=SOON, what="both wait")
        site.write(other="later")
        until(lambda: records.read_module(client, "wrong") is None, seconds=SOON, what="it is removed")
        assert client.get("v1", "Namespace", "wrong") is None
        until(lambda: waits(client, "other"), seconds=SOON, what="the other waits on")
        assert revisions(client, "other") == 1


def test_an_upgrade_with_a_mistake_is_not_rolled_back_before_its_correction(
    site: Site, client: Client
) -> None:
    site.write(wrong="here")
    with Running(site.runtime()):
        until(lambda: healthy(client, "wrong"), seconds=SOON, what="it is healthy")
        site.write(wrong="nowhere")
        until(
            lambda: revisions(client, "wrong") == 2 and waits(client, "wrong"), seconds=SOON, what="it waits"
        )
        site.write(wrong="here")
        until(lambda: healthy(client, "wrong"), seconds=SOON, what="it is healthy again")
    assert revisions(client, "wrong") == 3


def test_a_process_for_each_call_hears_it_too(site: Site, client: Client) -> None:
    """As under shell-operator, where nobody else watches."""
    site.write(wrong="nowhere")
    ended: list[HookResult] = []
    context = {"type": "Schedule", "binding": "resync"}
    call = threading.Thread(target=lambda: ended.append(handle([context], Reconciler(site.edges()))))
    call.start()
    try:
        until(lambda: waits(client, "wrong"), seconds=SOON, what="it waits")
    finally:
        site.write(wrong="here")
        call.join(SOON)
    assert not call.is_alive()
    assert [verdict for _, verdict in ended[0].verdicts] == [Verdict.SUCCEEDED]
    assert healthy(client, "wrong")
