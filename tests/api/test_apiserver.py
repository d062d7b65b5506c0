"""The harness itself: a fake node becomes Ready and a Deployment's pod runs; credentials are private."""

from cryptography.x509 import load_pem_x509_certificate

from slipway.cluster.rest.certificates import api_certificate_end
from slipway.cluster.rest.client import connect
from tests.apiserver import ApiServer, until


def test_a_deployment_runs_on_a_fake_node(cluster_api: ApiServer) -> None:
    cluster_api.create_node("fake-1")
    cluster_api.kubectl("create", "deployment", "web", "--image=web")
    path = "/apis/apps/v1/namespaces/default/deployments/web"
    until(
        lambda: cluster_api.request("GET", path)[1]["status"].get("readyReplicas") == 1,
        seconds=60,
        what="web ready",
    )


def test_credentials_are_private(cluster_api: ApiServer) -> None:
    for name in ("kubeconfig", "tokens.csv", "server.key", "sa.key"):
        assert (cluster_api.directory / name).stat().st_mode & 0o777 == 0o600
    assert cluster_api.request("GET", "/api/v1/nodes", token="wrong")[0] == 401


def test_when_its_certificate_ends_is_read_from_a_handshake(cluster_api: ApiServer) -> None:
    with connect(cluster_api.kubeconfig) as client:
        end = api_certificate_end(client)
    text = (cluster_api.directory / "server.crt").read_bytes()
    assert end == load_pem_x509_certificate(text).not_valid_after_utc.timestamp()
