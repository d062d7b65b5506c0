"""One API server for all tests of this folder."""

from collections.abc import Iterator

import pytest

from tests.apiserver import ApiServer


@pytest.fixture(scope="session")
def apiserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """etcd and kube-apiserver, no controllers."""
    with ApiServer(tmp_path_factory.mktemp("apiserver")) as server:
        yield server


@pytest.fixture(scope="session")
def cluster_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """An API server with controller-manager, scheduler and fake kubelets: workloads become Ready."""
    with ApiServer(tmp_path_factory.mktemp("cluster-api"), controllers=True, kwok=True) as server:
        yield server
