"""Lab nodes and the roles of a host on them, without Kubernetes, given the variables that planning makes.

with bare_site(directory, "system", "10.176.0.0/24", os=("debian-12", "debian-13")) as site:
    site.play("registry")
    site.push()
    site.play("node_prepare", "node_system", time={"servers": ["10.176.0.11"]})
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slipway import catalog as catalogs
from slipway.api import read
from slipway.bundle.form import manifest as manifests
from slipway.bundle.form.writer import Writer
from slipway.bundle.ground.archive import file_digest
from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.make.builder import Builder
from slipway.bundle.make.packages import build_repository
from slipway.bundle.registry.client import RegistryClient
from slipway.bundle.site.push import push
from slipway.catalog import versions
from slipway.lab import Lab
from slipway.model.bundle import Artifact, ArtifactKind, BundleManifest
from slipway.model.configuration import Configuration
from slipway.model.host.ssh import SSH
from slipway.planning.digests import digest
from slipway.planning.roles import role_variables
from slipway.runner import RunnerResult, connection_variables, run
from slipway.secrets import SecretStore, ensure_site
from tests.binaries import binary
from tests.labs import lab_nodes

KUBERNETES = "v1.35.4"
#: Puts more into a bundle.
Further = Callable[[Writer], Iterable[Artifact]]


def hosts_bundle(
    directory: Path,
    systems: Iterable[str],
    packages: Iterable[str] = (),
    programs: Iterable[str] = (),
    images: Iterable[str] = (),
    further: Further = lambda _writer: (),
) -> BundleManifest:
    """A bundle of what roles of a host take from one: packages, the registry, what more is named or `further` adds."""
    writer, workshop, pins = Writer(directory), Workshop(lambda _text: None), versions.load()
    artifacts = [artifact(writer, ArtifactKind.BINARY, "registry", binary("registry"))]
    if programs or images:
        builder, release = Builder(pins, catalogs.load(), writer, workshop), pins.release(KUBERNETES)
        artifacts += [builder.binary(name, release.binaries[name]) for name in programs]
        artifacts += builder.layout(images)
    for system in sorted(set(systems)):
        tar, _ = build_repository(pins.packages, system, workshop, packages)
        artifacts.append(artifact(writer, ArtifactKind.PACKAGES, system, tar))
    artifacts += further(writer)
    manifest = manifests.manifest_of(name="hosts", catalog="c" * 64, slipway="0.1.0", artifacts=artifacts)
    manifests.write(manifest, directory)
    return manifest


def artifact(writer: Writer, kind: ArtifactKind, name: str, source: Path) -> Artifact:
    """A file as an artifact of version 1."""
    path, found = f"{kind}/{name}-1", file_digest(source)
    writer.copy(source, path, found)
    return Artifact(kind, name, "1", found, source.stat().st_size, path=path)


@dataclass(frozen=True, slots=True)
class Site:
    """Nodes and the roles of a host, without Kubernetes; the first is the control plane and has the registry."""

    lab: Lab
    directory: Path
    manifest: BundleManifest
    spec: Mapping[str, Any] = field(default_factory=dict)
    """More of the spec than hosts, as where the registry keeps its data."""

    @property
    def store(self) -> SecretStore:
        """What Slipway made, and the nodes' key."""
        return SecretStore(self.directory / "secrets")

    def configuration(
        self, settings: dict[str, Any], own: Mapping[str, dict[str, Any]] | None = None
    ) -> Configuration:
        """All nodes with the same settings, and what single ones have of their own."""
        items = [
            {
                "name": n.name,
                "address": n.address,
                "roles": ["worker" if number else "control-plane"],
                "settings": (own or {}).get(n.name, {}),
            }
            for number, n in enumerate(self.lab.nodes)
        ]
        spec = {
            "kubernetes": {"version": KUBERNETES, "endpoint": {"address": "api.test.internal"}},
            "hosts": {"defaults": settings, "items": items},
            **self.spec,
        }
        kind = {"apiVersion": "installer.slipway.dev/v1alpha1", "kind": "ClusterConfiguration"}
        return read.parse({**kind, "metadata": {"name": "t", "namespace": "slipway-system"}, "spec": spec})

    def play(
        self,
        *roles: str,
        check: bool = False,
        only: Sequence[str] = (),
        own: Mapping[str, dict[str, Any]] | None = None,
        given: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> RunnerResult:
        """Carry out roles, on all nodes or on some; it has to succeed."""
        hosts = self.planned(*roles, only=only, own=own, given=given, **settings)
        return self.run("install.yml", hosts, check=check)

    def tried(self, *roles: str, check: bool = False, **options: Any) -> RunnerResult:
        """Carry out roles, which may fail."""
        return self.attempt("install.yml", self.planned(*roles, **options), check=check)

    def planned(
        self,
        *roles: str,
        only: Sequence[str] = (),
        own: Mapping[str, dict[str, Any]] | None = None,
        given: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> dict[str, Any]:
        """Hosts with the variables that planning gives roles, `given` in the place of some."""
        configuration = self.configuration(settings, own)
        hosts = {}
        for host in (host for host in configuration.hosts if not only or host.name in only):
            mine = [r for r in roles if r != "registry" or host == configuration.registry_host]
            inputs = {role: role_variables(configuration, self.manifest, host, role) for role in mine}
            steps = {
                role: {"step": f"host/{host.name}/{role}", "digest": digest(values, {})}
                for role, values in inputs.items()
            }
            variables = {name: value for values in inputs.values() for name, value in values.items()}
            connection = connection_variables(SSH(), host.address)
            hosts[host.name] = {**connection, **variables, **(given or {}), "slipway_steps": steps}
        return hosts

    def run(self, playbook: str, hosts: dict[str, Any], *, check: bool = False) -> RunnerResult:
        """One playbook over these nodes; it has to succeed."""
        result = self.attempt(playbook, hosts, check=check)
        assert result.ok, result.failures
        return result

    def attempt(self, playbook: str, hosts: dict[str, Any], *, check: bool = False) -> RunnerResult:
        """One playbook over these nodes."""
        return run(
            playbook,
            hosts=hosts,
            directory=self.directory / "runs",
            secrets=lambda reference: self.store.read(reference).decode(),
            extra={"slipway_local_artifacts": self.carried()},
            known_hosts=self.directory / "known_hosts",
            check=check,
        )

    def carried(self) -> dict[str, str]:
        """What goes to a host over SSH: the registry's program, and packages for the host that will have it."""
        packages = (found for found in self.manifest.artifacts if found.kind is ArtifactKind.PACKAGES)
        paths = {found.name: str(self.directory / "bundle" / found.path) for found in packages}
        return {"registry": str(binary("registry")), **paths}

    def push(self) -> None:
        """The bundle into the registry on the first node."""
        user, _, password = self.store.read("slipway-registry/push").decode().strip().partition(":")
        ca = self.store.path("slipway-registry/ca.crt")
        url = "https://registry.slipway.internal:5001"
        push(self.directory / "bundle", RegistryClient(url, ca, user, password, self.lab.nodes[0].address))

    def sh(self, node: str, script: str) -> str:
        """What a shell on a node prints."""
        return self.lab.ssh(node, ["sh", "-c", script], check=False).stdout

    def changed(self, result: RunnerResult) -> dict[str, int]:
        """Tasks changed per node."""
        return {node.name: result.stats[node.name]["changed"] for node in self.lab.nodes}


@contextmanager
def bare_site(
    directory: Path,
    name: str,
    subnet: str,
    os: Sequence[str],
    packages: Iterable[str] = (),
    spec: Mapping[str, Any] | None = None,
    **more: Any,
) -> Iterator[Site]:
    """A fresh lab of one node per system named, a bundle as `hosts_bundle` makes it, secrets made."""
    manifest = hosts_bundle(directory / "bundle", os, packages, **more)
    with lab_nodes(name, subnet, nodes=len(os), os=os) as lab:
        found = Site(lab, directory, manifest, spec or {})
        (directory / "known_hosts").write_text("".join(f"{line}\n" for line in lab.host_keys()))
        addresses = (lab.nodes[0].address,)
        ensure_site(found.store, registry_name="registry.slipway.internal", registry_addresses=addresses)
        found.store.write("ssh/id_ed25519", lab.private_key.read_bytes())
        yield found
