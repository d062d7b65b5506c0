"""One API server for all tests of this folder."""

from collections.abc import Iterator

import pytest

from slipway.settings import API_GROUP, NAMESPACE
from tests.apiserver import ApiServer

#: Those that tests share.
SHARED: list[ApiServer] = []
CONFIGURATIONS = f"/apis/{API_GROUP}/v1alpha1/namespaces/{NAMESPACE}/clusterconfigurations"


@pytest.fixture(scope="module", autouse=True)
def emptied() -> Iterator[None]:
    """A file of tests leaves no ClusterConfiguration to the next: what a cluster's hosts belong to counts."""
    yield
    for server in SHARED:
        status, answer = server.request("DELETE", CONFIGURATIONS)
        assert status in {200, 404}, answer


@pytest.fixture(scope="session")
def apiserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """etcd and kube-apiserver, no controllers."""
    with ApiServer(tmp_path_factory.mktemp("apiserver")) as server:
        SHARED.append(server)
        yield server
        SHARED.remove(server)


@pytest.fixture(scope="session")
def cluster_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """An API server with controller-manager, scheduler and fake kubelets: workloads become Ready."""
    with ApiServer(tmp_path_factory.mktemp("cluster-api"), controllers=True, kwok=True) as server:
        SHARED.append(server)
        yield server
        SHARED.remove(server)
