"""A client of the cluster in which modules are installed, with Slipway's own namespace."""

from collections.abc import Iterator

import pytest

from slipway.cluster.own.settings import ensure_namespace
from slipway.cluster.rest.client import Client, connect
from slipway.settings import NAMESPACE
from tests.apiserver import ApiServer


@pytest.fixture(scope="module")
def client(cluster_api: ApiServer) -> Iterator[Client]:
    """As administrator."""
    with connect(cluster_api.kubeconfig) as client:
        ensure_namespace(client, NAMESPACE)
        yield client
