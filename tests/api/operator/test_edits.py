"""An edit is heard while modules wait to be healthy, by an operator that really works: Ansible, Helm, a registry."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from slipway.cluster.own import records
from slipway.cluster.rest.client import Client, connect
from slipway.operator.door import Verdict
from slipway.operator.hook import HookResult, handle
from slipway.operator.reconcile import Reconciler
from slipway.settings import API_VERSION, NAMESPACE
from tests.api.operator.recording import Running
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
    """Each test has modules of its own; what one leaves waiting, the next leaves as it is."""
    names = ("called", "wrong", "other", "removed", "kept", "upgraded")
    with working_site(tmp_path_factory.mktemp("edits"), api, names) as made:
        yield made


@pytest.fixture(scope="module")
def operated(site: Site) -> Iterator[Site]:
    with Running(site.runtime()):
        yield site


@pytest.fixture
def client(api: ApiServer) -> Iterator[Client]:
    with connect(api.kubeconfig) as made:
        yield made


def status_of(site: Site) -> dict[str, Any]:
    return dict(site.seen(OURS, "clusterconfigurations", "tools").get("status") or {})


def waits(client: Client, *names: str) -> bool:
    """Whether these have been installed, and wait for their pods."""
    found, _ = records.read_modules(client)
    return all(name in found and found[name].intent and found[name].objects for name in names)


def healthy(client: Client, name: str) -> bool:
    record = records.read_module(client, name)
    return record is not None and record.phase == "Healthy"


def revisions(client: Client, name: str) -> int:
    """How often Helm worked on it."""
    return len(client.list("v1", "Secret", name, labels=f"owner=helm,name={name}"))


def test_a_process_for_each_call_hears_an_edit(site: Site, client: Client) -> None:
    """As under shell-operator, where nobody else watches: before there is an operator here."""
    site.edit(called="nowhere")
    ended: list[HookResult] = []
    context = {"type": "Schedule", "binding": "resync"}
    call = threading.Thread(target=lambda: ended.append(handle([context], Reconciler(site.edges()))))
    call.start()
    try:
        until(lambda: waits(client, "called"), seconds=SOON, what="it waits")
    finally:
        site.edit(called="here")
        call.join(SOON)
    assert not call.is_alive()
    assert [verdict for _, verdict in ended[0].verdicts] == [Verdict.SUCCEEDED]
    assert healthy(client, "called")
    history = sorted(site.seen(OURS, "operations")["items"], key=lambda item: str(item["metadata"]["name"]))
    told = [(one["status"]["phase"], one["status"]["steps"][0]["outcome"]) for one in history]
    assert told == [("Superseded", "superseded"), ("Succeeded", "succeeded")]


def test_a_mistake_is_corrected_while_another_module_waits(operated: Site, client: Client) -> None:
    operated.edit(wrong="nowhere", other="later")
    until(lambda: waits(client, "wrong", "other"), seconds=SOON, what="both wait")
    generation = operated.edit(wrong="here")
    until(lambda: healthy(client, "wrong"), seconds=SOON, what="the correction is looked at")
    assert status_of(operated)["observedGeneration"] == generation
    until(lambda: waits(client, "other"), seconds=SOON, what="the other waits on")
    record = records.read_module(client, "other")
    assert record is not None
    assert record.extra.waited > 0
    operated.api.kubectl("label", "node", "works-1", "works=later", "--overwrite")
    try:
        until(lambda: healthy(client, "other"), seconds=SOON, what="the other is healthy")
    finally:
        operated.api.kubectl("label", "node", "works-1", "works=here", "--overwrite")
    assert revisions(client, "other") == 1
    record = records.read_module(client, "other")
    assert record is not None
    assert record.extra.waited == 0


def test_a_module_is_removed_while_it_waits(operated: Site, client: Client) -> None:
    operated.edit(removed="nowhere", kept="later")
    until(lambda: waits(client, "removed", "kept"), seconds=SOON, what="both wait")
    operated.edit(removed="")
    until(lambda: records.read_module(client, "removed") is None, seconds=SOON, what="it is removed")
    assert client.get("v1", "Namespace", "removed") is None
    assert waits(client, "kept")
    assert revisions(client, "kept") == 1


def test_an_upgrade_with_a_mistake_is_not_rolled_back_before_its_correction(
    operated: Site, client: Client
) -> None:
    operated.edit(upgraded="here", kept="")
    until(lambda: healthy(client, "upgraded"), seconds=SOON, what="it is healthy")
    operated.edit(upgraded="nowhere")
    until(lambda: revisions(client, "upgraded") == 2, seconds=SOON, what="it is changed")
    until(lambda: waits(client, "upgraded"), seconds=SOON, what="it waits")
    operated.edit(upgraded="here")
    until(lambda: healthy(client, "upgraded"), seconds=SOON, what="it is healthy again")
    assert revisions(client, "upgraded") == 3
