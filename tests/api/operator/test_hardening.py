"""The profile `cis` at a real API server: who is let in, which pods, what is logged, which kubelet is certified."""

import json
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slipway.api.crd import crds
from slipway.cluster.rest.client import Client, connect
from slipway.model.kubernetes import Kubernetes
from slipway.operator.serving import Approver
from slipway.planning import hardening
from slipway.settings import NAMESPACE
from tests.apiserver import ApiServer, until
from tests.kubelets import USAGES, Asked, ask

#: Needs more of a host, or of a control plane, than a test has.
ELSEWHERE = {"kubelet-certificate-authority"}
UNAUTHORIZED, FORBIDDEN, CREATED, OK = 401, 403, 201, 200
HOSTS = {"cp-1": ("10.0.0.1", "10.1.0.1"), "worker-1": ("10.0.0.2", "10.1.0.2")}
NETWORKS = {"management": {"cidr": "10.0.0.0/24"}, "business": {"cidr": "10.1.0.0/24"}}


def hardened(**fields: Any) -> Kubernetes:
    document = {"version": "v1.35.4", "endpoint": {"address": "api.internal"}, "profile": "cis", **fields}
    return Kubernetes.model_validate(document)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """With the flags that kubeadm is told and the files that they name, below a directory of the test."""
    folder = tmp_path_factory.mktemp("hardened")
    kubernetes = hardened()
    for file in hardening.texts(hardening.api_files(kubernetes).values()):
        path = folder / Path(file["path"]).name
        path.write_text(file["content"])
        path.chmod(0o600)
    flags = {name: value for name, value in hardening.api_flags(kubernetes).items() if name not in ELSEWHERE}
    flags["enable-admission-plugins"] = ",".join(("NodeRestriction", *hardening.ADMISSION))
    told = [
        f"--{name}={value.replace(hardening.FILES, str(folder)).replace(hardening.AUDIT_LOGS, str(folder))}"
        for name, value in flags.items()
    ]
    with ApiServer(folder / "server", controllers=True, flags=told) as server:
        account = "/api/v1/namespaces/default/serviceaccounts/default"
        until(lambda: server.request("GET", account)[0] == OK, seconds=60, what="the default account")
        server.install_crds(*crds())
        server.request("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        yield server


def nobody(server: ApiServer, path: str) -> int:
    """What somebody without an account is answered."""
    context = ssl.create_default_context(cafile=server.directory / "ca.crt")
    try:
        with urllib.request.urlopen(server.url + path, context=context, timeout=30) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_nobody_without_an_account_gets_beyond_probes_and_what_a_join_reads(server: ApiServer) -> None:
    assert {path: nobody(server, path) for path in hardening.ANONYMOUS[:3]} == dict.fromkeys(
        hardening.ANONYMOUS[:3], OK
    )
    assert nobody(server, hardening.ANONYMOUS[3]) == FORBIDDEN  # let in, and kubeadm's role is not there
    for path in ("/api", "/version", "/apis", "/livez/etcd", "/api/v1/namespaces/kube-public/configmaps"):
        assert nobody(server, path) == UNAUTHORIZED, path


def pod(name: str, **more: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": "busybox"}], **more}}


def test_pods_that_reach_for_the_host_are_for_namespaces_that_say_so(server: ApiServer) -> None:
    labels = {"pod-security.kubernetes.io/enforce": "privileged"}
    server.request("POST", "/api/v1/namespaces", {"metadata": {"name": "own", "labels": labels}})
    server.request("POST", "/api/v1/namespaces", {"metadata": {"name": "plain"}})
    reaching = pod("reaching", hostNetwork=True)
    answers = {}
    for namespace, body in (("plain", reaching), ("own", reaching), ("kube-system", reaching)):
        place = f"/api/v1/namespaces/{namespace}"
        account = f"{place}/serviceaccounts/default"
        until(lambda path=account: server.request("GET", path)[0] == OK, seconds=60, what="the account")
        answers[namespace] = server.request("POST", f"{place}/pods?dryRun=All", body)[0]
    assert answers == {"plain": FORBIDDEN, "own": CREATED, "kube-system": CREATED}
    assert server.request("POST", "/api/v1/namespaces/plain/pods?dryRun=All", pod("modest"))[0] == CREATED


def test_a_service_takes_no_address_of_others(server: ApiServer) -> None:
    spec = {"ports": [{"port": 80}], "externalIPs": ["10.0.0.9"]}
    status, answer = server.request(
        "POST", "/api/v1/namespaces/default/services", {"metadata": {"name": "s"}, "spec": spec}
    )
    assert (status, "external" in answer["message"].lower()) == (FORBIDDEN, True), answer


def test_who_did_what_is_logged_without_contents(server: ApiServer) -> None:
    secret = {"metadata": {"name": "planted"}, "stringData": {"password": "s3cret-planted"}}
    assert server.request("POST", "/api/v1/namespaces/default/secrets", secret)[0] == CREATED
    log = server.directory.parent / "audit.log"

    def logged() -> list[dict[str, Any]]:
        entries = [json.loads(line) for line in log.read_text().splitlines()]
        return [one for one in entries if (one.get("objectRef") or {}).get("resource") == "secrets"]

    until(lambda: any(one["verb"] == "create" for one in logged()), seconds=20, what="the entry")
    assert "s3cret-planted" not in log.read_text()
    assert "/readyz" not in {json.loads(line)["requestURI"] for line in log.read_text().splitlines()}


def test_somebodys_own_policy_is_logged_by_without_the_profile() -> None:
    own = {"rules": [{"level": "Request"}]}
    kubernetes = hardened(profile="default", auditPolicy=own)
    [file] = hardening.api_files(kubernetes).values()
    assert file["content"]["rules"] == own["rules"]
    assert hardening.api_flags(kubernetes)["audit-log-path"].startswith(hardening.AUDIT_LOGS)
    assert hardening.api_flags(hardened(profile="default")) == {}


def test_who_says_himself_who_is_let_in_is_left_to_it() -> None:
    """The API server takes no file of ours beside such flags."""
    for flag in ("oidc-issuer-url", "anonymous-auth", "authentication-config"):
        files = hardening.api_files(hardened(apiServer={"extraArgs": {flag: "x"}}))
        assert "authentication-config" not in files, flag


GRANTED = {
    "its own": Asked(),
    "all its addresses": Asked(addresses=HOSTS["worker-1"]),
    "an RSA key's usages": Asked(usages=(*USAGES, "key encipherment")),
}
REFUSED = {
    "the control plane's address": Asked(addresses=("10.0.0.1",)),
    "the control plane's name": Asked(names=("worker-1", "cp-1")),
    "the API's name": Asked(names=("worker-1", "kubernetes.default.svc")),
    "of a host that nobody planned": Asked(node="worker-9", names=("worker-9",), addresses=("10.0.0.9",)),
    "an address of mail": Asked(mail="root@example.org"),
    # A kind of name that the library refuses in a way of its own; nobody's process ends by it.
    "an X.400 address": Asked(raw_names=bytes.fromhex("3002a300")),
}
#: The API server itself refuses these for this signer, whoever asks.
IMPOSSIBLE = {
    "another's subject": Asked(subject="system:node:cp-1"),
    "for clients too": Asked(usages=(*USAGES, "client auth")),
    "another group": Asked(organization="system:masters"),
    "no name": Asked(names=(), addresses=()),
}


@pytest.fixture
def client(server: ApiServer) -> Iterator[Client]:
    with connect(server.kubeconfig) as client:
        items = [
            {
                "name": name,
                "address": addresses[0],
                "roles": ["control-plane" if name == "cp-1" else "worker"],
            }
            | {"addresses": {"business": addresses[1]}}
            for name, addresses in HOSTS.items()
        ]
        spec = {
            "kubernetes": {"version": "v1.35.4", "endpoint": {"address": "api.internal"}},
            "hosts": {
                "ssh": {"secretRef": {"name": "ssh", "key": "id"}},
                "networks": NETWORKS,
                "items": items,
            },
        }
        kind = {"apiVersion": "installer.slipway.dev/v1alpha1", "kind": "ClusterConfiguration"}
        status, answer = server.apply(
            {**kind, "metadata": {"name": "t", "namespace": NAMESPACE}, "spec": spec}
        )
        assert status in {OK, CREATED}, answer["message"]
        yield client


def approved(server: ApiServer) -> set[str]:
    answer = server.request("GET", "/apis/certificates.k8s.io/v1/certificatesigningrequests")[1]
    return {
        one["metadata"]["name"]
        for one in answer["items"]
        if any(condition["type"] == "Approved" for condition in one["status"].get("conditions", ()))
    }


def test_a_kubelet_gets_a_certificate_for_its_own_host_and_no_other(
    server: ApiServer, client: Client
) -> None:
    """Node authorization lets a kubelet ask for anything in its own name: what it says of itself is judged."""
    wanted = {f"a{number}": asked for number, asked in enumerate(GRANTED.values())}
    unwanted = {f"b{number}": asked for number, asked in enumerate(REFUSED.values())}
    for name, asked in (wanted | unwanted).items():
        assert ask(server, name, asked)[0] == 0, (name, ask(server, name, asked))
    for number, asked in enumerate(IMPOSSIBLE.values()):
        ask(server, f"c{number}", asked)
    assert Approver(client, threading.Event()).approved_or_told()
    assert approved(server) == set(wanted)


def test_who_is_planned_later_gets_it_later(server: ApiServer, client: Client) -> None:
    """And a process hears of it by itself."""
    halt = threading.Event()
    approver = Approver(client, halt)
    watch = threading.Thread(target=approver.reflector().run, args=(halt,), daemon=True)
    work = threading.Thread(target=approver.run, daemon=True)
    watch.start(), work.start()
    try:
        assert ask(server, "late", Asked(addresses=("10.1.0.2",)))[0] == 0
        until(lambda: "late" in approved(server), seconds=30, what="the approval")
    finally:
        halt.set()
        work.join(10)
    assert not work.is_alive()
