"""Bad input to a cluster that runs: refused at both doors, with nothing changed. Called by the tests of a live cluster.

`check_immutable(site)` and `check_second_owner(site)` leave site and cluster as they found them.
"""

import json
import shutil
import time
from typing import Any

import yaml

from tests.e2e.sites import Site, bundle

KIND = "clusterconfigurations.installer.slipway.dev"
#: Seconds the operator may take to look at a new ClusterConfiguration.
PATIENCE = 60.0
#: An immutable field, a value it does not have, and how a merge patch says so.
IMMUTABLE = {"spec": {"kubernetes": {"network": {"podCIDR": "10.112.0.0/16"}}}}
#: A Kubernetes of this release that is not the cluster's.
ANOTHER = "v1.36.3"
PATH = "spec.kubernetes.network.podCIDR"


def check_immutable(site: Site) -> None:
    """plan and apply refuse the edit and name the field; so does the API server; the live spec stays."""
    before = fingerprint(site)
    old = site.edit(IMMUTABLE)
    try:
        for command in ("plan", "apply"):
            done = site.slipway(command, "-b", str(bundle()), check=False)
            assert done.returncode == 3, (command, done.stdout, done.stderr)
            assert done.stderr.count(PATH) == 1, done.stderr
            assert "10.112.0.0/16" in done.stderr
            assert "10.244.0.0/16" in done.stderr
            assert "put the old value back" in done.stderr
            assert "nothing was changed" in done.stderr
        error = site.slipway_json("apply", "-b", str(bundle()), check=False)
        assert (error["error"], error["exitCode"]) == ("ConfigurationError", 3)
        assert [(one["path"], one["code"]) for one in error["findings"]] == [(PATH, "immutable")]
    finally:
        site.write(old)
    old = site.edit({"spec": {"kubernetes": {"version": ANOTHER}}})  # of which the bundle has nothing
    try:
        error = site.slipway_json("plan", "-b", str(bundle()), check=False)
        assert [(one["path"], one["code"]) for one in error["findings"]] == [
            ("spec.kubernetes.version", "immutable")
        ]
    finally:
        site.write(old)
    patch = json.dumps(IMMUTABLE)
    done = _kubectl(site, "patch", KIND, site.name, "--type", "merge", "-p", patch)
    assert done.returncode != 0
    assert "podCIDR" in done.stderr
    assert fingerprint(site) == before


def check_second_owner(site: Site) -> None:
    """A second ClusterConfiguration with hosts: the command line refuses it, the operator does not accept it."""
    before = fingerprint(site)
    old = site.document
    second = json.loads(json.dumps(old))
    second["metadata"]["name"] = "second"
    second["spec"]["modules"] = {}
    second["spec"]["kubernetes"].pop("profile", None)  # it needs the module operator
    kubeconfig = site.kubeconfig
    site.write(second)
    try:
        _refused_as_foreign(site)
        site.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copy2(kubeconfig, site.kubeconfig)
        _refused_as_second(site, old["metadata"]["name"])
    finally:
        shutil.rmtree(site.state, ignore_errors=True)
        site.write(old)
    text = yaml.safe_dump(second)
    applied = _kubectl(site, "apply", "-f", "-", stdin=text)
    try:
        assert applied.returncode == 0, applied.stderr
        condition = _wait_condition(site, "second", "Accepted")
        assert condition["status"] == "False", condition
        assert f"{site.name}" in condition["message"], condition
    finally:
        _kubectl(site, "delete", KIND, "second", "--wait=false")
    assert fingerprint(site) == before


def _refused_as_foreign(site: Site) -> None:
    """Without a kubeconfig the hosts tell: they carry the mark of the first."""
    error = site.slipway_json("apply", "-b", str(bundle()), check=False)
    assert error["exitCode"] == 4, error
    assert {one["code"] for one in error["findings"]} == {"foreign"}, error
    assert {one["path"] for one in error["findings"]} == {f"host/{name}" for name in site.roles}


def _refused_as_second(site: Site, owner: str) -> None:
    """With one the cluster tells."""
    done = site.slipway("apply", "-b", str(bundle()), check=False)
    assert done.returncode == 3, (done.stdout, done.stderr)
    assert done.stderr.count("spec.hosts") == 1, done.stderr
    assert f"belong to ClusterConfiguration slipway-system/{owner}" in done.stderr
    assert "nothing was changed" in done.stderr


def fingerprint(site: Site) -> dict[str, Any]:
    """What a change could not leave as it is: live spec, operations, records, nodes."""
    live = site.kubectl_json("-n", "slipway-system", "get", KIND, site.name)
    operations = site.kubectl_json("-n", "slipway-system", "get", "operations.installer.slipway.dev")
    records = site.kubectl_json("-n", "slipway-system", "get", "configmaps")["items"]
    nodes = site.kubectl_json("get", "nodes")["items"]
    return {
        "spec": live["spec"],
        "generation": live["metadata"]["generation"],
        "operations": sorted(item["metadata"]["name"] for item in operations["items"]),
        "records": {item["metadata"]["name"]: item.get("data") for item in records},
        "nodes": {node["metadata"]["name"]: node["spec"] for node in nodes},
    }


def _wait_condition(site: Site, name: str, kind: str) -> dict[str, Any]:
    until = time.monotonic() + PATIENCE
    live: dict[str, Any] = {}
    while time.monotonic() < until:
        live = site.kubectl_json("-n", "slipway-system", "get", KIND, name)
        for condition in live.get("status", {}).get("conditions", ()):
            if condition["type"] == kind:
                return dict(condition)
        time.sleep(0.5)
    raise AssertionError(f"no condition {kind} on {name} after {PATIENCE:.0f} s: {live.get('status')}")


def _kubectl(site: Site, *argv: str, stdin: str | None = None) -> Any:
    return site.kubectl("-n", "slipway-system", *argv, check=False, stdin=stdin)
