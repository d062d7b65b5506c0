"""A yes is for one plan once, and for what it names: an operator that really works, a module that holds data."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway.cluster.locks.lease import Lease
from slipway.cluster.rest.client import Client, connect
from slipway.model.observed import Scope
from slipway.model.plan import Plan
from slipway.operator.acceptance import accepted_configuration
from slipway.operator.conditions import find
from slipway.operator.door import Key, Verdict
from slipway.operator.hook import handle
from slipway.operator.reconcile import Reconciler
from slipway.settings import API_VERSION, APPROVE_ANNOTATION, NAMESPACE
from tests.api.modules.test_modules import WIDGETS
from tests.api.working import MODULE, Site, working_site, write_module
from tests.apiserver import ApiServer

OURS = f"/apis/{API_VERSION}/namespaces/{NAMESPACE}"
STATEFUL = """\
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: data}
spec:
  serviceName: data
  selector: {matchLabels: {app.kubernetes.io/instance: {{ .Release.Name }}}}
  template:
    metadata: {labels: {app.kubernetes.io/instance: {{ .Release.Name }}}}
    spec:
      nodeSelector: {works: {{ .Values.node }}}
      containers: [{name: pause, image: "registry.test/pause:1"}]
  volumeClaimTemplates:
  - metadata: {name: disk}
    spec:
      storageClassName: ""
      accessModes: [ReadWriteOnce]
      resources: {requests: {storage: 1Mi}}
"""


def write_database(folder: Path) -> None:
    """`base` holds data: claims that a controller makes, and a definition; `plain` holds none."""
    write_module(folder)
    if folder.name == "base":
        templates = folder / "chart" / "templates"
        (templates / "stateful.yaml").write_text(STATEFUL)
        (templates / "definition.yaml").write_text(yaml.safe_dump(WIDGETS))
        file = folder / "module.yaml"
        removal = {"crds": "delete", "data": "delete", "namespace": "delete-if-empty"}
        file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | {"removal": removal}))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with (
        ApiServer(tmp_path_factory.mktemp("consent-api"), controllers=True, kwok=True) as api,
        working_site(tmp_path_factory.mktemp("consent"), api, ("base", "plain"), write_database) as made,
    ):
        yield made


@pytest.fixture
def client(site: Site) -> Iterator[Client]:
    with connect(site.api.kubeconfig) as made:
        yield made


def looked(site: Site) -> Verdict:
    """What comes of an operator's full look, in a process of its own as under shell-operator."""
    context = {"type": "Schedule", "binding": "resync"}
    [(_, verdict)] = handle([context], Reconciler(site.edges())).verdicts
    return verdict


def status_of(site: Site) -> dict[str, Any]:
    return dict(site.seen(OURS, "clusterconfigurations", "tools").get("status") or {})


def plan_of(site: Site) -> Plan:
    """What an operator, or a command line, would carry out now."""
    edges = site.edges()
    live = edges.store.get(Key(NAMESPACE, "tools"))
    assert live is not None
    configuration = accepted_configuration(live, edges.store.list(), site.release)
    return edges.engine.open(configuration).prepare(Scope.RECORDS)[1]


def make_volume(client: Client, name: str) -> None:
    client.create(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": name},
            "spec": {
                "capacity": {"storage": "1Mi"},
                "accessModes": ["ReadWriteOnce"],
                "hostPath": {"path": "/nowhere"},
            },
        }
    )


def test_what_goes_for_good_is_asked_for_by_name_each_time(site: Site, client: Client) -> None:
    assert MODULE["removal"]["data"] == "delete"
    for number in (1, 2):
        make_volume(client, f"volume-{number}")
        site.edit(base="here")
        assert looked(site) is Verdict.SUCCEEDED
        widget = {"apiVersion": "example.org/v1", "kind": "Widget"}
        client.create({**widget, "metadata": {"name": "mine", "namespace": "default"}})
        site.edit(base="")
        assert looked(site) is Verdict.AWAITING_APPROVAL, number
        text = find(status_of(site), "Ready")["message"]
        assert "destructive remove module/base/remove" in text
        assert "destroys PersistentVolumeClaim base/disk-data-0" in text
        assert "destroys CustomResourceDefinition widgets.example.org" in text
        assert "destroys Widget default/mine" in text
        yes = f"{APPROVE_ANNOTATION}={status_of(site)['operation']['plan']}"
        site.api.kubectl("-n", NAMESPACE, "annotate", "cc", "tools", yes, "--overwrite")
        assert looked(site) is Verdict.SUCCEEDED
        assert client.list("v1", "PersistentVolumeClaim", "base") == []


def test_the_same_plan_after_an_operation_is_another_one(site: Site, client: Client) -> None:
    site.edit(plain="here")
    assert looked(site) is Verdict.SUCCEEDED
    site.edit(plain="")
    first = plan_of(site)
    assert plan_of(site).digest == first.digest
    assert looked(site) is Verdict.SUCCEEDED
    site.edit(plain="here")
    assert looked(site) is Verdict.SUCCEEDED
    site.edit(plain="")
    second = plan_of(site)
    assert [(step.id, step.digest) for step in second.steps] == [
        (step.id, step.digest) for step in first.steps
    ]
    assert second.digest != first.digest


def test_an_operation_that_was_killed_has_used_its_yes(site: Site, client: Client) -> None:
    """Nothing of it was done, and who killed it may have had a reason."""
    site.edit(plain="")
    before = plan_of(site).digest
    Lease(client, "tools", "slipway@gone:1").acquire()  # and never given back
    assert plan_of(site).digest != before
    client.delete("coordination.k8s.io/v1", "Lease", "slipway-tools", NAMESPACE)
    assert plan_of(site).digest != before
    Lease(client, "tools", "slipway@here:2").acquire()  # counts from one again
    assert plan_of(site).digest != before
