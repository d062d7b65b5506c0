"""The main job on one site, told in order: three control planes joined through kills, then everything a user edits.

The tests of this file share a cluster and build on each other; each leaves it healthy. A bundle directory of its own is
deleted after the install, so all that follows comes from the site registry.
"""

import base64
import json
import shutil
import time
from collections.abc import Callable, Iterator
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway.lab import keys
from tests.e2e import live_refusals
from tests.e2e.benchmark import failures
from tests.e2e.killing import begun, events, kill_at, repeated, some_seconds
from tests.e2e.sites import BUILT, Site, bundle
from tests.labs import lab_nodes
from tests.planted import Listing, Plants, cluster_texts, file_texts, memory_texts

NAMES = ("cp-1", "cp-2", "cp-3", "worker-1", "worker-2")
SYSTEMS = ("debian-12", "debian-12", "debian-13", "debian-13", "debian-12")
ROLES = {
    "cp-1": ["control-plane"],
    "cp-2": ["control-plane"],
    "cp-3": ["control-plane"],
    "worker-1": ["worker"],
}
MODULES = {"flannel", "local-path-provisioner", "metrics-server", "operator"}
NAMESPACE = "slipway-system"
INSECURE = "ssl._create_unverified_context()"
VIP = "10.79.0.5"
#: Not the tenth address of the service range, which kubeadm would choose.
DNS = "10.96.0.53"
SERVICES, PODS = ip_network("10.96.0.0/16"), ip_network("10.244.0.0/16")

#: Seconds that the longest tests may take where everything takes four times what it takes on a quiet machine.
SLOW = 1800
#: Where the install is killed, and how many seconds into the step at most. The module comes before the second control
#: plane: both wait for the first one alone, and of the two the join is by far the longer, so it is never over before.
KILLS = (
    ("host/worker-1/registry", 1.0),
    ("mirror/site", 1.0),
    ("host/cp-2/node_prepare", 3.0),
    ("host/worker-1/container_runtime", 3.0),
    ("host/cp-1/kubernetes_control_plane", 8.0),
    ("module/flannel", 2.0),
    ("host/cp-2/kubernetes_control_plane", 8.0),
)


@pytest.fixture(scope="module")
def listing() -> Iterator[Listing]:
    """What `ps` shows while all of this happens."""
    with Listing() as listing:
        yield listing


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, listing: Listing) -> Iterator[Site]:
    with lab_nodes("e2e", "10.79.0.0/24", len(NAMES), SYSTEMS, NAMES) as lab:
        lab.egress_control()
        made = Site(tmp_path_factory.mktemp("site"), lab, name="e2e", roles=ROLES)
        endpoint = {"loadBalancer": "keepalived", "vip": VIP}
        # Not on a control plane: any of those may die.
        hardened = {"profile": "cis", "encryptSecrets": True}
        kubernetes = {"endpoint": endpoint, "network": {"dnsAddress": DNS}, **hardened}
        made.edit({"spec": {"kubernetes": kubernetes, "registry": {"host": "worker-1"}}})
        plant(made)
        yield made


def plant(site: Site) -> None:
    """Secrets of a site's own, besides those that Slipway makes: a password of sudo, a registry's, one host's key."""
    site.put_secret("ops/sudo", "Planted-sudo-\"q'\\&%-Word\n")
    site.put_secret("private/pull", "robot:Planted-registry-\"q'\\&%-Word")
    public = keys.ensure(site.directory / "own", "of worker-1 alone")
    site.put_secret("own/key", (site.directory / "own").read_text())
    (site.directory / "own").unlink()
    site.lab.ssh("worker-1", ["tee", "-a", "/root/.ssh/authorized_keys"], stdin=f"{public}\n")

    def change(document: dict[str, Any]) -> None:
        hosts = document["spec"]["hosts"]
        hosts["ssh"] = {"become": {"secretRef": {"name": "ops", "key": "sudo"}}}
        registry = {"name": "private.example.org", "credentialsRef": {"name": "private", "key": "pull"}}
        hosts["defaults"]["runtime"]["registries"] = [registry]
        hosts["groups"] = {"own": {"ssh": {"secretRef": {"name": "own", "key": "key"}}}}
        next(item for item in hosts["items"] if item["name"] == "worker-1")["groups"] = ["own"]

    site.edit(change)


def until(what: str, condition: Callable[[], Any], seconds: float = 180) -> Any:
    """Wait for it; say what it was when it does not come."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.2)
    return found


def live(site: Site) -> dict[str, Any]:
    return site.kubectl_json("-n", NAMESPACE, "get", "cc", site.name)


def condition(site: Site, kind: str) -> str:
    """A condition of the newest generation; Unknown while the operator has not looked at it."""
    found = live(site)
    status = found.get("status", {})
    if status.get("observedGeneration") != found["metadata"]["generation"]:
        return "Unknown"
    return next((c["status"] for c in status.get("conditions", []) if c["type"] == kind), "Unknown")


def asked_of(site: Site, namespace: str, name: str) -> str:
    """The digest of the plan that waits for a yes; empty: none does."""
    status = site.kubectl_json("-n", namespace, "get", "cc", name).get("status", {})
    ready = next((one for one in status.get("conditions", []) if one["type"] == "Ready"), {})
    waits = ready.get("reason") == "AwaitingApproval"
    return str(status["operation"]["plan"]) if waits else ""


def settled(site: Site) -> None:
    until(
        "Ready", lambda: condition(site, "Ready") == "True" and condition(site, "Reconciling") == "False", 300
    )


def records(site: Site) -> dict[str, dict[str, Any]]:
    found = site.kubectl_json("-n", NAMESPACE, "get", "configmaps", "-l", "installer.slipway.dev/module")
    decoded = [json.loads(item["data"]["record"]) for item in found["items"]]
    return {record["name"]: record for record in decoded}


def phases(site: Site) -> dict[str, str]:
    return {name: record["phase"] for name, record in records(site).items()}


def steps(result: dict[str, Any]) -> list[str]:
    return sorted(step["step"] for step in result["steps"])


def planned(site: Site, *argv: str) -> list[str]:
    return sorted(step["id"] for step in site.slipway_json("plan", *argv)["steps"])


def operator_pod(site: Site) -> str:
    found = site.kubectl(
        "-n", NAMESPACE, "get", "pods", "-l", "app.kubernetes.io/name=slipway-operator", "-o", "name"
    )
    return found.stdout.strip()


@pytest.mark.timeout(SLOW)
def test_an_install_survives_kills_and_repeats_nothing(site: Site, tmp_path: Path) -> None:
    own = tmp_path / "bundle"
    shutil.copytree(bundle(), own, copy_function=shutil.copy2)
    operations = [
        kill_at(site, point, "install", "-b", str(own), "--yes", after=some_seconds(most))
        for point, most in KILLS
    ]
    until("the last run's processes to be gone", lambda: not site.processes(), 10)
    site.slipway("install", "-b", str(own), "--yes", timeout=600)
    assert not list(repeated(site, [*operations, site.operations()[0]]))
    shutil.rmtree(own)


@pytest.mark.level("4", "flannel")
def test_the_cluster_serves(site: Site) -> None:
    settled(site)
    nodes = site.kubectl_json("get", "nodes")["items"]
    assert {node["metadata"]["name"] for node in nodes} == set(ROLES)
    members = site.kubectl(
        "-n", "kube-system", "get", "pods", "-l", "component=etcd", "-o", "name"
    ).stdout.split()
    assert len(members) == 3
    assert phases(site) == dict.fromkeys(MODULES, "Healthy")
    pod = ["run", "ask", "--image=docker.io/library/busybox:1.37", "--restart=Never", "--command", "--"]
    site.kubectl(*pod, "nslookup", "kubernetes.default.svc.cluster.local")
    until("an answer of DNS", lambda: "10.96.0.1" in site.kubectl("logs", "ask", check=False).stdout)
    assert DNS in site.kubectl("logs", "ask").stdout
    site.kubectl("delete", "pod", "ask", "--wait=false")


def test_it_is_hardened_as_its_profile_says(site: Site) -> None:
    """And each kubelet serves by a certificate that the operator had signed."""
    for node, roles in ROLES.items():
        assert failures(site, node, control_plane="control-plane" in roles) == {}, node
    pod = {"metadata": {"name": "reaching"}, "spec": {"hostNetwork": True, "containers": []}}
    pod["spec"]["containers"] = [{"name": "c", "image": "docker.io/library/busybox:1.37"}]
    refused = site.kubectl(
        "create", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "Pod", **pod}), check=False
    )
    assert "violates PodSecurity" in refused.stderr
    site.kubectl("create", "secret", "generic", "planted", "--from-literal=word=s3cret-planted")
    stored = site.lab.ssh("cp-2", ["grep", "-c", "k8s:enc:secretbox:v1:key1:", "-r", "/var/lib/etcd/member"])
    assert stored.stdout
    assert (
        site.lab.ssh("cp-2", ["grep", "-rl", "s3cret-planted", "/var/lib/etcd/member"], check=False).stdout
        == ""
    )
    assert site.kubectl("get", "secret", "planted", "-o", "jsonpath={.data.word}").stdout
    site.kubectl("delete", "secret", "planted")


def test_nothing_edited_costs_nothing(site: Site) -> None:
    result = site.slipway_json("apply")
    counts = result["counts"]
    assert (counts["planned"], counts["ansible_runs"], counts["helm_calls"], counts["api_writes"]) == (
        0,
        0,
        0,
        0,
    )
    assert site.slipway("plan", "--detailed-exitcode").returncode == 0


def test_a_module_is_enabled_edited_and_disabled_alone(site: Site) -> None:
    site.edit({"spec": {"modules": {"welcome": {"enabled": True}}}})
    enabled = site.slipway_json("apply")
    assert steps(enabled) == ["module/welcome/apply"]
    assert phases(site)["welcome"] == "Healthy"

    before = {name: record["revision"] for name, record in records(site).items()}
    site.edit({"spec": {"modules": {"welcome": {"settings": {"greeting": "hello again"}}}}})
    edited = site.slipway_json("apply")
    assert steps(edited) == ["module/welcome/apply"]
    assert edited["counts"]["helm_calls"] == enabled["counts"]["helm_calls"]
    assert {n for n, r in records(site).items() if r["revision"] != before[n]} <= {"welcome"}

    site.edit({"spec": {"modules": {"welcome": None}}})
    gone = site.slipway_json("apply")
    assert steps(gone) == ["module/welcome/remove"]
    assert "welcome" not in phases(site)
    assert not site.kubectl("get", "pods", "-n", "welcome", "-o", "name").stdout


def test_a_team_has_a_platform_of_its_own_beside_the_clusters(site: Site) -> None:
    """With kubectl alone, as somebody who may do nothing else."""
    team, ann = "team-a", "--as=ann"
    site.edit({"spec": {"modules": {"operator": {"settings": {"namespaces": [team]}}}}})
    site.slipway("apply", "--yes")
    settled(site)
    site.kubectl("create", "namespace", team)
    site.kubectl("-n", team, "create", "rolebinding", "platform", "--clusterrole=slipway-team", "--user=ann")
    document = {
        "apiVersion": "installer.slipway.dev/v1alpha1",
        "kind": "ClusterConfiguration",
        "metadata": {"name": "platform", "namespace": team},
        "spec": {"modules": {"welcome": {"enabled": True, "settings": {"persistence": True}}}},
    }
    site.kubectl("apply", ann, "--server-side", "-f", "-", stdin=json.dumps(document))
    site.kubectl(
        "wait", ann, "-n", team, "--for=condition=Ready", "cc/platform", "--timeout=180s", timeout=200
    )
    welcome = records(site)["welcome"]
    assert (welcome["owner"], welcome["phase"]) == (f"{team}/platform", "Healthy")
    assert welcome["requires"] == ["local-path-provisioner"]
    assert "forbidden" in site.kubectl("delete", ann, "-n", NAMESPACE, "cc", site.name, check=False).stderr
    assert {entry["name"] for entry in live(site)["status"]["modules"]} == MODULES
    assert planned(site) == []

    site.edit({"spec": {"modules": {"local-path-provisioner": {"enabled": False}}}})
    refused = site.slipway("apply", "--yes", check=False)
    assert f"module welcome of ClusterConfiguration {team}/platform requires" in refused.stderr
    site.edit({"spec": {"modules": {"local-path-provisioner": {"enabled": True}}}})

    off = json.dumps({"spec": {"modules": {"welcome": {"enabled": False}}}})
    site.kubectl("patch", ann, "-n", team, "cc", "platform", "--type=merge", "-p", off)
    # Its page lies on a claim, which goes with it: the team itself agrees to that.
    plan = until("the removal to ask", lambda: asked_of(site, team, "platform"))
    approval = f"installer.slipway.dev/approve={plan}"
    site.kubectl("annotate", ann, "-n", team, "cc", "platform", approval)
    until("welcome to be gone", lambda: "welcome" not in phases(site), 120)
    site.kubectl("delete", ann, "-n", team, "cc", "platform")
    site.kubectl("delete", "namespace", team, "--wait=false")
    assert planned(site) == []


def test_a_label_touches_one_node_and_goes_again(site: Site) -> None:
    def label(document: dict[str, Any], value: dict[str, str] | None) -> None:
        item = next(i for i in document["spec"]["hosts"]["items"] if i["name"] == "worker-1")
        item["settings"] = {"labels": value} if value else {}

    site.edit(lambda document: label(document, {"gpu": "true"}))
    assert planned(site, "--no-refresh") == ["node/worker-1/metadata", "settings/e2e/apply"]
    result = site.slipway_json("apply")
    assert result["counts"]["ansible_runs"] == 0
    assert site.kubectl("get", "nodes", "-l", "gpu=true", "-o", "name").stdout.split() == ["node/worker-1"]
    site.edit(lambda document: label(document, None))
    site.slipway("apply")
    assert not site.kubectl("get", "nodes", "-l", "gpu=true", "-o", "name").stdout


def test_a_file_changed_by_hand_is_shown_and_mended(site: Site) -> None:
    path = "/etc/containerd/config.toml"
    site.lab.ssh("worker-1", ["sh", "-c", f"echo '# by hand' >>{path}"])
    found = site.slipway_json("plan")["steps"]
    mending = {"node/worker-1/drain", "host/worker-1/container_runtime", "node/worker-1/uncordon"}
    mending.add("node/worker-1/metadata")
    assert {step["id"] for step in found} == mending
    runtime = next(step for step in found if step["id"].startswith("host/"))
    assert path in runtime["reasons"][0]["text"]
    assert set(steps(site.slipway_json("apply", "--refresh", "--yes"))) == mending
    assert "by hand" not in site.lab.ssh("worker-1", ["cat", path]).stdout
    assert planned(site) == []


@pytest.mark.level("4", "operator")
def test_an_operator_killed_in_the_middle_is_followed_by_another(site: Site) -> None:
    patch = {"spec": {"modules": {"welcome": {"enabled": True, "settings": {"replicas": 2}}}}}
    site.kubectl("-n", NAMESPACE, "patch", "cc", site.name, "--type", "merge", "-p", json.dumps(patch))
    until("an intent", lambda: (records(site).get("welcome") or {}).get("intent"), 60)
    site.kubectl("-n", NAMESPACE, "delete", operator_pod(site), "--force", "--grace-period=0")
    until("welcome to be Healthy", lambda: phases(site).get("welcome") == "Healthy", 240)
    settled(site)
    off = {"spec": {"modules": {"welcome": {"enabled": False}}}}
    site.kubectl("-n", NAMESPACE, "patch", "cc", site.name, "--type", "merge", "-p", json.dumps(off))
    until("welcome to be gone", lambda: "welcome" not in phases(site), 120)
    settled(site)


def test_a_toggle_without_an_operator_survives_kills(site: Site) -> None:
    """The operator is away, so the command line does it all, and is killed three times on the way."""
    scale = ["-n", NAMESPACE, "scale", "deployment/slipway-operator"]
    site.kubectl(*scale, "--replicas=0")
    until("the operator to go", lambda: not operator_pod(site), 90)
    site.edit({"spec": {"modules": {"welcome": {"enabled": True, "settings": {}}}}})
    refused = site.slipway("apply", check=False)
    assert refused.returncode == 5
    assert "spec.modules.welcome.enabled: is False in the cluster, set by kubectl-patch" in refused.stderr
    forced = ("apply", "--yes", "--force-conflicts")
    # At once, before Helm has begun; then while it works. Later and there is nothing left to kill.
    operations = [
        kill_at(site, "module/welcome", *forced, after=seconds) for seconds in (0.0, some_seconds(0.6))
    ]
    site.slipway("apply", "--yes")
    assert phases(site)["welcome"] == "Healthy"
    site.edit({"spec": {"modules": {"welcome": {"enabled": False, "settings": {}}}}})
    operations.append(kill_at(site, "module/welcome", "apply", "--yes", after=some_seconds(0.5)))
    site.slipway("apply", "--yes")
    assert "welcome" not in phases(site)
    assert len(operations) == 3
    site.kubectl(*scale, "--replicas=1")
    until("the operator to be back", lambda: operator_pod(site), 90)
    settled(site)


@pytest.mark.timeout(SLOW)
def test_a_flag_of_the_api_server_is_rolled_host_by_host_through_a_kill(site: Site) -> None:
    """Killed with one control plane done and the second begun; edited then: what was begun is put back first."""
    site.kubectl("-n", NAMESPACE, "scale", "deployment/slipway-operator", "--replicas=0")
    until("the operator to go", lambda: not operator_pod(site), 90)
    site.edit(_inflight("333"))
    wanted = [f"host/cp-{n}/kubernetes_control_plane" for n in (1, 2, 3)]
    assert [step for step in planned(site, "--no-refresh") if step.startswith("host/")] == wanted
    kill_at(site, "host/cp-2/kubernetes_control_plane", "apply", "--yes", after=some_seconds(12.0))
    site.lab.ssh("cp-2", ["pkill", "-9", "-f", "slipway_kubeadm"], check=False)
    assert "--max-requests-inflight=333" in _api_arguments(site, "cp-1")
    site.edit(_inflight("444"))
    site.slipway("apply", "--yes", timeout=600)
    for node in ("cp-1", "cp-2", "cp-3"):
        assert "--max-requests-inflight=444" in _api_arguments(site, node)
    site.kubectl("-n", NAMESPACE, "scale", "deployment/slipway-operator", "--replicas=1")
    until("the operator to be back", lambda: operator_pod(site), 90)
    settled(site)


def _inflight(number: str) -> dict[str, Any]:
    return {"spec": {"kubernetes": {"apiServer": {"extraArgs": {"max-requests-inflight": number}}}}}


def _api_arguments(site: Site, node: str) -> list[str]:
    """Of the API server that runs there; none while none does."""
    look = ["sh", "-c", "tr '\\0' '\\n' < /proc/$(pgrep -x kube-apiserver)/cmdline"]
    return site.lab.ssh(node, look, check=False).stdout.split()


def test_an_added_host_costs_one_host_and_is_finished_by_another_machine(site: Site, tmp_path: Path) -> None:
    """Begun here, killed, and continued elsewhere with only cluster.yaml, secrets and the site registry."""
    node = next(node for node in site.lab.nodes if node.name == "worker-2")
    item = {"name": node.name, "address": node.address, "roles": ["worker"]}
    site.edit(lambda document: document["spec"]["hosts"]["items"].append(item))
    assert {s.split("/")[1] for s in planned(site, "--no-refresh")} == {"worker-2", "e2e"}
    site.kubectl("-n", NAMESPACE, "scale", "deployment/slipway-operator", "--replicas=0")
    until("the operator to go", lambda: not operator_pod(site), 90)
    first = kill_at(site, "host/worker-2/container_runtime", "apply", after=some_seconds(2.0))
    other = site.elsewhere(tmp_path / "elsewhere")
    result = other.slipway_json("apply", timeout=400)
    assert result["outcome"] == "succeeded"
    assert {step.split("/")[1] for step in steps(result)} <= {"worker-2", "e2e"}
    assert "host/worker-2/node_prepare" in begun(events(site, first))
    assert "host/worker-2/node_prepare" not in steps(result)
    until("worker-2 Ready", lambda: "True" in _ready(site, "worker-2"))
    site.kubectl("-n", NAMESPACE, "scale", "deployment/slipway-operator", "--replicas=1")
    until("the operator to be back", lambda: operator_pod(site), 90)
    settled(site)


def _ready(site: Site, node: str) -> str:
    path = "jsonpath={.status.conditions[?(@.type=='Ready')].status}"
    return site.kubectl("get", "node", node, "-o", path).stdout


def test_a_removed_host_leaves_the_cluster_and_is_reset(site: Site) -> None:
    def leave(document: dict[str, Any]) -> None:
        hosts = document["spec"]["hosts"]
        hosts["items"] = [item for item in hosts["items"] if item["name"] != "worker-2"]

    site.edit(leave)
    refused = site.slipway("apply", check=False)
    assert refused.returncode == 6
    assert "node/worker-2/remove" in refused.stderr
    site.slipway("apply", "--yes", timeout=400)
    assert site.kubectl("get", "node", "worker-2", check=False).returncode == 1
    look = "ls /etc/kubernetes /var/lib/slipway/*.json 2>/dev/null; pgrep kubelet || true"
    left = site.lab.ssh("worker-2", ["sh", "-c", look]).stdout.split()
    assert set(left) <= {
        "/var/lib/slipway/lock.json"
    }  # the epoch stays: a late step of an older run is refused
    settled(site)


def test_the_control_plane_that_has_the_address_may_die(site: Site) -> None:
    """Its neighbours serve at the same address, and what is edited meanwhile is done: a host joins, a module comes."""
    lost = holder(site)
    assert lost == "cp-1", "the first, which made the cluster and lets others join: the worst to lose"
    site.lab.kill(lost)
    until("the API to answer at its address", lambda: answers(site), 15)
    node = next(node for node in site.lab.nodes if node.name == "worker-2")

    def grow(document: dict[str, Any]) -> None:
        hosts, modules = document["spec"]["hosts"], document["spec"].setdefault("modules", {})
        hosts["items"].append({"name": node.name, "address": node.address, "roles": ["worker"]})
        hosts["defaults"]["labels"] = {"site": "one"}
        modules["welcome"] = {"enabled": True}

    before = site.edit(grow)
    result = site.slipway_json("apply", timeout=400)
    assert result["outcome"] == "succeeded", result
    labelled = site.kubectl("get", "nodes", "-l", "site=one", "-o", "name").stdout.split()
    assert set(labelled) == {f"node/{name}" for name in (*ROLES, node.name)}
    until("worker-2 Ready", lambda: "True" in _ready(site, node.name))
    assert phases(site)["welcome"] == "Healthy"
    a_restart_would_cost_the_quorum(site, lost)
    site.lab.start(lost)
    until(f"{lost} to have the address again", lambda: holder(site) == lost, 180)
    until(f"{lost} Ready", lambda: "True" in _ready(site, lost))
    settled(site)
    site.write(before)
    site.slipway("apply", "--yes", timeout=400)
    settled(site)


def a_restart_would_cost_the_quorum(site: Site, lost: str) -> None:
    """Of three members of etcd two are left: a flag of all API servers waits, whole."""
    old = site.edit(_inflight("555"))
    plan = site.slipway_json("plan")
    site.write(old)
    planes = {step["target"]: step["hold"] for step in plan["steps"] if step["kind"] == "host"}
    assert planes.pop(lost)["where"] == f"host/{lost}"
    assert set(planes) == {name for name, roles in ROLES.items() if "control-plane" in roles} - {lost}
    assert {hold["where"] for hold in planes.values()} == {"etcd"}
    assert not any(step["hold"] for step in plan["steps"] if step["kind"] == "settings")


def holder(site: Site) -> str:
    """The control plane that carries the API's address; empty in between."""
    look = ["ip", "-oneline", "address", "show", "to", f"{VIP}/32"]
    planes = (name for name, roles in ROLES.items() if "control-plane" in roles)
    return next((name for name in planes if VIP in site.lab.ssh(name, look, check=False).stdout), "")


def answers(site: Site) -> bool:
    """Whether a worker reaches the API by its name."""
    url = f"https://api.{site.name}.internal:6443/readyz"
    ask = f"import ssl, urllib.request as u; print(u.urlopen('{url}', timeout=3, context={INSECURE}).read())"
    return "ok" in site.lab.ssh("worker-1", ["python3", "-c", ask], check=False).stdout


def test_what_a_live_cluster_refuses(site: Site) -> None:
    live_refusals.check_immutable(site)
    live_refusals.check_second_owner(site)
    settled(site)


def test_the_next_bundle_comes_as_a_delta(site: Site, tmp_path: Path) -> None:
    """What the site has is left out, of the bundle that it has nearly all; a plan from it is that from the registry."""
    receipt = site.slipway_json("bundle", "receipt")
    inventory, delta = tmp_path / "inventory.json", tmp_path / "delta"
    site.slipway("bundle", "inventory", "--out", str(inventory))
    build = ["bundle", "build", "--out", str(delta), "--os", "debian-12,debian-13", "--since", str(inventory)]
    build += ["--modules", ",".join(BUILT)]
    site.slipway(*build)
    whole = sum(path.stat().st_size for path in bundle().rglob("*") if path.is_file())
    # Mostly what it is made of, in two forms, which no registry keeps.
    assert sum(path.stat().st_size for path in delta.rglob("*") if path.is_file()) < whole / 500
    verified = site.slipway("bundle", "verify", str(delta)).stdout
    assert receipt["bundle"] in verified
    assert "a delta: " in verified
    assert planned(site, "-b", str(delta)) == planned(site)


def test_no_secret_is_where_it_does_not_belong(site: Site, listing: Listing) -> None:
    """After all of the above: installs, kills, toggles, failures, a reset. What is searched had them on its way."""
    plants = plants_of(site)
    assert len(plants.values) >= 20

    def kubectl(*argv: str) -> str:
        return site.kubectl(*argv).stdout

    names = {f"{NAMESPACE}/{path.name}" for path in site.secrets.iterdir()}
    tokens = {f"kube-system/{name}" for name in bootstrap_tokens(site)}
    found = plants.found_in(cluster_texts(kubectl, names | tokens))
    found |= plants.found_in(file_texts(site.directory, but={"secrets", "kubeconfig"}))
    found |= plants.found_in(memory_texts())
    found |= plants.found_in(listing.texts())
    found |= plants.found_in(("what a command said", text.encode()) for text in site.said)
    for pod in kubectl("-n", NAMESPACE, "get", "pods", "-o", "name").split():
        found |= plants.found_in([(pod, kubectl("-n", NAMESPACE, "logs", pod, "--all-containers").encode())])
    for node in ROLES:
        journal = site.lab.ssh(node, ["journalctl", "--no-pager", "-o", "cat"]).stdout
        found |= plants.found_in([(f"the journal of {node}", journal.encode())])
    assert found == set()


def plants_of(site: Site) -> Plants:
    """All of the store but certificates, the cluster's own keys, the administrator's, and tokens to join."""
    store = {str(path.relative_to(site.secrets)): path.read_text() for path in site.secrets.glob("*/*")}
    own = {name: text for name, text in store.items() if not name.endswith(".crt")}
    pki = "find /etc/kubernetes/pki -name '*.key'"
    for path in site.lab.ssh("cp-1", ["sh", "-c", pki]).stdout.split():
        own[path] = site.lab.ssh("cp-1", ["cat", path]).stdout
    user = yaml.safe_load(site.kubeconfig.read_text())["users"][0]["user"]
    own["admin.conf"] = base64.b64decode(user["client-key-data"]).decode()
    return Plants(own | bootstrap_tokens(site))


def bootstrap_tokens(site: Site) -> dict[str, str]:
    """Those that still live, by their Secret: the half that is secret."""
    kind = "--field-selector=type=bootstrap.kubernetes.io/token"
    found = site.kubectl_json("-n", "kube-system", "get", "secrets", kind)["items"]
    return {
        item["metadata"]["name"]: base64.b64decode(item["data"]["token-secret"]).decode() for item in found
    }


def test_nothing_went_beyond_the_site(site: Site) -> None:
    seen = site.lab.egress()
    report = site.slipway("egress", "report", "--lab", "e2e", check=False)
    assert seen.questions == 0, report.stdout
    # An address of the cluster itself leaves a node whose kube-proxy or flannel has no rules (any more), as one that
    # was reset or that just boots: not the outside, and dropped too.
    outside = [
        address
        for address in seen.destinations
        if ip_address(address) not in SERVICES and ip_address(address) not in PODS
    ]
    assert not outside, report.stdout
    assert report.returncode == 0, report.stderr
    assert not site.processes()
