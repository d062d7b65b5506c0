"""Katib out of its Go module's kustomization: installed by the one way there is, well, and removed."""

from dataclasses import replace

from slipway import catalog
from slipway.bundle.form import manifest as manifests
from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.make.trees.packing import locked_tree
from slipway.clock import utc_text
from slipway.cluster.lifecycle.helm import Helm
from slipway.cluster.lifecycle.modules import apply_module
from slipway.cluster.lifecycle.removal import remove_module
from slipway.cluster.lifecycle.work import Work
from slipway.cluster.own import records
from slipway.cluster.own.settings import ensure_namespace
from slipway.cluster.rest.client import connect
from slipway.model.bundle import Artifact, ArtifactKind
from slipway.model.configuration import Configuration, Spec
from slipway.model.modulehealth import Health
from slipway.model.record import Intent
from slipway.planning.modules import request_of
from slipway.planning.modulesecrets import secret_requests
from slipway.planning.requests.request import ModuleRequest, RemovalRequest
from slipway.planning.together.ground import ground_of
from slipway.settings import NAMESPACE
from tests.apiserver import ApiServer
from tests.binaries import binary

CATALOG = catalog.load()
CRDS = {"experiments.kubeflow.org", "suggestions.kubeflow.org", "trials.kubeflow.org"}


def request_for(chart: Artifact) -> ModuleRequest:
    """As planning makes it of a ClusterConfiguration that has Katib on."""
    spec = Spec.model_validate({"modules": {"katib": {"enabled": True}}})
    configuration = Configuration(name="demo", namespace=NAMESPACE, spec=spec)
    bundle = manifests.manifest_of(name="t", catalog=CATALOG.core, slipway="0", artifacts=[chart])
    requests = secret_requests(configuration, CATALOG.modules["katib"], {}, {})
    ground = ground_of(configuration, CATALOG, bundle)
    made = request_of(ground, "katib", ground.rendered("katib").values, requests)
    return replace(made, health=Health(timeout=120))


def intent(digest: str, action: str = "apply") -> Intent:
    return Intent("op-1", f"module/katib/{action}", digest, 1, "test", utc_text())


def test_katib(cluster_api: ApiServer) -> None:
    module = CATALOG.modules["katib"]
    packed = locked_tree(module, module.releases[0], CATALOG.versions, Workshop(print))
    digest = packed.locked.digest
    request = request_for(Artifact(ArtifactKind.CHART, "katib.katib", "0.19.0", digest, 1, path="katib.tgz"))
    cluster_api.create_node("katib-1")
    with connect(cluster_api.kubeconfig) as client:
        ensure_namespace(client, NAMESPACE)
        volume = {
            "capacity": {"storage": "10Gi"},
            "accessModes": ["ReadWriteOnce"],
            "hostPath": {"path": "/x"},
        }
        kind = {"apiVersion": "v1", "kind": "PersistentVolume"}
        client.create({**kind, "metadata": {"name": "katib"}, "spec": volume})
        work = Work(client, Helm(binary("helm"), cluster_api.kubeconfig), lambda _: packed.path)
        record = apply_module(work, request, intent("d1"))
        assert record.phase == "Healthy"
        deployments = {ref.name for ref in record.objects if ref.kind == "Deployment"}
        assert deployments == {"katib-controller", "katib-db-manager", "katib-mysql", "katib-ui"}
        found = client.list("apiextensions.k8s.io/v1", "CustomResourceDefinition")
        assert {item["metadata"]["name"] for item in found} >= CRDS
        template = client.get("v1", "ConfigMap", "trial-templates", "kubeflow")
        assert template is not None
        assert "${trialParameters.learningRate}" in template["data"]["defaultTrialTemplate.yaml"]

        calls = work.helm.calls
        assert apply_module(work, request, intent("d1")).revision == record.revision
        assert work.helm.calls == calls
        remove_module(work, RemovalRequest("katib", module.removal), intent("d2", "remove"))
        assert records.read_module(client, "katib") is None
        assert client.list("apps/v1", "Deployment", "kubeflow") == []
        left = client.list("apiextensions.k8s.io/v1", "CustomResourceDefinition")
        assert {item["metadata"]["name"] for item in left} >= CRDS  # retained, as the claim is
        assert client.get("v1", "PersistentVolumeClaim", "katib-mysql", "kubeflow") is not None
