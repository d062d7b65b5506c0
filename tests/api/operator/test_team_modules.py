"""A team's own module, out of the site registry: enabled to Healthy, mended, removed; without a release of ours.

The operator's engine is the real one, with Ansible and Helm, and has no module of its own, as in its image.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from slipway import catalog
from slipway.api.crd import crds
from slipway.bundle.form import manifest as manifests
from slipway.bundle.form.writer import Writer
from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.make.builder import Builder
from slipway.bundle.make.pack import build_pack
from slipway.bundle.site.packs import home_of
from slipway.bundle.site.push import push
from slipway.cluster.own import records
from slipway.cluster.own.configurations import Configurations
from slipway.cluster.own.settings import ensure_namespace
from slipway.cluster.rest.client import Client, connect
from slipway.errors import ConfigurationError
from slipway.model.bundle import ArtifactKind
from slipway.model.modulesources import ModuleSource
from slipway.model.observed import Scope
from slipway.model.plan import Plan
from slipway.operator.acceptance import accepted_configuration, site_of
from slipway.operator.conditions import find
from slipway.operator.door import Key, Request, Verdict
from slipway.operator.metrics import Metrics
from slipway.operator.operations import Chronicle
from slipway.operator.reconcile import Reconciler
from slipway.operator.round import Edges
from slipway.operator.wiring import ClusterEngine
from slipway.settings import API_VERSION, NAMESPACE
from tests.api.working import LABEL, write_module
from tests.apiserver import ApiServer
from tests.bare import artifact
from tests.binaries import binary
from tests.registries import Registry, running_registry

TEAM, SOURCE = "team-a", "ours"
PILLAR = {
    "kubernetes": {
        "version": "v1.35.4",
        "endpoint": {"address": "api.site.internal"},
        "network": {"cni": "net"},
    },
    "hosts": {"items": [{"name": "cp-01", "address": "10.0.0.11", "roles": ["control-plane"]}]},
}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with ApiServer(tmp_path_factory.mktemp("own-api"), controllers=True, kwok=True) as server:
        server.install_crds(*crds())
        with connect(server.kubeconfig) as client:
            ensure_namespace(client, NAMESPACE)
        server.create_namespace(TEAM)
        server.create_node("works-1", labels={LABEL: "here"})
        yield server


@dataclass
class Site:
    """A site whose owner names one source of modules, and its team."""

    api: ApiServer
    registry: Registry
    directory: Path
    edges: Edges

    def pack(self, *names: str, mended: str = "") -> str:
        """These modules, packed and pushed; the digest."""
        place = self.directory / f"pack-{len(list(self.directory.iterdir()))}"
        for name in names:
            write_module(place / "modules" / name)
            if mended:
                with (place / "modules" / name / "chart/templates/deployment.yaml").open("a") as file:
                    file.write(f"---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {mended}}}\n")
        own = {SOURCE: ModuleSource(directory="modules")}
        build_pack(
            catalog.load_beside(own, place / "cluster.yaml"), names, place / "pack", progress=lambda _: None
        )
        return push(place / "pack", self.registry.client(), home=home_of(SOURCE)).manifest

    def write(self, namespace: str, name: str, spec: dict[str, Any]) -> None:
        meta = {"name": name, "namespace": namespace}
        document = {
            "apiVersion": API_VERSION,
            "kind": "ClusterConfiguration",
            "metadata": meta,
            "spec": spec,
        }
        status, answer = self.api.apply(document, manager="user")
        assert status in {200, 201}, answer["message"]

    def own(self, digest: str) -> None:
        """The owner's edit."""
        registry = {
            "mode": "external",
            "endpoint": self.registry.url,
            "caRef": {"name": "registry", "key": "ca"},
            "pullRef": {"name": "registry", "key": "account"},
        }
        sources = {SOURCE: {"digest": digest}}
        self.write(NAMESPACE, "site", {**PILLAR, "registry": registry, "moduleSources": sources})

    def team(self, **enabled: bool) -> None:
        """The team's edit."""
        modules = {name: {"enabled": on} for name, on in enabled.items()}
        self.write(TEAM, "platform", {"modules": modules})

    def plan(self, namespace: str = TEAM, name: str = "platform") -> Plan:
        """What an operator would do now."""
        store = self.edges.store
        live, everyone = store.get(Key(namespace, name)), store.list()
        assert live
        known = self.edges.engine.catalog(site_of(live, everyone), fresh=True)
        configuration = accepted_configuration(live, everyone, known, self.edges.namespaces)
        return self.edges.engine.open(configuration).prepare(Scope.RECORDS)[1]

    def reconciled(self) -> Verdict:
        return Reconciler(self.edges).reconcile(Request(Key(TEAM, "platform")))

    def condition(self) -> str:
        live = self.edges.store.get(Key(TEAM, "platform"))
        assert live
        return str(find(live.status, "Accepted")["message"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, api: ApiServer) -> Iterator[Site]:
    """Its bundle has Helm, a network and one module more; the operator has none."""
    directory = tmp_path_factory.mktemp("own")
    for name in ("net", "shipped"):
        write_module(directory / "shipped" / name)
    with (directory / "shipped" / "net" / "module.yaml").open("a") as file:
        file.write("provides: [cni]\n")
    (directory / "image").mkdir()
    ours = catalog.load([directory / "shipped"])
    writer = Writer(directory / "bundle")
    builder = Builder(ours.versions, ours, writer, Workshop(lambda _: None))
    helm = artifact(writer, ArtifactKind.BINARY, "helm", binary("helm"))
    version = ours.versions.release("v1.35.4").binaries["helm"]
    with (
        running_registry(directory / "registry", directory / "data", name="localhost") as registry,
        pytest.MonkeyPatch.context() as patch,
        connect(api.kubeconfig) as client,
    ):
        patch.setenv("SLIPWAY_STATE", str(directory / "state"))
        items = [replace(helm, version=version), *builder.charts(ours.modules), *builder.modules()]
        made = manifests.manifest_of(name="site", catalog=ours.core, slipway="0", artifacts=items)
        manifests.write(made, directory / "bundle")
        push(directory / "bundle", registry.client())
        account = f"--from-literal=account={registry.username}:{registry.password}"
        secret = ("create", "secret", "generic")
        api.kubectl("-n", NAMESPACE, *secret, "registry", f"--from-file=ca={registry.ca}", account)
        api.kubectl("-n", NAMESPACE, *secret, "slipway-site", f"--from-literal=key={'0a' * 32}")
        image = catalog.load([directory / "image"])
        assert not image.modules
        engine = ClusterEngine(client, image, lambda: api.kubeconfig)
        store, history = Configurations(client), Chronicle(client)
        edges = Edges(store, engine, history, Metrics(), namespaces=frozenset({TEAM}))
        yield Site(api, registry, directory, edges)


@pytest.fixture
def client(api: ApiServer) -> Iterator[Client]:
    with connect(api.kubeconfig) as made:
        yield made


def test_a_teams_module_is_enabled_mended_and_removed(site: Site, client: Client) -> None:
    site.own(site.pack("mine", "beside"))
    site.team(mine=True)
    assert [step.id for step in site.plan().steps] == ["module/mine/apply"]
    assert site.reconciled() is Verdict.SUCCEEDED
    first = records.read_module(client, "mine")
    assert first
    assert (first.phase, first.owner) == ("Healthy", f"{TEAM}/platform")

    site.own(site.pack("mine", "beside", mended="added"))
    steps = site.plan().steps
    assert [step.id for step in steps] == ["module/mine/apply"]
    assert site.reconciled() is Verdict.SUCCEEDED
    second = records.read_module(client, "mine")
    assert second
    assert second.digest != first.digest
    assert client.get("v1", "ConfigMap", "added", "mine")
    assert site.reconciled() is Verdict.UNCHANGED

    site.team(mine=False)
    assert [step.id for step in site.plan().steps] == ["module/mine/remove"]
    assert site.reconciled() is Verdict.SUCCEEDED
    assert records.read_module(client, "mine") is None


def test_a_source_stands_in_for_no_module_of_the_bundle(site: Site) -> None:
    site.own(site.pack("shipped", "alone"))
    with pytest.raises(ConfigurationError) as refused:
        site.plan(NAMESPACE, "site")
    (finding,) = refused.value.findings
    assert (finding.path, finding.code) == ("spec.moduleSources.ours.digest", "duplicate")
    site.team(shipped=True)  # theirs is that of the bundle, whatever else is named so
    assert [step.id for step in site.plan().steps] == ["module/shipped/apply"]
    site.team(alone=True)
    assert site.reconciled() is Verdict.REFUSED
    assert "alone" in site.condition()


def test_a_source_that_the_registry_lacks_is_named(site: Site) -> None:
    site.own(f"sha256:{'1' * 64}")
    site.team(shipped=True)
    assert site.reconciled() is not Verdict.SUCCEEDED
    live = site.edges.store.get(Key(TEAM, "platform"))
    assert live
    assert "the modules of source ours cannot be had" in str(live.status)
