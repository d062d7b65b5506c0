"""Small decisions of the engine: is a holder dead, where does a kubeconfig point."""

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import yaml

from slipway.engine.context import holder_name
from slipway.engine.kubeconfig import pointed_at, write_private
from slipway.engine.locking import dead_here


def ended_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_we_are_alive() -> None:
    assert not dead_here(holder_name())


def test_a_process_of_this_machine_that_is_gone_is_dead() -> None:
    assert dead_here(f"slipway@{socket.gethostname()}:{ended_pid()}")


def test_a_number_that_another_program_got_since_is_dead() -> None:
    other = subprocess.Popen(["sleep", "60"])
    try:
        assert dead_here(f"slipway@{socket.gethostname()}:{other.pid}")
    finally:
        other.kill()
        other.wait()


def test_of_other_machines_and_strangers_nothing_is_known() -> None:
    assert not dead_here("slipway@elsewhere:1")
    assert not dead_here(f"somebody@{socket.gethostname()}:{ended_pid()}")
    assert not dead_here("")


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
