"""What a real API server refuses, and the way out that its error names: the way out has to be true."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway.cluster.rest.client import Client, connect
from slipway.errors import ConflictError, SlipwayError, StepError, TransientError
from tests.apiserver import ApiServer


@pytest.fixture(scope="module")
def admin(apiserver: ApiServer) -> Iterator[Client]:
    with connect(apiserver.kubeconfig) as client:
        yield client


def configmap(name: str, namespace: str = "default", **data: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def refused(call: Callable[[], object]) -> SlipwayError:
    with pytest.raises(SlipwayError) as caught:
        call()
    return caught.value


def another(apiserver: ApiServer, place: Path, **cluster: str) -> Path:
    """The kubeconfig with other words for the cluster, or with another `token`."""
    document = yaml.safe_load(apiserver.kubeconfig.read_text())
    token = cluster.pop("token", "")
    document["clusters"][0]["cluster"] |= cluster
    if token:
        document["users"][0]["user"] = {"token": token}
    place.write_text(yaml.safe_dump(document))
    place.chmod(0o600)
    return place


def test_a_namespace_that_is_being_deleted_is_not_the_accounts_fault(
    apiserver: ApiServer, admin: Client
) -> None:
    apiserver.create_namespace("going")
    apiserver.kubectl("delete", "namespace", "going", "--wait=false")  # nobody here finishes it
    error = refused(lambda: admin.create(configmap("late", "going")))
    assert isinstance(error, TransientError)
    assert "because it is being terminated" in error.why
    assert "wait until the namespace is gone" in error.hint
    assert "account" not in error.hint


def test_what_an_account_may_not_do(apiserver: ApiServer, tmp_path: Path) -> None:
    apiserver.kubectl("create", "serviceaccount", "nobody")
    token = apiserver.kubectl("create", "token", "nobody").stdout
    with connect(another(apiserver, tmp_path / "nobody", token=token)) as client:
        error = refused(lambda: client.list("v1", "Secret", "default"))
    assert isinstance(error, StepError)
    assert not error.retryable
    assert "give the account this right" in error.hint


def test_what_a_rule_of_the_cluster_forbids_is_not_the_accounts_fault(admin: Client) -> None:
    pod = configmap("one") | {"kind": "Pod", "spec": {"serviceAccountName": "none", "containers": []}}
    error = refused(lambda: admin.create({key: pod[key] for key in pod if key != "data"}))
    assert "403" in error.what
    assert 'serviceaccount "none" not found' in error.why
    assert "a rule of the cluster forbids it" in error.hint


def test_fields_can_be_forced_and_what_is_there_already_cannot(apiserver: ApiServer, admin: Client) -> None:
    admin.apply(configmap("shared", key="theirs"), manager="somebody")
    fields = refused(lambda: admin.apply(configmap("shared", key="ours")))
    assert isinstance(fields, ConflictError)
    assert "--force-conflicts" in fields.hint
    assert [finding.path for finding in fields.findings] == ["data.key"]
    there = refused(lambda: admin.create(configmap("shared")))
    assert isinstance(there, ConflictError)
    assert "--force-conflicts" not in there.hint
    admin.delete("v1", "ConfigMap", "shared", "default")


def test_credentials_that_are_not_accepted(apiserver: ApiServer, tmp_path: Path) -> None:
    with connect(another(apiserver, tmp_path / "old", token="of-yesterday")) as client:
        error = refused(lambda: client.list("v1", "Secret", "default"))
    assert "slipway kubeconfig" in error.hint


def test_a_certificate_of_another_cluster(apiserver: ApiServer, tmp_path: Path) -> None:
    with ApiServer(tmp_path / "other") as other:
        pretended = another(apiserver, tmp_path / "mixed", server=other.url)
        with connect(pretended) as client:
            error = refused(client.version)
    assert isinstance(error, TransientError)
    assert "where the cluster was made anew: slipway kubeconfig" in error.hint


def test_a_name_that_is_not_known_here(apiserver: ApiServer, tmp_path: Path) -> None:
    with connect(another(apiserver, tmp_path / "far", server="https://api.invalid:6443")) as client:
        error = refused(client.version)
    assert "let this machine resolve that name" in error.hint
