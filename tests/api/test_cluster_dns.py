"""The cluster DNS at an address of the user's, by the module's own kubectl on a real API server."""

import importlib
import os
from functools import partial
from typing import Any

import ansible.module_utils
import pytest

from slipway.settings import data_dir
from tests.apiserver import ApiServer
from tests.binaries import binary

ansible.module_utils.__path__.append(str(data_dir() / "plugins/module_utils"))
dns: Any = importlib.import_module("ansible.module_utils.slipway_dns")
kubeadm: Any = importlib.import_module("ansible.module_utils.slipway_kubeadm")


@pytest.fixture
def node(apiserver: ApiServer, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A control plane, as far as the API is concerned."""
    monkeypatch.setenv("PATH", f"{binary('kubectl').parent}:{os.environ['PATH']}")
    monkeypatch.setattr(kubeadm, "ADMIN", str(apiserver.kubeconfig))
    made = kubeadm.Node("cp-01", "127.0.0.1", apiserver.port)
    made.kubectl = partial(made.kubectl, kubeconfig=str(apiserver.kubeconfig))
    return made


def address(server: ApiServer, name: str) -> str:
    path = "jsonpath={.spec.clusterIP} {.spec.selector}"
    return server.kubectl(
        "-n", "kube-system", "get", "service", name, "--ignore-not-found", "-o", path
    ).stdout


def test_it_answers_there_too_and_a_second_time_nothing_changes(node: Any, apiserver: ApiServer) -> None:
    tenth, chosen, other = "10.96.0.10", "10.96.0.53", "10.96.0.54"
    kube_dns = ("create", "service", "clusterip", "kube-dns", f"--clusterip={tenth}", "--tcp=53")
    apiserver.kubectl("-n", "kube-system", *kube_dns)
    assert dns.serve(node, "", check=False) == []
    assert dns.serve(node, chosen, check=True)
    assert address(apiserver, dns.NAME) == ""
    assert dns.serve(node, chosen, check=False)
    assert address(apiserver, dns.NAME) == f'{chosen} {{"k8s-app":"kube-dns"}}'
    assert dns.serve(node, chosen, check=False) == []
    assert dns.serve(node, other, check=False)
    assert address(apiserver, dns.NAME).startswith(other)
    assert address(apiserver, "kube-dns").startswith(tenth)


def test_an_address_that_is_taken_is_told_in_the_apis_words(node: Any) -> None:
    with pytest.raises(dns.HostError, match="could not get its address") as caught:
        dns.serve(node, "10.96.0.1", check=False)
    assert "10.96.0.1" in caught.value.why
