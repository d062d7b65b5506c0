"""One host of a site is down: the others finish, what is left is that host's alone, and goes on when it is back.

The tests of this file share a cluster and build on each other.
"""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.killing import events
from tests.e2e.sites import Site, bundle
from tests.labs import lab_nodes

PLANE, STAYS, LOST = "cp-1", "worker-1", "worker-2"
NAMES = (PLANE, STAYS, LOST)
SYSTEMS = ("debian-12", "debian-13", "debian-12")
HELD_BACK, REFUSED = 1, 4
SYSTEM = "slipway-system"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with lab_nodes("down", "10.183.7.0/24", len(NAMES), SYSTEMS, NAMES) as lab:
        yield Site(tmp_path_factory.mktemp("site"), lab, name="down")


def until(what: str, condition: Callable[[], Any], seconds: float = 180) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.3)
    return found


def outcomes(result: dict[str, Any]) -> dict[str, set[str]]:
    """Outcome -> targets of steps that ended so."""
    found: dict[str, set[str]] = {}
    for step in result["steps"]:
        found.setdefault(step["outcome"], set()).add(step["step"].split("/")[1])
    return found


def ready(site: Site) -> dict[str, Any]:
    """The Ready condition, of the newest generation."""
    live = site.kubectl_json("-n", SYSTEM, "get", "cc", site.name)
    status = live.get("status", {})
    if status.get("observedGeneration") != live["metadata"]["generation"]:
        return {}
    return next((dict(one) for one in status["conditions"] if one["type"] == "Ready"), {})


def left_of_one(site: Site, host: str) -> None:
    """What a plan holds is all of that host, and waits for it; an apply has nothing to do and says so."""
    plan = site.slipway_json("plan")
    assert {step["target"] for step in plan["steps"]} == {host}
    assert {step["hold"]["where"] for step in plan["steps"]} == {f"host/{host}"}
    shown = site.slipway("plan", "--detailed-exitcode", check=False)
    assert shown.returncode == 2
    assert f"host {host} does not answer: {len(plan['steps'])} steps held back" in shown.stdout
    before = site.operations()
    refused = site.slipway("apply", check=False)
    assert refused.returncode == REFUSED, (refused.stdout, refused.stderr)
    assert f"host {host} does not answer" in refused.stderr
    assert "nothing was changed" in refused.stderr
    assert site.operations() == before


def not_ready(site: Site) -> None:
    path = "jsonpath={.status.conditions[?(@.type=='Ready')].status}"
    until("its node NotReady", lambda: site.kubectl("get", "node", LOST, "-o", path).stdout == "Unknown")


def back(site: Site, host: str) -> None:
    site.lab.start(host)
    site.lab.wait(host)


def test_a_fresh_install_leaves_out_a_host_that_is_down(site: Site) -> None:
    site.lab.kill(LOST)
    done = site.slipway("install", "-b", str(bundle()), "--yes", "-o", "json", check=False, timeout=600)
    assert done.returncode == HELD_BACK, (done.stdout, done.stderr)
    result = json.loads(done.stdout)
    assert result["outcome"] == "blocked"
    assert set(outcomes(result)) == {"succeeded", "blocked"}
    assert outcomes(result)["blocked"] == {LOST}
    held = next(step["failure"] for step in result["steps"] if step["outcome"] == "blocked")
    assert (held["what"], held["where"]) == (f"host {LOST} does not answer", f"host/{LOST}")
    assert held["why"]
    assert f"slipway host forget {LOST}" in held["hint"]
    nodes = site.kubectl_json("get", "nodes")["items"]
    assert {node["metadata"]["name"] for node in nodes} == {PLANE, STAYS}
    left_of_one(site, LOST)


def test_the_operator_names_it_and_goes_on_when_it_is_back(site: Site) -> None:
    condition = until("a word on it", lambda: ready(site).get("reason") == "HostsUnreachable" and ready(site))
    assert condition["status"] == "False"
    assert f"host {LOST} does not answer" in condition["message"]
    live = site.kubectl_json("-n", SYSTEM, "get", "cc", site.name)
    phases = {host["name"]: host["phase"] for host in live["status"]["hosts"]}
    assert phases[LOST] == "Unreachable"
    assert phases[STAYS] == "Ready"
    assert site.kubectl_json("-n", SYSTEM, "get", "operations.installer.slipway.dev")["items"] == []
    back(site, LOST)
    until("Ready", lambda: ready(site).get("status") == "True", 400)
    assert site.slipway_json("plan")["steps"] == []


def test_an_edit_reaches_the_others_and_a_module_is_switched_on(site: Site) -> None:
    """Handed to the operator, which ends in the same way."""
    site.lab.kill(LOST)
    not_ready(site)  # until then the scheduler takes it for one that can run the module's pod
    edit = {
        "hosts": {"defaults": {"journald": {"maxUse": "200M"}}},
        "modules": {"welcome": {"enabled": True}},
    }
    site.edit({"spec": edit})
    done = site.slipway("apply", check=False, timeout=400)
    assert done.returncode == HELD_BACK, (done.stdout, done.stderr)
    assert f"host {LOST} does not answer" in done.stdout
    for name in (PLANE, STAYS):
        assert "200M" in site.lab.ssh(name, ["cat", "/etc/systemd/journald.conf.d/60-slipway.conf"]).stdout
    pods = site.kubectl("get", "pods", "-n", "welcome", "-o", "name").stdout
    assert pods
    left_of_one(site, LOST)
    back(site, LOST)
    site.slipway("apply", timeout=400)
    assert site.slipway_json("plan")["steps"] == []
    assert "200M" in site.lab.ssh(LOST, ["cat", "/etc/systemd/journald.conf.d/60-slipway.conf"]).stdout


def test_one_that_dies_in_the_middle_of_a_run_is_named_and_stops_nobody(site: Site) -> None:
    scale = ["-n", SYSTEM, "scale", "deployment/slipway-operator"]
    site.kubectl(*scale, "--replicas=0")
    pods = ["-n", SYSTEM, "get", "pods", "-l", "app.kubernetes.io/name=slipway-operator", "-o", "name"]
    until("the operator to go", lambda: not site.kubectl(*pods).stdout.strip(), 90)
    settings = {"journald": {"maxUse": "300M"}, "sysctl": {"net.ipv4.tcp_keepalive_time": "1234"}}
    site.edit({"spec": {"hosts": {"defaults": settings}}})
    known = set(site.operations())
    process = site.start("apply", "-o", "json")
    try:
        until("its first step", lambda: begun(site, known, f"host/{LOST}/node_prepare"))
        site.lab.kill(LOST)
        out, err = process.communicate(timeout=400)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 1, (out, err)
    result = json.loads(out)
    assert result["outcome"] == "failed"
    assert outcomes(result)["failed"] == {LOST}
    assert {PLANE, STAYS} <= outcomes(result)["succeeded"]
    assert not {PLANE, STAYS} & outcomes(result).get("blocked", set())
    failed = [step["failure"] for step in result["steps"] if step["outcome"] == "failed"]
    assert all(failure["where"].startswith(f"host/{LOST}") for failure in failed)
    mended = site.slipway(
        "apply", "--refresh", "--yes", check=False, timeout=400
    )  # the operator was scaled by hand
    assert mended.returncode == HELD_BACK, (mended.stdout, mended.stderr)
    assert "module/operator/apply" in mended.stderr
    left_of_one(site, LOST)
    back(site, LOST)
    site.slipway("apply", timeout=400)
    assert site.slipway_json("plan")["steps"] == []


def begun(site: Site, known: set[str], step: str) -> bool:
    return any(
        event["kind"] == "step-started" and event["step"] == step
        for operation in set(site.operations()) - known
        for event in events(site, operation)
    )


def test_one_that_is_gone_for_good_is_taken_out_and_forgotten(site: Site) -> None:
    site.lab.kill(LOST)

    def leave(document: dict[str, Any]) -> None:
        hosts = document["spec"]["hosts"]
        hosts["items"] = [item for item in hosts["items"] if item["name"] != LOST]

    site.edit(leave)
    done = site.slipway("apply", "--yes", check=False)
    assert done.returncode == HELD_BACK, (done.stdout, done.stderr)
    assert f"if it is gone for good: slipway host forget {LOST}" in done.stdout
    site.slipway("host", "forget", LOST, "--yes")
    assert site.kubectl("get", "node", LOST, check=False).returncode == 1
    assert site.slipway_json("plan")["steps"] == []
