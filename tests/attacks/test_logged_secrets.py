"""What is logged tells no secrets: not the audit log by a user's own policy, not the library that speaks SSH."""

import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from slipway.api import read
from slipway.planning.checks.auditing import audit_findings
from tests.unit.planning import model

METADATA = {"level": "Metadata", "resources": [{"group": "", "resources": ["secrets"]}]}
ALL: dict[str, Any] = {"level": "RequestResponse"}


def warned(*rules: dict[str, Any]) -> list[str]:
    document = model.document({}, {"kubernetes": {"auditPolicy": {"rules": list(rules)}}})
    return [finding.path for finding in audit_findings(read.parse(document))]


@pytest.mark.parametrize(
    "rule",
    [
        ALL,
        {"level": "Request"},
        {**ALL, "verbs": ["create"]},
        {**ALL, "namespaces": ["slipway-system"]},
        {**ALL, "resources": [{"group": ""}]},
        {**ALL, "resources": [{"group": "apps"}, {"group": "", "resources": ["*"]}]},
        {**ALL, "resources": [{"resources": ["configmaps", "secrets"]}]},
    ],
    ids=str,
)
def test_a_policy_that_logs_what_secrets_hold_is_told(rule: dict[str, Any]) -> None:
    assert warned(rule) == ["spec.kubernetes.auditPolicy.rules[0]"]
    assert warned(METADATA, rule) == []
    some = {**METADATA, "users": ["ann"]}
    assert warned(some, rule) == ["spec.kubernetes.auditPolicy.rules[1]"]
    one = {"level": "None", "resources": [{"group": "", "resources": ["secrets"], "resourceNames": ["a"]}]}
    assert warned(one, rule) == ["spec.kubernetes.auditPolicy.rules[1]"]


@pytest.mark.parametrize(
    "rule",
    [
        {"level": "Metadata"},
        {**ALL, "nonResourceURLs": ["/api*"]},
        {**ALL, "resources": [{"group": "rbac.authorization.k8s.io"}]},
        {**ALL, "resources": [{"group": "", "resources": ["configmaps"]}]},
    ],
    ids=str,
)
def test_a_policy_that_does_not_is_fine(rule: dict[str, Any]) -> None:
    assert warned(rule) == []


ASK = """
import sys
from pathlib import Path
from slipway.errors import SlipwayError
from slipway.probe.access import Login
from slipway.probe.connect import shown_key
from slipway.probe.known_hosts import KnownHosts
try:
    shown_key("a", "127.0.0.1", Login("root", int(sys.argv[1]), KnownHosts(Path(sys.argv[2])), "spec.hosts.ssh"))
except SlipwayError as error:
    print(error)
"""


def test_the_ssh_library_writes_nothing_beside_our_error(tmp_path: Path) -> None:
    """Whoever answers at that port had its words, and a traceback, on the screen."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            taken, _ = server.accept()
            with taken:
                taken.sendall(b"no SSH at all\x1b]0;mine\x07\r\n" * 200)

        threading.Thread(target=answer, daemon=True).start()
        argv = [sys.executable, "-c", ASK, str(server.getsockname()[1]), str(tmp_path / "known_hosts")]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=True)
    assert "no SSH connection" in done.stdout
    assert done.stderr == ""
