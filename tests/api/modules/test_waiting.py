"""Waiting on a real API server with real controllers: what is waited for, and what is not."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from slipway.cluster.lifecycle.attempts import object_refs
from slipway.cluster.lifecycle.waiting import wait_until_healthy
from slipway.cluster.rest.client import connect
from slipway.model.record import ObjectRef
from tests.apiserver import ApiServer

AGENT = ObjectRef("apps/v1", "DaemonSet", "waiting", "agent")


@pytest.fixture
def agent(cluster_api: ApiServer) -> Iterator[ApiServer]:
    """A DaemonSet on a node that answers and on one that does not."""
    cluster_api.create_node("answers", labels={"agent": "yes"})
    cluster_api.create_node("lost", labels={"agent": "yes"})
    cluster_api.create_namespace(AGENT.namespace)
    labels = {"app": AGENT.name}
    template = {
        "metadata": {"labels": labels},
        "spec": {
            "nodeSelector": {"agent": "yes"},
            "containers": [{"name": "agent", "image": "registry.invalid/agent"}],
        },
    }
    daemonset = {
        "apiVersion": AGENT.api_version,
        "kind": AGENT.kind,
        "metadata": {"name": AGENT.name, "namespace": AGENT.namespace},
        "spec": {"selector": {"matchLabels": labels}, "template": template},
    }
    cluster_api.kubectl("apply", "-f", "-", stdin=json.dumps(daemonset))
    yield cluster_api
    cluster_api.kubectl("delete", "namespace", AGENT.namespace, "--wait=false")
    cluster_api.kubectl("delete", "node", "answers", "lost")


def numbers(server: ApiServer) -> tuple[int, int]:
    """Pods that the DaemonSet wants, and those that are available."""
    place = ("-n", AGENT.namespace, "get", "daemonset", AGENT.name, "-o", "json")
    found = json.loads(server.kubectl(*place).stdout)["status"]
    return found.get("desiredNumberScheduled", 0), found.get("numberAvailable", 0)


def test_nobody_waits_for_a_pod_on_a_node_that_is_lost(agent: ApiServer) -> None:
    with connect(agent.kubeconfig) as client:
        assert wait_until_healthy(client, [AGENT], (), seconds=60) == {}
        ended = time.monotonic() + 60
        while numbers(agent) != (2, 1) and time.monotonic() < ended:
            time.sleep(0.2)
        assert numbers(agent) == (2, 1)
        assert wait_until_healthy(client, [AGENT], (), seconds=0) == {}


def test_a_job_that_goes_by_its_time_to_live_is_done(cluster_api: ApiServer) -> None:
    """Its controller deletes it as soon as it is complete: that it is not there is all that can be seen of it."""
    space, node = "passing", "answers-jobs"
    cluster_api.create_namespace(space)
    cluster_api.create_node(node)
    template = {
        "spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "registry.invalid/a"}]}
    }
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "setup", "namespace": space},
        "spec": {"ttlSecondsAfterFinished": 0, "template": template},
    }
    try:
        with connect(cluster_api.kubeconfig) as client:
            (ref,) = object_refs(client, (job,), space)
            cluster_api.kubectl("apply", "-f", "-", stdin=json.dumps(job))
            gone = ("-n", space, "wait", "--for=delete", "job/setup", "--timeout=60s")
            cluster_api.kubectl(*gone)
            assert wait_until_healthy(client, [ref], (), seconds=0) == {}
            assert set(wait_until_healthy(client, [replace(ref, passing=False)], (), seconds=0)) == {
                "Job.batch/passing/setup"
            }
    finally:
        cluster_api.kubectl("delete", "namespace", space, "--wait=false")
        cluster_api.kubectl("delete", "node", node)
