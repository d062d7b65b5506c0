"""Figures of nodes and objects, rules about them, and who is told."""

import json
from typing import Any
from urllib.parse import quote

import pytest

from tests.lab4.platforms import NODES, Enabled, Platform, pod, service, until

#: A receiver of webhooks: httpd keeps what it is sent.
RECEIVER = r"""
mkdir -p /tmp/www/cgi-bin
printf '#!/bin/sh\ncat >>/tmp/kept\nprintf "Content-Type: text/plain\\r\\n\\r\\nkept"\n' >/tmp/www/cgi-bin/alerts
chmod +x /tmp/www/cgi-bin/alerts
exec httpd -f -p 8080 -h /tmp/www
"""
MONITORING = "monitoring.coreos.com"


@pytest.mark.level("4", "kube-prometheus-stack")
def test_figures_are_taken_and_an_alert_reaches_its_receiver(platform: Platform, enabled: Enabled) -> None:
    receiver = [pod("receiver", RECEIVER), service("receiver", {"port": 8080})]
    with (
        enabled({"kube-prometheus-stack": {}}),
        platform.applied(*receiver, rule(), receiving("http://receiver.default:8080/cgi-bin/alerts")),
    ):
        until("all nodes' figures", lambda: series(platform, "node_memory_MemTotal_bytes") == len(NODES), 180)
        assert series(platform, "kube_node_info") == len(NODES)
        assert series(platform, 'up{job="kubelet", metrics_path="/metrics"} == 1') == len(NODES)
        fires = 'ALERTS{alertname="Tried", alertstate="firing"}'
        until("the rule to fire", lambda: series(platform, fires), 180)
        kept = ["exec", "receiver", "--", "cat", "/tmp/kept"]
        until("the alert", lambda: "Tried" in platform.kubectl(*kept, check=False).stdout, 180)
    left = ["-n", "kube-system", "get", "service", "kube-prometheus-stack-kubelet", "--ignore-not-found"]
    assert not platform.kubectl(*left).stdout, "its operator has made its Service again"


def rule() -> dict[str, Any]:
    """Fires as long as there is a node."""
    alert = {"alert": "Tried", "expr": "count(kube_node_info) > 0", "labels": {"namespace": "default"}}
    return {
        "apiVersion": f"{MONITORING}/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "tried", "namespace": "default"},
        "spec": {"groups": [{"name": "tried", "interval": "5s", "rules": [alert]}]},
    }


def receiving(url: str) -> dict[str, Any]:
    """The namespace's alerts go there."""
    route = {"receiver": "kept", "groupWait": "1s", "groupInterval": "5s"}
    return {
        "apiVersion": f"{MONITORING}/v1alpha1",
        "kind": "AlertmanagerConfig",
        "metadata": {"name": "tried", "namespace": "default"},
        "spec": {"route": route, "receivers": [{"name": "kept", "webhookConfigs": [{"url": url}]}]},
    }


def series(platform: Platform, question: str) -> int:
    """How many Prometheus has for it, asked through the API server."""
    place = "/api/v1/namespaces/monitoring/services/prometheus-operated:9090/proxy/api/v1/query"
    found = platform.kubectl("get", "--raw", f"{place}?query={quote(question)}").stdout
    return len(json.loads(found)["data"]["result"])
