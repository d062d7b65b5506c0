"""Custom resources under an operator that really works: acted upon, never acted upon, gone bad later.

The test stands in for the controller: it writes the status that a controller would.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway.cluster.rest.client import Client, connect
from slipway.operator.conditions import find
from slipway.settings import API_VERSION, NAMESPACE
from tests.api.operator.recording import Running
from tests.api.working import Site, working_site, write_module
from tests.apiserver import ApiServer, until
from tests.customs import API_VERSION as WIDGETS
from tests.customs import GROUP, definition, write_status

OURS = f"/apis/{API_VERSION}/namespaces/{NAMESPACE}"
#: Seconds for what takes five on an idle machine.
SOON = 120
#: Seconds that nobody acts before the module is given up.
IGNORED_SECONDS = 6
WIDGET = f"""\
apiVersion: {WIDGETS}
kind: Widget
metadata: {{name: {{{{ .Release.Name }}}}}}
spec: {{size: 1}}
"""
GADGET = {"apiVersion": WIDGETS, "kind": "Gadget", "name": "beside", "namespace": "default"}


def write_widget_module(folder: Path) -> None:
    """A module of one custom resource, of which it says what has to be in its status; and of one of others."""
    write_module(folder)
    (folder / "chart" / "templates" / "deployment.yaml").write_text(WIDGET)
    health: dict[str, Any] = {"timeout": IGNORED_SECONDS if folder.name == "ignored" else 900}
    health["rules"] = [{"apiVersion": WIDGETS, "kind": "Widget", "fields": {"status.state": "ready"}}]
    if folder.name == "acted":
        health["kinds"] = [{"group": GROUP, "kind": "Gadget", "conditions": {"Active": "True"}}]
        health["rules"].append(GADGET)
    path = folder / "module.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"health": health}))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with ApiServer(tmp_path_factory.mktemp("declared-api"), controllers=True, kwok=True) as api:
        api.install_crds(definition("Widget"), definition("Gadget"))
        names = ("acted", "ignored")
        with working_site(tmp_path_factory.mktemp("declared"), api, names, write_widget_module) as made:
            yield made


@pytest.fixture(scope="module")
def operated(site: Site) -> Iterator[Site]:
    with Running(site.runtime()):
        yield site


@pytest.fixture
def client(site: Site) -> Iterator[Client]:
    with connect(site.api.kubeconfig) as made:
        yield made


def ready(site: Site) -> tuple[str, str, str]:
    found = find(site.seen(OURS, "clusterconfigurations", "tools").get("status") or {}, "Ready")
    return tuple(str(found.get(key)) for key in ("status", "reason", "message"))  # type: ignore[return-value]


def says(client: Client, kind: str, name: str, namespace: str, **status: Any) -> None:
    """Once it is there, as a controller that watches its kind."""
    until(lambda: client.get(WIDGETS, kind, name, namespace), seconds=SOON, what=f"{kind} {name}")
    write_status(client, kind, name, namespace, status)


def waiting(site: Site) -> list[str]:
    """What steps of operations wait for."""
    found = site.seen(OURS, "operations")["items"]
    waits = [item for one in found for item in (one.get("status") or {}).get("waiting") or ()]
    return [f"{item['step']}: {item['message']}" for item in waits]


def events(client: Client) -> list[str]:
    """Events that tell of a long wait."""
    found = client.list("events.k8s.io/v1", "Event", NAMESPACE)
    return [one["note"] for one in found if one["reason"] == "Waiting"]


def active(value: str) -> list[dict[str, str]]:
    return [{"type": "Active", "status": value, "message": "its flavor is gone"}]


def test_what_is_acted_upon_is_healthy_and_what_goes_bad_is_seen(operated: Site, client: Client) -> None:
    client.create({**{key: GADGET[key] for key in ("apiVersion", "kind")}, "metadata": {**_meta(GADGET)}})
    operated.edit(acted="here")
    nobody = f"Widget.{GROUP}/acted/acted: it has no status: nobody has acted on it"
    until(lambda: any(nobody in one for one in waiting(operated)), seconds=SOON, what="the Operation says so")
    assert nobody in str(operated.seen(OURS, "clusterconfigurations", "tools")["status"]["modules"])
    until(lambda: any(nobody in one for one in events(client)), seconds=SOON, what="an Event says so")
    says(client, "Widget", "acted", "acted", state="ready")
    says(client, "Gadget", "beside", "default", conditions=active("True"))
    until(lambda: ready(operated)[0] == "True", seconds=SOON, what="Ready")
    assert waiting(operated) == []
    assert sum(nobody in one for one in events(client)) == 1
    says(client, "Widget", "acted", "acted", state="lost")
    until(
        lambda: "status.state is lost, not ready" in ready(operated)[2], seconds=15, what="its state is told"
    )
    assert ready(operated)[:2] == ("False", "Degraded")
    says(client, "Widget", "acted", "acted", state="ready")
    until(lambda: ready(operated)[0] == "True", seconds=15, what="Ready again")
    says(client, "Gadget", "beside", "default", conditions=active("False"))
    said = "Active is False, not True: its flavor is gone"
    until(lambda: said in ready(operated)[2], seconds=15, what="what only a rule names is told")
    says(client, "Gadget", "beside", "default", conditions=active("True"))
    until(lambda: ready(operated)[0] == "True", seconds=15, what="Ready once more")


def _meta(rule: dict[str, str]) -> dict[str, str]:
    return {key: rule[key] for key in ("name", "namespace")}


def test_what_nobody_acts_upon_is_not_healthy(operated: Site) -> None:
    operated.edit(ignored="here")
    until(lambda: ready(operated)[1] == "OperationFailed", seconds=SOON, what="it is given up")
    key = f"Widget.{GROUP}/ignored/ignored"
    assert f"{key}: it has no status: nobody has acted on it" in ready(operated)[2]
