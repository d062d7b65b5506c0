"""The site registry on two hosts: filled from one another, pulled from whichever answers, cleaned up, taken away.

The tests of this file share a cluster and build on each other.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from slipway.bundle.registry.client import RegistryClient
from slipway.bundle.site.push import push
from tests.bundles import small_bundle
from tests.e2e.sites import Site, bundle
from tests.labs import lab_nodes

PLANE, FIRST, SECOND = NAMES = ("cp-1", "worker-1", "worker-2")
SYSTEMS = ("debian-12", "debian-13", "debian-12")
REGISTRY = "registry.slipway.internal"
DATA = "/var/lib/slipway-registry"
CONFLICT, APPROVAL = 5, 6


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with lab_nodes("replica", "10.183.8.0/24", len(NAMES), SYSTEMS, NAMES) as lab:
        found = Site(tmp_path_factory.mktemp("site"), lab, name="replica")
        found.edit({"spec": {"registry": {"host": FIRST}}})
        found.slipway("install", "-b", str(bundle()), "--yes", timeout=600)
        lab.egress_control()
        yield found


def client(site: Site, host: str) -> RegistryClient:
    """The push account at the registry of one host."""
    address = next(node.address for node in site.lab.nodes if node.name == host)
    user, _, password = (site.secrets / "slipway-registry/push").read_text().strip().partition(":")
    ca = site.secrets / "slipway-registry/ca.crt"
    return RegistryClient(f"https://{REGISTRY}:5001", ca, user, password, address)


def pull(site: Site, host: str, image: str) -> str:
    """Anew, by containerd, under the image's own name; what it said where it failed."""
    forget = (
        f"ctr -n k8s.io images rm {image} >/dev/null 2>&1; ctr -n k8s.io content prune references >/dev/null"
    )
    fetch = f"ctr -n k8s.io images pull --hosts-dir /etc/containerd/certs.d {image} 2>&1 >/dev/null"
    done = site.lab.ssh(host, ["sh", "-c", f"{forget}; {fetch}"], check=False)
    return done.stdout if done.returncode else ""


def steps(site: Site) -> dict[str, str]:
    """Step -> the host for which it waits; empty: for none."""
    return {
        step["id"]: (step.get("hold") or {}).get("where", "") for step in site.slipway_json("plan")["steps"]
    }


def not_ready(site: Site, name: str) -> None:
    path = "jsonpath={.status.conditions[?(@.type=='Ready')].status}"
    ended = time.monotonic() + 180
    while site.kubectl("get", "node", name, "-o", path).stdout != "Unknown":
        assert time.monotonic() < ended, f"{name} is Ready for ever"
        time.sleep(0.5)


BUSYBOX = "docker.io/library/busybox:1.37"


def test_a_replica_is_filled_from_the_registry_without_the_bundle(site: Site) -> None:
    site.edit({"spec": {"registry": {"replica": SECOND}}})
    planned = steps(site)
    assert {f"host/{SECOND}/registry", "mirror/replica/push"} <= planned.keys()
    assert "mirror/site/push" not in planned
    site.slipway("apply", "--yes", timeout=600)
    assert steps(site) == {}
    name, _, tag = BUSYBOX.rpartition(":")
    held = [client(site, host).head_manifest(name, tag) for host in (FIRST, SECOND)]
    assert held[0]
    assert held[0] == held[1]
    entries = site.lab.ssh(PLANE, ["getent", "ahostsv4", REGISTRY]).stdout.split()
    assert {node.address for node in site.lab.nodes if node.name != PLANE} <= set(entries)


def test_what_the_first_has_lost_is_pulled_from_the_replica(site: Site) -> None:
    name, _, tag = BUSYBOX.rpartition(":")
    digest = client(site, FIRST).head_manifest(name, tag)
    assert digest
    text, _ = client(site, FIRST).get_manifest(name, tag)
    layer = json.loads(text)["layers"][0]["digest"].removeprefix("sha256:")
    blob = f"{DATA}/docker/registry/v2/blobs/sha256/{layer[:2]}/{layer}/data"
    site.lab.ssh(FIRST, ["mv", blob, f"{blob}.lost"])
    try:
        assert pull(site, PLANE, BUSYBOX) == ""
    finally:
        site.lab.ssh(FIRST, ["mv", f"{blob}.lost", blob])


def test_a_site_lives_on_while_the_registry_s_host_is_down(site: Site) -> None:
    site.lab.kill(FIRST)
    assert pull(site, PLANE, BUSYBOX) == ""
    not_ready(site, FIRST)  # until then the scheduler takes it for one that can run the module's pod
    site.edit({"spec": {"modules": {"welcome": {"enabled": True}}}})
    assert steps(site)["mirror/site/push"] == f"host/{FIRST}"
    done = site.slipway("apply", "-o", "json", check=False, timeout=600)
    outcomes = {step["step"]: step["outcome"] for step in json.loads(done.stdout)["steps"]}
    assert outcomes["module/welcome/apply"] == "succeeded", (done.stdout, done.stderr)
    site.lab.start(FIRST)
    site.lab.wait(FIRST)
    site.slipway("apply", "--yes", timeout=600)
    assert steps(site) == {}


def test_a_registry_that_lost_everything_is_filled_from_its_replica(site: Site) -> None:
    site.lab.ssh(FIRST, ["sh", "-c", f"rm -rf {DATA}/docker"])
    assert steps(site).keys() == {"mirror/site/push"}
    site.slipway("apply", "--yes", timeout=600)
    assert steps(site) == {}
    assert pull(site, PLANE, BUSYBOX) == ""


def test_what_only_a_former_bundle_brought_is_cleaned_up_where_it_is(site: Site, tmp_path: Path) -> None:
    small_bundle(tmp_path / "small", size=3_000_000)
    registry = client(site, FIRST)
    push(tmp_path / "small", registry)
    push(bundle(), registry)
    refused = site.slipway("registry", "gc", check=False)
    assert refused.returncode == APPROVAL
    assert "- image registry.test/group/first:v1" in refused.stdout
    assert f"{SECOND}: nothing but the current bundle" in refused.stdout
    lock = '{"format": 1, "holder": "somebody@else", "epoch": 1000, "expires": %s}'
    write = f"printf '{lock}\\n' $(($(date +%s) + 8)) >/var/lib/slipway/lock.json"
    site.lab.ssh(SECOND, ["sh", "-c", write])
    waited = site.slipway("registry", "gc", "--yes", check=False)
    assert (waited.returncode, "somebody@else" in waited.stderr) == (CONFLICT, True), waited.stderr
    assert registry.tags("registry.test/group/first") != ()
    done = site.slipway_json("registry", "gc", "--yes")
    swept = {one["host"]: one for one in done["swept"]}
    assert swept[FIRST]["manifests"] > 0
    assert swept[FIRST]["before"] - swept[FIRST]["after"] > 3 * 3000
    assert registry.tags("registry.test/group/first") == ()
    registry.ping()  # pushes go on
    assert push(bundle(), registry).bytes == 0
    assert "nothing but the current bundle" in site.slipway("registry", "gc").stdout
    assert pull(site, PLANE, BUSYBOX) == ""


def test_a_replica_that_is_wanted_no_more_goes_and_its_blobs_stay(site: Site) -> None:
    site.edit({"spec": {"registry": {"replica": None}}})
    site.slipway("apply", "--yes", timeout=600)
    assert steps(site) == {}
    left = (
        "systemctl list-unit-files 'slipway-registry*' --no-legend; ls -d /etc/slipway-registry; ls " + DATA
    )
    assert site.lab.ssh(SECOND, ["sh", "-c", f"{left} 2>/dev/null"]).stdout.split() == ["docker"]
    assert pull(site, PLANE, BUSYBOX) == ""


def test_nothing_was_sent_beyond_the_site(site: Site) -> None:
    egress = site.lab.egress()
    assert (egress.packets, egress.names) == (0, {})
