"""Work of several pods at once: they start together, and find each other."""

import pytest

from tests.lab4.batches import WORKERS, holds, jobset
from tests.lab4.platforms import Enabled, Platform, until


@pytest.mark.level("4", "jobset")
def test_workers_of_a_set_find_each_other_by_name(platform: Platform, enabled: Enabled) -> None:
    there = "pair-worker-$n-0.pair.default.svc.cluster.local"
    ask = f"for n in 0 1; do until nslookup {there}; do sleep 1; done; done; sleep 20"
    with enabled({"jobset": {}}), platform.applied(jobset("pair", ask, replicas=WORKERS)):
        until("the set to complete", lambda: holds(platform, "jobset/pair", "Completed"), 180)
        pods = platform.kubectl_json("get", "pods", "-l", "jobset.sigs.k8s.io/jobset-name=pair")["items"]
        assert {pod["status"]["phase"] for pod in pods} == {"Succeeded"}
        assert len(pods) == WORKERS
