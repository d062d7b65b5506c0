"""An operator that really works: its own engine, Ansible, Helm and a site registry, with small modules of the test's.

Each module is a Deployment whose pod runs where a node has the label of its settings: without one it waits for ever,
as for an image that never comes.
"""

import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway import catalog
from slipway.api.crd import crds
from slipway.bundle.form import manifest as manifests
from slipway.bundle.form.writer import Writer
from slipway.bundle.site.push import push
from slipway.catalog import Catalog
from slipway.cluster.locks.election import Election
from slipway.cluster.own.configurations import Configurations
from slipway.cluster.own.settings import ensure_namespace
from slipway.cluster.rest.client import connect
from slipway.model.bundle import ArtifactKind, chart_name
from slipway.operator.metrics import Metrics
from slipway.operator.operations import Chronicle
from slipway.operator.reconcile import Reconciler
from slipway.operator.round import Edges
from slipway.operator.runtime import OperatorProcess, Settings
from slipway.operator.wiring import ClusterEngine
from slipway.settings import API_VERSION, APPROVE_ANNOTATION, NAMESPACE
from tests.apiserver import ApiServer, until
from tests.bare import artifact
from tests.binaries import binary
from tests.bundles import named_image
from tests.charts import chart_of
from tests.registries import Registry, running_registry

#: Seconds until a module is given up for unhealthy: far longer than any test here takes.
PATIENCE = 900
#: Label of the nodes on which a pod runs; no node has another value than `here`.
LABEL = "works"

MODULE: dict[str, Any] = {
    "version": "0.1.0",
    "summary": "A pod that runs where there is a node for it.",
    "stage": "platform",
    "health": {"timeout": PATIENCE},
    "removal": {"data": "delete", "namespace": "delete-if-empty"},
}
SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "additionalProperties": False,
    "properties": {"node": {"description": "Label of its node.", "type": "string", "default": "here"}},
}
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}}
spec:
  selector: {matchLabels: {app: {{ .Release.Name }}}}
  template:
    metadata: {labels: {app: {{ .Release.Name }}}}
    spec:
      nodeSelector: {works: {{ .Values.node }}}
      containers: [{name: pause, image: "registry.test/pause:1"}]
"""


def write_module(folder: Path) -> None:
    """One module by the name of its folder."""
    name, templates = folder.name, folder / "chart" / "templates"
    templates.mkdir(parents=True)
    release = {
        "name": name,
        "chart": name,
        "chartDir": "chart",
        "namespace": name,
        "values": "values.yaml.j2",
    }
    (folder / "module.yaml").write_text(yaml.safe_dump({"name": name, **MODULE, "releases": [release]}))
    (folder / "schema.yaml").write_text(yaml.safe_dump(SCHEMA))
    (folder / "values.yaml.j2").write_text("node: {{ settings.node | tojson }}\n")
    chart = {"apiVersion": "v2", "name": name, "version": "0.1.0"}
    (folder / "chart" / "Chart.yaml").write_text(yaml.safe_dump(chart))
    (templates / "deployment.yaml").write_text(DEPLOYMENT)


def push_bundle(directory: Path, release: Catalog, registry: Registry) -> None:
    """Helm, the modules' charts and what stands for their images, in the site registry: fake kubelets pull none."""
    writer = Writer(directory / "bundle")
    artifacts = [artifact(writer, ArtifactKind.BINARY, "helm", binary("helm"))]
    charts = {
        (one.name, chart.chart): (one, chart) for one in release.modules.values() for chart in one.releases
    }
    for module, chart in charts.values():
        packed = directory / f"{module.name}-{chart.chart}.tgz"
        if chart.chart_dir is None:
            packed = chart_of(release, module, chart)
        else:
            with tarfile.open(packed, "w:gz") as tar:
                tar.add(chart.chart_dir, chart.chart)
        artifacts.append(artifact(writer, ArtifactKind.CHART, chart_name(module.name, chart.chart), packed))
    references = {image for module in release.modules.values() for image in module.images}
    artifacts += [named_image(writer, reference) for reference in sorted(references)]
    made = manifests.manifest_of(
        name="edits", catalog=release.core, slipway=release.version, artifacts=artifacts
    )
    manifests.write(made, directory / "bundle")
    push(directory / "bundle", registry.client())


@dataclass(frozen=True, slots=True)
class Site:
    """A cluster of fake nodes with its registry, and what an operator of it is made from."""

    api: ApiServer
    registry: Registry
    release: Catalog
    wanted: dict[str, str] = field(default_factory=dict)
    """Node of each module that is enabled."""
    more: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What else the ClusterConfiguration says of a module."""

    def edges(self) -> Edges:
        """All real."""
        client, place = connect(self.api.kubeconfig), self.api.kubeconfig
        engine = ClusterEngine(client, self.release, lambda: place)
        return Edges(Configurations(client), engine, Chronicle(client), Metrics())

    def runtime(self) -> OperatorProcess:
        """An operator's process, without what the pod adds."""
        edges, client = self.edges(), connect(self.api.kubeconfig)
        election = Election(client, NAMESPACE, "operator-works", "one", seconds=4)
        settings = Settings(address="127.0.0.1", port=0)
        return OperatorProcess(
            client,
            election,
            lambda halt: Reconciler(edges, halt),
            Metrics(),
            settings,
            expectations=self.release.expectations,
        )

    def edit(self, **nodes: str) -> int:
        """Want these modules on these nodes, or not at all where no node is named; the new generation."""
        self.wanted.update(nodes)
        return self.want(
            {
                name: {"enabled": bool(node), "settings": {"node": node or "here"}, **self.more.get(name, {})}
                for name, node in self.wanted.items()
            }
        )

    def want(self, modules: dict[str, dict[str, Any]]) -> int:
        """Have these modules in the ClusterConfiguration, as `spec.modules` says; the new generation."""
        registry = {
            "mode": "external",
            "endpoint": self.registry.url,
            "caRef": {"name": "registry", "key": "ca"},
            "pullRef": {"name": "registry", "key": "account"},
        }
        document = {
            "apiVersion": API_VERSION,
            "kind": "ClusterConfiguration",
            "metadata": {"name": "tools", "namespace": NAMESPACE},
            "spec": {"registry": registry, "modules": modules},
        }
        status, answer = self.api.apply(document, manager="user")
        assert status in {200, 201}, answer["message"]
        return int(answer["metadata"]["generation"])

    def make(self, modules: dict[str, dict[str, Any]], *, seconds: float) -> None:
        """Have these modules, say yes to what is asked, and wait until the operator says Ready of it."""
        generation, status = self.want(modules), dict[str, Any]()

        def ready() -> bool:
            path = f"/apis/{API_VERSION}/namespaces/{NAMESPACE}"
            status.update(self.seen(path, "clusterconfigurations", "tools").get("status") or {})
            found = {one["type"]: one for one in status.get("conditions", ())}.get("Ready", {})
            if status.get("observedGeneration", 0) < generation:
                return False
            assert found.get("reason") not in {"Failed", "PreflightFailed", "Rejected"}, found
            if found.get("reason") == "AwaitingApproval":
                yes = f"{APPROVE_ANNOTATION}={status['operation']['plan']}"
                self.api.kubectl("-n", NAMESPACE, "annotate", "--overwrite", "cc", "tools", yes)
            return bool(found.get("status") == "True")

        try:
            until(ready, seconds=seconds, what="Ready")
        except TimeoutError:
            told = {one["type"]: f"{one['reason']}: {one['message']}" for one in status["conditions"]}
            pytest.fail(f"it does not become Ready of {modules}: {told}")

    def seen(self, *path: str) -> dict[str, Any]:
        """An object of our namespace."""
        found: dict[str, Any] = self.api.request("GET", "/".join(path))[1]
        return found


@contextmanager
def working_site(
    directory: Path,
    api: ApiServer,
    names: tuple[str, ...],
    write: Callable[[Path], None] = write_module,
) -> Iterator[Site]:
    """The site, with a module of each name in a folder that `write` fills; its registry ends with it."""
    modules = directory / "modules"
    for name in names:
        write(modules / name)
    with site_of(directory, api, catalog.load([modules])) as site:
        yield site


@contextmanager
def site_of(directory: Path, api: ApiServer, release: Catalog) -> Iterator[Site]:
    """The site of a catalog; its registry ends with it."""
    with (
        running_registry(directory / "registry", directory / "data", name="localhost") as registry,
        pytest.MonkeyPatch.context() as patch,
        connect(api.kubeconfig) as client,
    ):
        patch.setenv("SLIPWAY_STATE", str(directory / "state"))
        push_bundle(directory, release, registry)
        api.install_crds(*crds())
        ensure_namespace(client, NAMESPACE)
        account = f"--from-literal=account={registry.username}:{registry.password}"
        secret = ("create", "secret", "generic")
        api.kubectl("-n", NAMESPACE, *secret, "registry", f"--from-file=ca={registry.ca}", account)
        api.kubectl("-n", NAMESPACE, *secret, "slipway-site", f"--from-literal=key={'0a' * 32}")
        api.create_node("works-1", labels={LABEL: "here"})
        yield Site(api, registry, release)
