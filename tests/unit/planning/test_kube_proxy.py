"""What kube-proxy is told."""

from typing import Any

import pytest

from slipway.model.kubernetes import Kubernetes
from slipway.planning.kubeadm import kube_proxy


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"mode": "nftables"}, None),
        ({"mode": "ipvs"}, {"strictARP": True}),
        ({"mode": "ipvs", "extraConfig": {"ipvs": None}}, {"strictARP": True}),
        (
            {"mode": "ipvs", "extraConfig": {"ipvs": {"scheduler": "sh"}}},
            {"strictARP": True, "scheduler": "sh"},
        ),
        ({"mode": "ipvs", "extraConfig": {"ipvs": {"strictARP": False}}}, {"strictARP": False}),
    ],
)
def test_by_ipvs_one_node_answers_for_an_address(
    given: dict[str, Any], expected: dict[str, Any] | None
) -> None:
    kubernetes = Kubernetes.model_validate(
        {"version": "v1.35.4", "endpoint": {"address": "api.demo"}, "kubeProxy": given}
    )
    assert kube_proxy(kubernetes).get("ipvs") == expected
