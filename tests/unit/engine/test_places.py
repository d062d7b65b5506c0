"""Where a kubeconfig points, and how it is kept."""

import os
import stat
from pathlib import Path

import yaml

from slipway.bundle.site.source import DirectorySource
from slipway.engine.kubeconfig import pointed_at, write_private
from slipway.engine.preflight import clock_findings


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


def test_a_clock_before_the_day_of_the_bundle_is_told(tmp_path: Path) -> None:
    (tmp_path / "bundle.yaml").touch()
    source, day = DirectorySource(tmp_path), 86400.0
    written = (tmp_path / "bundle.yaml").stat().st_mtime
    assert clock_findings(source, written + 400 * day) == []
    assert clock_findings(source, written - day / 2) == []
    [found] = clock_findings(source, 0.0)
    assert found.code == "clock-bundle"
    assert "takes today for 1970-01-01" in str(found)
