"""Where a kubeconfig points, and how it is kept."""

import os
import stat
from pathlib import Path

import yaml

from slipway.engine.kubeconfig import pointed_at, write_private


def test_only_the_server_of_a_kubeconfig_changes() -> None:
    text = b"""
apiVersion: v1
kind: Config
clusters: [{name: site, cluster: {server: 'https://api.site.internal:6443', certificate-authority-data: Q0E=}}]
users: [{name: admin, user: {client-key-data: S0VZ}}]
current-context: admin
"""
    before, after = yaml.safe_load(text), yaml.safe_load(pointed_at(text, "https://10.0.0.11:6443"))
    assert after["clusters"][0]["cluster"].pop("server") == "https://10.0.0.11:6443"
    assert before["clusters"][0]["cluster"].pop("server") == "https://api.site.internal:6443"
    assert after == before


def test_a_kubeconfig_is_replaced_at_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "state" / "kubeconfig"
    old_mask = os.umask(0)
    try:
        write_private(path, b"one")
        write_private(path, b"two")
    finally:
        os.umask(old_mask)
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [item.name for item in path.parent.iterdir()] == ["kubeconfig"]
