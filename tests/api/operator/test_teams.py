"""A team's ClusterConfiguration beside that of the cluster, on a real API server with the operator's own roles.

The operator is the real one but for its engine, which only records; what the real engine opens for a team is looked at.
"""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slipway import catalog
from slipway.api.crd import crds
from slipway.bundle.registry.client import RegistryError
from slipway.cluster.own.configurations import Configurations
from slipway.cluster.rest.client import Client, connect
from slipway.errors import ConfigurationError
from slipway.model.configuration import Configuration
from slipway.operator.acceptance import accepted_configuration
from slipway.operator.conditions import find
from slipway.operator.door import Key, Request
from slipway.operator.metrics import Metrics
from slipway.operator.operations import Chronicle
from slipway.operator.reconcile import Reconciler
from slipway.operator.round import Edges
from slipway.operator.wiring import ClusterEngine
from slipway.settings import API_VERSION, NAMESPACE
from tests.api.operator.recording import RecordingEngine, Running, make_runtime
from tests.apiserver import ApiServer, until
from tests.binaries import binary
from tests.charts import rendered
from tests.registries import running_registry

CATALOG = catalog.load()
TEAM, OTHER = "team-a", "team-b"
PILLAR = {
    "kubernetes": {"version": "v1.35.4", "endpoint": {"address": "api.site.internal"}},
    "hosts": {"items": [{"name": "cp-01", "address": "10.0.0.11", "roles": ["control-plane"]}]},
    "modules": {"welcome": {"enabled": True, "settings": {"persistence": True}}},
}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """With the roles that the module operator brings, and a team whose member is ann."""
    with ApiServer(tmp_path_factory.mktemp("teams-api")) as server:
        server.install_crds(*crds())
        for namespace in (NAMESPACE, TEAM, OTHER):
            server.create_namespace(namespace)
        roles = [
            one for one in rendered(CATALOG, CATALOG.modules["operator"], {}) if one["kind"] == "ClusterRole"
        ]
        for role in roles:
            own = {key: value for key, value in role.items() if key != "release_namespace"}
            server.kubectl("apply", "-f", "-", stdin=json.dumps(own))
        server.kubectl(
            "-n", TEAM, "create", "rolebinding", "team", "--clusterrole=slipway-team", "--user=ann"
        )
        yield server


@pytest.fixture(autouse=True)
def _clean(api: ApiServer) -> Iterator[None]:
    yield
    api.kubectl("delete", "cc,op", "--all", "--all-namespaces", "--wait=true")


@pytest.fixture
def client(api: ApiServer) -> Iterator[Client]:
    with connect(api.kubeconfig) as client:
        yield client


def document(name: str, namespace: str, spec: dict[str, Any]) -> str:
    meta = {"name": name, "namespace": namespace}
    return json.dumps(
        {"apiVersion": API_VERSION, "kind": "ClusterConfiguration", "metadata": meta, "spec": spec}
    )


def as_ann(api: ApiServer, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [str(binary("kubectl")), f"--kubeconfig={api.kubeconfig}", "--as=ann", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, input=stdin)


def written(api: ApiServer, name: str, namespace: str, spec: dict[str, Any]) -> None:
    api.kubectl("apply", "--server-side", "-f", "-", stdin=document(name, namespace, spec))


def status_of(api: ApiServer, name: str, namespace: str) -> dict[str, Any]:
    found = api.kubectl("-n", namespace, "get", "cc", name, "-o", "json").stdout
    status: dict[str, Any] = json.loads(found).get("status") or {}
    return status


def settled(api: ApiServer, phase: str, name: str, namespace: str) -> dict[str, Any]:
    def there() -> bool:
        return status_of(api, name, namespace).get("phase") == phase

    until(there, seconds=20, what=f"{namespace}/{name} {phase}")
    return status_of(api, name, namespace)


def test_a_team_edits_its_own_alone_and_has_a_status_of_its_own(api: ApiServer) -> None:
    off = {"enabled": False}  # one that is off is nobody's
    site = {**PILLAR, "modules": {"metrics-server": {"enabled": True}, "welcome": off}}
    written(api, "site", NAMESPACE, site)
    runtime = make_runtime(api.kubeconfig, "one", RecordingEngine(), namespaces=frozenset({TEAM}))
    mine = document("platform", TEAM, {"modules": {"welcome": {"enabled": True}}})
    with Running(runtime):
        made = as_ann(api, "apply", "--server-side", "-f", "-", stdin=mine)
        assert made.returncode == 0, made.stderr
        status = settled(api, "Ready", "platform", TEAM)
    assert [entry["name"] for entry in status["modules"]] == ["welcome"]
    operation = status["operation"]["id"]
    assert as_ann(api, "-n", TEAM, "get", "op", operation).returncode == 0
    for forbidden in (
        ("-n", NAMESPACE, "get", "cc", "site"),
        ("-n", NAMESPACE, "delete", "cc", "site"),
        ("-n", TEAM, "get", "secrets"),
        ("-n", TEAM, "patch", "cc", "platform", "--subresource=status", "--type=merge", "-p", "{}"),
    ):
        assert "forbidden" in as_ann(api, *forbidden).stderr
    elsewhere = document("platform", OTHER, {"modules": {}})
    assert "forbidden" in as_ann(api, "apply", "--server-side", "-f", "-", stdin=elsewhere).stderr
    gone = as_ann(api, "-n", TEAM, "delete", "cc", "platform")
    assert gone.returncode == 0, gone.stderr


def test_a_team_is_told_how_its_modules_are_between_edits(api: ApiServer, client: Client) -> None:
    written(api, "platform", TEAM, {"modules": {"welcome": {"enabled": True}}})
    engine = RecordingEngine()
    store, history = Configurations(client), Chronicle(client)
    edges = Edges(store, engine, history, Metrics(), namespaces=frozenset({TEAM}))
    Reconciler(edges).reconcile(Request(Key(TEAM, "platform"), act=False))
    assert len(engine.scopes) == 1


@pytest.mark.parametrize(
    ("namespace", "spec", "path", "word"),
    [
        (
            OTHER,
            {"modules": {"welcome": {"enabled": True}}},
            "metadata.namespace",
            "operator.settings.namespaces",
        ),
        (TEAM, {key: PILLAR[key] for key in ("hosts", "kubernetes")}, "spec.hosts", "modules only"),
        (TEAM, {"registry": {"mode": "external", "endpoint": "https://r"}}, "spec.registry", "modules only"),
        (
            TEAM,
            {"modules": {"local-path-provisioner": {"enabled": True}}},
            "spec.modules",
            "slipway-system/site",
        ),
    ],
    ids=["namespace", "hosts", "registry", "module-of-the-cluster"],
)
def test_what_a_team_may_not_have_is_refused_and_said(
    api: ApiServer, namespace: str, spec: dict[str, Any], path: str, word: str
) -> None:
    written(api, "site", NAMESPACE, PILLAR)
    engine = RecordingEngine()
    with Running(make_runtime(api.kubeconfig, "one", engine, namespaces=frozenset({TEAM}))):
        written(api, "platform", namespace, spec)
        status = settled(api, "Refused", "platform", namespace)
    message = find(status, "Accepted")["message"]
    assert path in message
    assert word in message
    assert "platform" not in {plan.configuration for _, plan in engine.runs}


def test_the_engine_opens_the_clusters_registry_and_the_teams_own_secrets(
    api: ApiServer, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLIPWAY_STATE", str(tmp_path / "state"))
    store = Configurations(client)
    with running_registry(
        tmp_path / "registry", tmp_path / "data", name="registry.slipway.internal"
    ) as registry:
        site = PILLAR | {
            "registry": {"port": int(registry.url.rpartition(":")[2])},
            "modules": {"local-path-provisioner": {"enabled": True}},
        }
        written(api, "site", NAMESPACE, site)
        secret(api, NAMESPACE, "slipway-registry", f"--from-file=ca.crt={registry.ca}")
        account = f"{registry.username}:{registry.password}"
        api.kubectl(
            "-n",
            NAMESPACE,
            "patch",
            "secret",
            "slipway-registry",
            "-p",
            json.dumps({"stringData": {"pull": account}}),
        )
        secret(api, NAMESPACE, "ssh", "--from-literal=id_ed25519=of the site")
        secret(api, TEAM, "mine", "--from-literal=key=of the team")
        written(
            api,
            "platform",
            TEAM,
            {"modules": {"welcome": {"enabled": True, "settings": {"persistence": True}}}},
        )
        live = store.get((TEAM, "platform"))
        assert live is not None
        configuration = accepted_configuration(live, store.list(), CATALOG, {TEAM})
        chosen = CATALOG.selection(configuration)
        assert chosen["welcome"].requires == ("local-path-provisioner",)
        assert not chosen["local-path-provisioner"].enabled
        assert catalog.cluster_facts(configuration)["clusterName"] == "site"
        here = loopback(configuration)
        opened: Any = ClusterEngine(client, CATALOG, lambda: api.kubeconfig).open(here)
        with pytest.raises(
            RegistryError
        ) as empty:  # it is found, trusted and logged into; nothing was pushed
            opened._context.source.manifest()
        assert empty.value.code == "not-found"
        assert opened._context.secret("mine/key") == "of the team"
        for theirs in ("ssh/id_ed25519", "slipway-registry/pull"):
            with pytest.raises(ConfigurationError, match="does not exist"):
                opened._context.secret(theirs)


def secret(api: ApiServer, namespace: str, name: str, *literals: str) -> None:
    api.kubectl("-n", namespace, "create", "secret", "generic", name, *literals)


def loopback(configuration: Configuration) -> Configuration:
    """The same with the registry's host here: no ClusterConfiguration may name an address of loopback."""
    site = configuration.site
    host = site.hosts[0].model_copy(update={"address": "127.0.0.1"})
    return configuration.model_copy(update={"cluster": site.model_copy(update={"hosts": (host,)})})
