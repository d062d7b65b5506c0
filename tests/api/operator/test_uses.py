"""What is enabled later shows in the modules that asked for it: real Helm, a kind that comes too."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway.cluster.own import records
from slipway.cluster.rest.client import Client, connect
from slipway.operator.door import Verdict
from slipway.operator.hook import handle
from slipway.operator.reconcile import Reconciler
from tests.api.working import Site, working_site, write_module
from tests.apiserver import ApiServer

KIND = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "monitors.example.org"},
    "spec": {
        "group": "example.org",
        "scope": "Namespaced",
        "names": {"kind": "Monitor", "plural": "monitors"},
        "versions": [
            {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
        ],
    },
}
#: Without its definition Helm refuses a release that has one.
MONITOR = """\
{{ if .Values.monitor }}
apiVersion: example.org/v1
kind: Monitor
metadata: {name: {{ .Release.Name }}}
{{ end }}
"""


def write(folder: Path) -> None:
    """`alarms` brings the kind; of `page` one release asks for it and one does not; `plain` asks nothing."""
    write_module(folder)
    path = folder / "module.yaml"
    module: dict[str, Any] = yaml.safe_load(path.read_text())
    if folder.name == "alarms":
        module["provides"] = ["monitoring"]
        (folder / "chart" / "crds").mkdir()
        (folder / "chart" / "crds" / "monitors.yaml").write_text(yaml.safe_dump(KIND))
    elif folder.name == "page":
        module["uses"] = ["monitoring"]
        (release,) = module["releases"]
        module["releases"].append({**release, "name": "page-cache", "values": "cache.yaml.j2"})
        values = folder / "values.yaml.j2"
        (folder / "cache.yaml.j2").write_text(values.read_text())
        values.write_text(values.read_text() + "monitor: {{ has('monitoring') }}\n")
        (folder / "chart" / "templates" / "monitor.yaml").write_text(MONITOR)
    path.write_text(yaml.safe_dump(module))


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with ApiServer(tmp_path_factory.mktemp("uses-api"), controllers=True, kwok=True) as server:
        yield server


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, api: ApiServer) -> Iterator[Site]:
    with working_site(tmp_path_factory.mktemp("uses"), api, ("alarms", "page", "plain"), write) as made:
        yield made


@pytest.fixture
def client(api: ApiServer) -> Iterator[Client]:
    with connect(api.kubeconfig) as made:
        yield made


def edited(site: Site, **nodes: str) -> None:
    """An edit, carried out to its end."""
    site.edit(**nodes)
    ended = handle([{"type": "Schedule", "binding": "resync"}], Reconciler(site.edges()))
    assert [verdict for _, verdict in ended.verdicts] == [Verdict.SUCCEEDED]


def revisions(client: Client) -> dict[str, int]:
    """How often Helm worked on each release of the two that were there first."""
    spaces = {"page": "page", "page-cache": "page", "plain": "plain"}
    return {
        name: len(client.list("v1", "Secret", space, labels=f"owner=helm,name={name}"))
        for name, space in spaces.items()
    }


def test_what_a_module_uses_comes_later_and_goes_again(site: Site, client: Client) -> None:
    edited(site, page="here", plain="here")
    assert revisions(client) == {"page": 1, "page-cache": 1, "plain": 1}
    assert client.get("apiextensions.k8s.io/v1", "CustomResourceDefinition", "monitors.example.org") is None

    edited(site, alarms="here")
    assert revisions(client) == {"page": 2, "page-cache": 1, "plain": 1}
    assert client.get("example.org/v1", "Monitor", "page", "page") is not None
    record = records.read_module(client, "page")
    assert record is not None
    assert ("Monitor", "page") in {(ref.kind, ref.name) for ref in record.objects}

    edited(site, alarms="")
    assert revisions(client) == {"page": 3, "page-cache": 1, "plain": 1}
    assert client.get("example.org/v1", "Monitor", "page", "page") is None
    assert records.read_module(client, "alarms") is None
