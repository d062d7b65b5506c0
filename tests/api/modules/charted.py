"""Small charts for tests of a module's life, and the requests that install and remove them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from slipway.catalog.modules import Fate, Removal, Wait
from slipway.clock import utc_text
from slipway.cluster.lifecycle.helm import Helm
from slipway.cluster.lifecycle.losses import losses_of
from slipway.cluster.lifecycle.removal import remove_module
from slipway.cluster.lifecycle.work import Work
from slipway.cluster.own import records
from slipway.cluster.rest.client import Client
from slipway.digests import digest_of
from slipway.model.modulehealth import Health
from slipway.model.record import Intent
from slipway.planning.requests.request import ChartRef, ModuleRequest, ReleaseRequest, RemovalRequest
from tests.apiserver import ApiServer
from tests.binaries import binary

DEFINITION = ("apiextensions.k8s.io/v1", "CustomResourceDefinition")
GROUP = "stages.example.org"


def definition(kind: str, *, versions: tuple[str, ...] = ("v1",), text: str = "") -> dict[str, Any]:
    """One of our group. `text` is in its schema, to make it another one, or large."""
    schema = {
        "openAPIV3Schema": {
            "type": "object",
            "description": text,
            "x-kubernetes-preserve-unknown-fields": True,
        }
    }
    listed = [
        {"name": name, "served": True, "storage": name == versions[0], "schema": schema} for name in versions
    ]
    plural = f"{kind.lower()}s"
    return {
        "apiVersion": DEFINITION[0],
        "kind": DEFINITION[1],
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
            "versions": listed,
        },
    }


def resource(kind: str, name: str, **metadata: Any) -> dict[str, Any]:
    """A custom resource of our group."""
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": kind,
        "metadata": {"name": name, **metadata},
    }


def configmap(name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def write_chart(folder: Path, files: Mapping[str, Any]) -> str:
    """A chart of these files (JSON is YAML); its digest."""
    head = {"apiVersion": "v2", "name": folder.name, "version": "0.1.0"}
    for name, content in {"Chart.yaml": head, **files}.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content if isinstance(content, str) else json.dumps(content))
    return digest_of(json.dumps(files))


class Life:
    """One module made of charts in a directory, with a real Helm on a real API server."""

    def __init__(self, name: str, directory: Path, client: Client, server: ApiServer) -> None:
        self.name, self.directory, self.client = name, directory, client
        self.helm = Helm(binary("helm"), server.kubeconfig)
        self.work = Work(client, self.helm, lambda chart: directory / chart.name)
        self.count = 0

    def release(
        self, name: str, files: Mapping[str, Any], *, wait: Wait = Wait.NOTHING, **values: Any
    ) -> ReleaseRequest:
        """A release of a chart with these files, in the module's namespace."""
        self.count += 1
        folder = self.directory / f"{name}-{self.count}"
        chart = ChartRef(folder.name, write_chart(folder, files))
        return ReleaseRequest(name, self.name, chart, values, wait=wait)

    def request(self, *releases: ReleaseRequest, seconds: int = 30) -> ModuleRequest:
        return ModuleRequest(self.name, "1", releases, Health(timeout=seconds))

    def removal(
        self, *, crds: Fate = Fate.RETAIN, data: Fate = Fate.RETAIN, agreed: bool = True
    ) -> RemovalRequest:
        """With a yes to all that it destroys now, unless nobody agreed. The namespace stays: it takes seconds to go."""
        policy = Removal(crds, data, Fate.RETAIN)
        record = records.read_module(self.client, self.name)
        lost = losses_of(self.client, record, policy) if record and agreed else ()
        return RemovalRequest(self.name, policy, destroys=lost)

    def intent(self, digest: str, action: str = "apply") -> Intent:
        return Intent("op-1", f"module/{self.name}/{action}", digest, 1, "test", utc_text())

    def remove(self, **policy: Any) -> None:
        remove_module(self.work, self.removal(**policy), self.intent("gone", "remove"))
