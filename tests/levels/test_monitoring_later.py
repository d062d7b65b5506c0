"""Monitoring that comes later, and goes: an upgrade for the releases that use it, and for no other."""

import pytest

from slipway.cluster.rest.client import Client, connect
from tests.api.operator.recording import Running
from tests.api.working import Site, site_of
from tests.levels.clusters import cluster
from tests.levels.repeating import repeated
from tests.levels.statuses import Statuses
from tests.levels.test_api import AT_HAND, CATALOG, SOON

NAMES = (
    "flannel",
    "kube-prometheus-stack",
    "local-path-provisioner",
    "metrics-server",
    "nvidia-runtime-class",
)
ON = {"kube-prometheus-stack": {"enabled": True, "settings": {"storage": {"enabled": False}}}}
BOTH = {"metrics-server": {"enabled": True}, "nvidia-runtime-class": {"enabled": True}}
MONITORS = ("monitoring.coreos.com/v1", "ServiceMonitor", "kube-system")


def revisions(client: Client) -> dict[str, int]:
    """The newest of each release in kube-system."""
    secrets = client.list("v1", "Secret", "kube-system", labels="owner=helm", metadata_only=True)
    labels = [one["metadata"]["labels"] for one in secrets]
    return {
        name: max(int(one["version"]) for one in labels if one["name"] == name)
        for name in {one["name"] for one in labels}
    }


@pytest.mark.skipif(
    not set(NAMES) <= set(AT_HAND), reason="charts of git servers: SLIPWAY_TREES_DIR has none"
)
def test_who_uses_it_is_upgraded_alone(tmp_path_factory: pytest.TempPathFactory) -> None:
    directory = tmp_path_factory.mktemp("later")
    with (
        cluster(directory) as (_, api),
        connect(api.kubeconfig) as client,
        repeated(Statuses(api, client, NAMES, CATALOG.expectations.kinds).look),
        site_of(directory, api, CATALOG.of(NAMES)) as site,
        Running(site.runtime()),
    ):
        _walk(site, client)


def _walk(site: Site, client: Client) -> None:
    site.make(BOTH, seconds=SOON)
    assert revisions(client) == {"metrics-server": 1, "nvidia-runtime-class": 1}
    site.make(BOTH | ON, seconds=SOON)
    assert revisions(client) == {"metrics-server": 2, "nvidia-runtime-class": 1}
    assert "metrics-server" in {one["metadata"]["name"] for one in client.list(*MONITORS)}
    site.make({**BOTH, "kube-prometheus-stack": {"enabled": False}}, seconds=SOON)
    assert revisions(client) == {"metrics-server": 3, "nvidia-runtime-class": 1}
    assert client.list(*MONITORS) == []
