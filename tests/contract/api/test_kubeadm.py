"""Ranges that we accept are those that kubeadm accepts: the real one judges the same table."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway.api import read
from slipway.errors import ConfigurationError
from slipway.model.configuration import Spec
from slipway.planning.kubeadm import cluster_configuration
from tests import cases
from tests.binaries import binary

#: podCIDR, serviceCIDR, flags of the controller manager.
RANGES: list[tuple[str, str, dict[str, str]]] = [
    ("10.244.0.0/16", "10.96.0.0/16", {}),
    ("10.244.0.0/24", "10.96.0.0/16", {}),
    ("10.244.0.0/25", "10.96.0.0/16", {}),
    ("11.0.0.0/8", "10.96.0.0/12", {}),
    ("12.0.0.0/7", "10.96.0.0/16", {}),
    ("10.244.0.0/16", "10.96.0.0/11", {}),
    ("10.244.0.0/16", "10.96.0.0/28", {}),
    ("10.244.0.0/16", "10.96.0.0/29", {}),
    ("10.244.0.0/24", "10.96.0.0/16", {"node-cidr-mask-size-ipv4": "26"}),
    ("10.244.0.0/27", "10.96.0.0/16", {"node-cidr-mask-size-ipv4": "26"}),
    ("10.0.0.0/9", "172.16.0.0/16", {"node-cidr-mask-size-ipv4": "26"}),
    ("11.128.0.0/10", "10.96.0.0/16", {"node-cidr-mask-size-ipv4": "26"}),
    ("10.244.0.0/24", "10.96.0.0/16", {"node-cidr-mask-size": "25"}),
    ("10.244.0.0/25", "10.96.0.0/16", {"node-cidr-mask-size": "26"}),
]


@pytest.mark.parametrize(("pods", "services", "flags"), RANGES)
def test_both_say_the_same(pods: str, services: str, flags: dict[str, str], tmp_path: Path) -> None:
    network = {"podCIDR": pods, "serviceCIDR": services}
    item = {"name": "cp-01", "address": "192.168.0.21", "roles": ["control-plane"]}
    patch = {
        "kubernetes": {"network": network, "controllerManager": {"extraArgs": flags}},
        "hosts": {"items": [item]},
    }
    document = cases.patched(patch)
    assert accepted(document) == kubeadm_accepts(document, tmp_path / "kubeadm.yaml")


def accepted(document: dict[str, Any]) -> bool:
    try:
        read.parse(document)
    except ConfigurationError:
        return False
    return True


def kubeadm_accepts(document: dict[str, Any], file: Path) -> bool:
    """What `kubeadm config validate` says of the document that we would give it."""
    spec = Spec.model_validate(document["spec"])
    good = read.parse(cases.base())
    assert spec.kubernetes
    file.write_text(yaml.safe_dump(cluster_configuration(good, spec.kubernetes)), encoding="utf-8")
    command = [str(binary("kubeadm")), "config", "validate", "--config", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0 or "ubnet" in done.stderr, done.stderr
    return done.returncode == 0
