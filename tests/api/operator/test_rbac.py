"""The operator's own account may what the operator does, and nothing besides: its requests in the API's audit log."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from slipway import catalog
from slipway.cluster.locks.applier import ACCOUNT, Applier
from slipway.cluster.locks.election import Election
from slipway.cluster.own import operations
from slipway.cluster.own.configurations import Configurations
from slipway.cluster.rest.client import connect
from slipway.cluster.servingrequests import approve, serving_requests
from slipway.operator.metrics import Metrics
from slipway.operator.operations import Chronicle
from slipway.operator.reconcile import Reconciler
from slipway.operator.round import Edges
from slipway.operator.runtime import OperatorProcess, Settings
from slipway.operator.wiring import ClusterEngine
from slipway.settings import API_VERSION, NAMESPACE
from tests.api.operator.recording import Running
from tests.api.working import Site, working_site
from tests.apiserver import ApiServer, until
from tests.charts import rendered
from tests.kubelets import Asked, ask
from tests.secretmodules import write_secret_module

OPERATOR = "slipway-operator"
OURS = f"/apis/{API_VERSION}/namespaces/{NAMESPACE}"
POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "Metadata", "users": [f"system:serviceaccount:{NAMESPACE}:{OPERATOR}"]},
        {"level": "None"},
    ],
}
#: No request of its own: the API server looks whether who approves may do so for that signer.
ASKED_WITHIN = {("certificates.k8s.io", "signers", "approve")}
RIGHTS = ("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding", "ServiceAccount")


class Right(NamedTuple):
    """Something that is allowed, or was done; `name` where only one object may be touched."""

    group: str
    resource: str
    verb: str
    everywhere: bool
    """Whether in all namespaces."""
    name: str = ""


@pytest.fixture(scope="module")
def roles() -> list[dict[str, Any]]:
    shipped = catalog.load()
    made = rendered(shipped, shipped.modules["operator"], {})
    return [
        {k: v for k, v in one.items() if k != "release_namespace"} for one in made if one["kind"] in RIGHTS
    ]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, roles: list[dict[str, Any]]) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("rbac-api")
    (directory / "policy.yaml").write_text(json.dumps(POLICY))
    flags = (f"--audit-policy-file={directory}/policy.yaml", f"--audit-log-path={directory}/audit.log")
    with (
        ApiServer(directory, controllers=True, kwok=True, flags=(*flags, "--audit-log-mode=blocking")) as api,
        working_site(tmp_path_factory.mktemp("rbac"), api, ("one", "two"), write_secret_module) as made,
    ):
        for one in sorted(roles, key=lambda one: RIGHTS.index(one["kind"])):
            api.kubectl("apply", "-f", "-", stdin=json.dumps(one))
        yield made


def own_kubeconfig(site: Site, directory: Path) -> Path:
    """With a token of the operator's ServiceAccount, as its pod has one."""
    token = site.api.kubectl("-n", NAMESPACE, "create", "token", OPERATOR).stdout.strip()
    content = json.loads(site.api.kubeconfig.read_text())
    content["users"][0]["user"] = {"token": token}
    (directory / "kubeconfig").write_text(json.dumps(content))
    return directory / "kubeconfig"


def operator_of(site: Site, directory: Path) -> OperatorProcess:
    """As `wiring` puts it together in a pod: its own account, and the applier's for all that changes things."""
    client = connect(own_kubeconfig(site, directory))
    applier = Applier(client, directory / "applier")
    engine = ClusterEngine(client, site.release, applier.kubeconfig)
    edges = Edges(Configurations(client), engine, Chronicle(client), Metrics())
    election = Election(client, NAMESPACE, "slipway-operator", "one", seconds=4)
    settings = Settings(address="127.0.0.1", port=0)
    reader = lambda: connect(applier.kubeconfig())  # noqa: E731
    return OperatorProcess(
        client, election, lambda halt: Reconciler(edges, halt), Metrics(), settings, reader
    )


def asked(audit: Path) -> dict[Right, int]:
    """What the account did -> the API's answer."""
    found: dict[Right, int] = {}
    for line in audit.read_text().splitlines():
        event = json.loads(line)
        ref = event.get("objectRef")
        if not ref:
            continue
        resource = "/".join(filter(None, (ref["resource"], ref.get("subresource"))))
        right = Right(ref.get("apiGroup", ""), resource, event["verb"], ref.get("namespace") != NAMESPACE)
        found[right] = max(found.get(right, 0), event["responseStatus"]["code"])
    return found


def approve_one(site: Site, directory: Path) -> None:
    """A kubelet's request: this ClusterConfiguration has no hosts, for which the process itself would do it."""
    assert ask(site.api, "kubelet", Asked())[0] == 0
    with connect(own_kubeconfig(site, directory)) as client:
        for request, version in serving_requests(client):
            approve(client, request, version)


def allowed(roles: list[dict[str, Any]]) -> set[Right]:
    return {
        Right(group, resource, verb, one["kind"] == "ClusterRole", name)
        for one in roles
        if one["kind"] in {"Role", "ClusterRole"} and one["metadata"]["name"] == OPERATOR
        for rule in one["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        for name in rule.get("resourceNames", [""])
    }


def test_each_right_is_used_and_none_is_missing(
    site: Site, roles: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "KEEP", 1)

    def ready(generation: int) -> bool:
        status = site.seen(OURS, "clusterconfigurations", "tools").get("status") or {}
        return (status.get("phase"), status.get("observedGeneration")) == ("Ready", generation)

    with Running(operator_of(site, tmp_path)):
        for wanted in ({"one": "here"}, {"two": "here"}, {"one": ""}):
            generation = site.edit(**wanted)
            until(lambda now=generation: ready(now), seconds=120, what=f"{wanted} is done")
    approve_one(site, tmp_path)
    done = asked(site.api.directory / "audit.log")
    assert {right: code for right, code in done.items() if code == 403} == {}
    used = {(right.group, right.resource, right.verb) for right in done} | ASKED_WITHIN
    assert {(right.group, right.resource, right.verb) for right in allowed(roles)} - used == set()
    assert used - {(right.group, right.resource, right.verb) for right in allowed(roles)} == set()


def test_it_may_become_nobody_but_the_applier(roles: list[dict[str, Any]]) -> None:
    ways = {"serviceaccounts/token", "pods", "pods/exec", "rolebindings", "clusterrolebindings"}
    there = [
        right for right in allowed(roles) if right.resource in ways or right.verb in {"impersonate", "*"}
    ]
    assert [(right.resource, right.name, right.everywhere) for right in there] == [
        ("serviceaccounts/token", ACCOUNT, False)
    ]
    assert not {
        right for right in allowed(roles) if right.everywhere and right.resource in {"secrets", "configmaps"}
    }
