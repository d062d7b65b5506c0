"""Queues that hold sets of jobs until there is room."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.lab4.batches import WORKERS, holds, jobset
from tests.lab4.platforms import Enabled, Platform, until

#: Quota of each of the two queues, which lend each other what they do not use.
QUOTA = 200


@pytest.mark.level("4", "kueue", beside=("jobset",))
def test_sets_wait_for_room_and_a_borrower_gives_it_back(platform: Platform, enabled: Enabled) -> None:
    """Of two teams with a quota each: one set's need is one quota, the borrower's both."""
    queues = [flavor(), *queue("a"), *queue("b")]
    with enabled({"jobset": {}, "kueue": {}}), platform.applied(*queues):
        short = queued("first", "a", QUOTA, seconds=20)
        with platform.applied(short, queued("second", "a", QUOTA), queued("third", "a", QUOTA, seconds=1)):
            until("two to run, one on what team b does not need", lambda: len(admitted(platform)) == 2)
            assert len(workloads(platform)) == 3
            until("the first to complete", lambda: holds(platform, "jobset/first", "Completed"))
            until("the third to complete in its place", lambda: holds(platform, "jobset/third", "Completed"))
        with platform.applied(queued("borrower", "b", 2 * QUOTA)):
            until("the borrower to run", lambda: running(platform, "borrower") == WORKERS)
            with platform.applied(queued("owner", "a", QUOTA, seconds=10)):
                until("the owner to run", lambda: running(platform, "owner") == WORKERS)
                until("the borrower to stop", lambda: running(platform, "borrower") == 0)
                assert holds(platform, workload(platform, "borrower"), "Preempted")
                until("the owner to complete", lambda: holds(platform, "jobset/owner", "Completed"))
            until("the borrower to run again", lambda: running(platform, "borrower") == WORKERS)


def queued(name: str, team: str, cpu: int, seconds: int = 3600) -> dict[str, Any]:
    """A set of two workers that ask for so many thousandths of a CPU together."""
    labels = {"kueue.x-k8s.io/queue-name": team}
    return jobset(name, f"sleep {seconds}", replicas=WORKERS, cpu=cpu // WORKERS, labels=labels)


def flavor() -> dict[str, Any]:
    return of_kueue("ResourceFlavor", "any", {})


def queue(team: str) -> list[dict[str, Any]]:
    """A queue with a quota of its own, of which others may have what it does not need."""
    quota = [{"name": "cpu", "nominalQuota": f"{QUOTA}m"}]
    groups = [{"coveredResources": ["cpu"], "flavors": [{"name": "any", "resources": quota}]}]
    spec = {"cohortName": "teams", "namespaceSelector": {}, "resourceGroups": groups}
    preemption = {"reclaimWithinCohort": "Any"}
    local = of_kueue("LocalQueue", team, {"clusterQueue": team})
    local["metadata"]["namespace"] = "default"
    return [of_kueue("ClusterQueue", team, spec | {"preemption": preemption}), local]


def of_kueue(kind: str, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    version = "kueue.x-k8s.io/v1beta2"
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": dict(spec)}


def running(platform: Platform, name: str) -> int:
    """Pods of a set that run."""
    label, phase = f"jobset.sigs.k8s.io/jobset-name={name}", "--field-selector=status.phase=Running"
    return len(platform.kubectl_json("get", "pods", "-l", label, phase)["items"])


def workloads(platform: Platform) -> dict[str, dict[str, Any]]:
    """Kueue's own view, by the sets' names."""
    found = platform.kubectl_json("get", "workloads.kueue.x-k8s.io")["items"]
    return {one["metadata"]["ownerReferences"][0]["name"]: one for one in found}


def workload(platform: Platform, name: str) -> str:
    return f"workloads.kueue.x-k8s.io/{workloads(platform)[name]['metadata']['name']}"


def admitted(platform: Platform) -> set[str]:
    """Sets that may run now, or did."""
    return {name for name in workloads(platform) if holds(platform, workload(platform, name), "Admitted")}
