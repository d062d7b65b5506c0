"""Why something is waited for, as the cluster says it: of pods that cannot run, of claims, of what was refused.

No controller runs here: each test writes what they would have written. The kubelet is a stand-in behind the API server.
"""

import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from slipway.cluster.condition import health
from slipway.cluster.lifecycle.diagnosis import diagnose, first_cause
from slipway.cluster.lifecycle.drift import ref_key
from slipway.cluster.lifecycle.waiting import wait_until_healthy
from slipway.cluster.rest.client import Client, connect
from slipway.errors import Interrupted
from slipway.model.record import ObjectRef
from tests.apiserver import ApiServer
from tests.serving import serving

SPACE, NODE = "causes", "causes-1"
IMAGE = "registry.invalid/page:1"
WEB = ObjectRef("apps/v1", "Deployment", "web", SPACE)
API = ObjectRef("apps/v1", "Deployment", "api", SPACE)
SETUP = ObjectRef("batch/v1", "Job", "setup", SPACE)
LOG = "starting\npanic: no such table: guests\n\n"


class Kubelet(BaseHTTPRequestHandler):
    """Gives the log of any container, where it is asked for the run before this one."""

    def do_GET(self) -> None:
        text = LOG if "/containerLogs/" in self.path and "previous=true" in self.path else ""
        self.send_response(200 if text else 404)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@pytest.fixture(scope="module")
def node(apiserver: ApiServer) -> Iterator[ApiServer]:
    apiserver.create_namespace(SPACE)
    apiserver.kubectl("-n", SPACE, "create", "serviceaccount", "default")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(apiserver.directory / "server.crt", apiserver.directory / "server.key")
    with serving(Kubelet, tls) as url:
        apiserver.create_node(NODE)
        port = int(url.rpartition(":")[2])
        found = {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
        }
        with connect(apiserver.kubeconfig) as client:
            client.merge("v1", "Node", NODE, {"status": found}, subresource="status")
        yield apiserver
        apiserver.kubectl("delete", "node", NODE)


@pytest.fixture
def client(node: ApiServer) -> Iterator[Client]:
    """With two Deployments that nobody acts on."""
    with connect(node.kubeconfig) as client:
        for ref in (WEB, API):
            client.create(workload(ref))
        yield client
    for kind in ("deployment", "job", "pod", "pvc", "event"):
        node.kubectl("-n", SPACE, "delete", kind, "--all", "--force", "--wait=false")


def workload(ref: ObjectRef, **spec: Any) -> dict[str, Any]:
    labels = {"app": ref.name}
    pod = {"restartPolicy": "Never"} if ref.kind == "Job" else {}
    template = {
        "metadata": {"labels": labels},
        "spec": {**pod, "containers": [{"name": "main", "image": IMAGE}]},
    }
    selector = {"manualSelector": True} if ref.kind == "Job" else {}
    return {
        "apiVersion": ref.api_version,
        "kind": ref.kind,
        "metadata": {"name": ref.name, "namespace": SPACE},
        "spec": {**selector, "selector": {"matchLabels": labels}, "template": template, **spec},
    }


def run_pod(client: Client, ref: ObjectRef, **status: Any) -> None:
    """A pod of it, of which this is said."""
    meta = {"name": f"{ref.name}-0", "namespace": SPACE, "labels": {"app": ref.name}}
    spec = {"nodeName": NODE, "containers": [{"name": "main", "image": IMAGE}]}
    client.create({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})
    client.merge("v1", "Pod", meta["name"], {"status": status}, SPACE, subresource="status")


def container(state: dict[str, Any], before: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    return [
        {
            "name": "main",
            "image": IMAGE,
            "imageID": "",
            "ready": False,
            "restartCount": 1,
            "state": state,
            "lastState": before or {},
        }
    ]


def emit(client: Client, kind: str, name: str, reason: str, message: str) -> None:
    about = {"kind": kind, "namespace": SPACE, "name": name}
    meta = {"name": f"{name}.{reason.lower()}", "namespace": SPACE}
    event = {"apiVersion": "v1", "kind": "Event", "metadata": meta, "involvedObject": about}
    client.create({**event, "reason": reason, "message": message, "type": "Warning"})


def pending(client: Client, *refs: ObjectRef) -> dict[str, health.Status]:
    return {
        ref_key(ref): health.status(client.get(ref.api_version, ref.kind, ref.name, SPACE)) for ref in refs
    }


def cause(client: Client, *refs: ObjectRef) -> str:
    return first_cause(client, refs, pending(client, *refs))


UNSEEN = "its controller has not seen it"


def test_an_image_that_does_not_come_is_named(client: Client) -> None:
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "not found"}}
    unscheduled = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no room"}
    run_pod(client, API, phase="Pending", containerStatuses=container(waiting), conditions=[unscheduled])
    key = f"Deployment.apps/{SPACE}/api"
    said = f"{key}: {UNSEEN}: pod {SPACE}/api-0: container main: ImagePullBackOff: {IMAGE}: not found"
    assert cause(client, API) == said
    assert cause(client, WEB, API) == f"{said} (and 1 more)"


def test_a_container_that_crashes_says_its_last_line(client: Client) -> None:
    ended = {"terminated": {"exitCode": 2, "reason": "Error", "containerID": "containerd://a"}}
    state = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s restarting failed container"}}
    run_pod(client, WEB, phase="Running", containerStatuses=container(state, ended))
    line = f"pod {SPACE}/web-0: container main said last: panic: no such table: guests"
    assert cause(client, WEB) == f"Deployment.apps/{SPACE}/web: {UNSEEN}: {line}"
    assert diagnose(client, [WEB], pending(client, WEB)).splitlines()[1:] == [
        f"pod {SPACE}/web-0: container main: CrashLoopBackOff: back-off 10s restarting failed container",
        f"pod {SPACE}/web-0: container main ended with 2",
        line,
    ]


def test_a_claim_that_is_not_bound(client: Client) -> None:
    unscheduled = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "pod has unbound immediate PersistentVolumeClaims",
    }
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    meta = {"name": "data", "namespace": SPACE}
    client.create({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta, "spec": claim})
    emit(client, "PersistentVolumeClaim", "data", "ProvisioningFailed", "storageclass fast not found")
    run_pod(client, WEB, phase="Pending", conditions=[unscheduled])
    assert cause(client, WEB).endswith(
        f"PersistentVolumeClaim {SPACE}/data: ProvisioningFailed: storageclass fast not found"
    )


def test_pods_that_a_webhook_refuses(client: Client) -> None:
    refusal = 'admission webhook "policy.example.com" denied the request: no limits'
    emit(client, "Deployment", "web", "FailedCreate", refusal)
    assert cause(client, WEB).endswith(f"Deployment {SPACE}/web: FailedCreate: {refusal}")


def test_a_job_that_has_failed_comes_before_what_may_still_come(client: Client) -> None:
    client.create(workload(SETUP))
    failed = {
        "type": "FailureTarget",
        "status": "True",
        "reason": "BackoffLimitExceeded",
        "message": "too often",
    }
    run_pod(
        client,
        SETUP,
        phase="Failed",
        containerStatuses=container({"terminated": {"exitCode": 3, "message": "no license"}}),
    )
    state = {ref_key(WEB): health.status(None)}
    state[ref_key(SETUP)] = health.Status(health.KStatus.FAILED, failed["message"])
    said = f"Job.batch/{SPACE}/setup: too often: pod {SPACE}/setup-0: container main ended with 3 no license"
    assert first_cause(client, [WEB, SETUP], state) == f"{said} (and 1 more)"


def test_who_waits_hears_of_the_cause_once(client: Client) -> None:
    waiting = {"waiting": {"reason": "ErrImagePull", "message": f"{IMAGE}: no such host"}}
    run_pod(client, WEB, phase="Pending", containerStatuses=container(waiting))
    said: list[str] = []
    over = threading.Timer(10, lambda: None)
    over.start()
    with pytest.raises(Interrupted):
        wait_until_healthy(
            client, [WEB], (), seconds=60, progress=said.append, cancelled=lambda: not over.is_alive()
        )
    key = f"Deployment.apps/{SPACE}/web: {UNSEEN}"
    assert said == [key, f"{key}: pod {SPACE}/web-0: container main: ErrImagePull: {IMAGE}: no such host"]
