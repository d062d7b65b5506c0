"""Lines of logs: brought from the nodes, kept, and found."""

import json
from typing import Any
from urllib.parse import quote

import pytest

from tests.lab4.platforms import Enabled, Platform, pod, until


@pytest.mark.level("4", "victoria-logs", "victoria-logs-collector")
def test_one_applications_lines_are_found_by_its_label(platform: Platform, enabled: Enabled) -> None:
    modules = {"victoria-logs": {}, "victoria-logs-collector": {}}
    with enabled(modules), platform.applied(*(speaking(name) for name in ("mine", "other"))):
        assert set(until("its lines", lambda: lines(platform, "mine"), 180)) == {"said by mine"}
        assert set(until("the other's", lambda: lines(platform, "other"), 60)) == {"said by other"}


def speaking(name: str) -> dict[str, Any]:
    """A pod that says who it is, again and again."""
    return pod(name, f"while :; do echo said by {name}; sleep 1; done")


def lines(platform: Platform, name: str) -> list[str]:
    """What VictoriaLogs has of the pods with this label."""
    place = "/api/v1/namespaces/victoria-logs/services/victoria-logs:9428/proxy/select/logsql/query"
    question = quote(f'"kubernetes.pod_labels.app":={name} | limit 20')
    found = platform.kubectl("get", "--raw", f"{place}?query={question}").stdout
    return [json.loads(line)["_msg"] for line in found.splitlines()]
