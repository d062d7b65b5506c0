"""The same table on a real API server: refused where it says, in the words it says, under strict field validation."""

from pathlib import Path
from typing import Any

import pytest

from slipway.api import crd, read
from slipway.settings import API_VERSION, data_dir
from tests import cases
from tests.apiserver import ApiServer

PATH = f"/apis/{API_VERSION}/namespaces/slipway-system/clusterconfigurations"
SAMPLES = sorted(data_dir().glob("inventories/*/cluster.yaml"))


@pytest.fixture(scope="module")
def server(apiserver: ApiServer) -> ApiServer:
    apiserver.install_crds(*crd.crds())
    apiserver.create_namespace("slipway-system")
    return apiserver


def _create(server: ApiServer, document: dict[str, Any]) -> tuple[int, Any]:
    return server.request("POST", f"{PATH}?fieldValidation=Strict", document)


def _send(server: ApiServer, case: cases.Case) -> tuple[int, Any]:
    """Create it; or create what is live and apply the edit."""
    server.request("DELETE", f"{PATH}/base")
    if case.live is None:
        return _create(server, case.document)
    status, answer = server.apply(case.live)
    assert status == 201, answer
    return server.apply(case.document)


@pytest.mark.parametrize("case", [case for case in cases.bad() if case.place != "operator"], ids=str)
def test_refused(server: ApiServer, case: cases.Case) -> None:
    status, answer = _send(server, case)
    assert status in {400, 422}, answer
    assert case.server in answer["message"]


@pytest.mark.parametrize(
    "case", [*cases.good(), *(case for case in cases.bad() if case.place == "operator")], ids=str
)
def test_accepted(server: ApiServer, case: cases.Case) -> None:
    status, answer = _send(server, case)
    assert status in {200, 201}, answer


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.parent.name)
def test_samples_mean_the_same_in_file_and_cluster(server: ApiServer, sample: Path) -> None:
    configuration = read.load(sample)
    status, answer = server.apply(read.resource(configuration))
    assert status in {200, 201}, answer
    assert read.parse(answer, generation=0).model_copy(update={"generation": 0}) == configuration


def test_a_large_site_is_accepted_and_edited(server: ApiServer) -> None:
    """1000 hosts: the rules keep within the API server's cost at run time as well."""
    items = [
        {
            "name": f"host-{i}",
            "address": f"10.1.{i // 250}.{i % 250 + 1}",
            "roles": ["worker"],
            "groups": ["g"],
        }
        for i in range(1000)
    ]
    items[0]["roles"] = ["control-plane"]
    patch = {"hosts": {"groups": {"g": {"labels": {"a": "b"}}}, "items": items}}
    document = cases.patched({**patch, "kubernetes": {"network": {"podCIDR": "10.128.0.0/12"}}})
    server.request("DELETE", f"{PATH}/base")
    status, answer = server.apply(document)
    assert status == 201, answer
    items[7]["settings"] = {"labels": {"x": "y"}}
    status, answer = server.apply(document)
    assert status == 200, answer
    assert len(read.parse(answer).hosts) == 1000


def test_columns(server: ApiServer) -> None:
    server.request("DELETE", f"{PATH}/base")
    _create(server, cases.base())
    when = "2026-01-01T00:00:00Z"
    conditions = [
        {"type": kind, "status": "True", "reason": "Yes", "message": message, "lastTransitionTime": when}
        for kind, message in (("Ready", ""), ("HostsReady", "3 of 3"), ("ModulesReady", "4 of 4"))
    ]
    status = {"phase": "Ready", "version": "v1.35.4", "observedGeneration": 1, "conditions": conditions}
    merge = "application/merge-patch+json"
    code, answer = server.request("PATCH", f"{PATH}/base/status", {"status": status}, content_type=merge)
    assert code == 200, answer
    table = server.kubectl("get", "cc", "base", "--namespace=slipway-system").stdout.splitlines()
    assert table[0].split() == ["NAME", "READY", "PHASE", "VERSION", "NODES", "MODULES", "AGE"]
    assert table[1].split()[:9] == ["base", "True", "Ready", "v1.35.4", "3", "of", "3", "4", "of"]


def test_operation(server: ApiServer) -> None:
    operation = {
        "apiVersion": API_VERSION,
        "kind": "Operation",
        "metadata": {"name": "op-1", "namespace": "slipway-system"},
        "spec": {"configuration": "base", "plan": "sha256:0", "catalog": "sha256:1"},
    }
    status, answer = server.apply(operation)
    assert status == 201, answer
    assert "op-1" in server.kubectl("get", "op", "--namespace=slipway-system").stdout
