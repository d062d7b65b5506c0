"""A ClusterConfiguration as an Ansible inventory: `ansible-playbook -i cluster.yaml playbooks/install.yml`.

Hosts, groups, how hosts are reached, and the same role variables that `slipway apply` gives, from the same source.
Secrets stand in it as lookups of their files, so that a listing shows none.
"""

from __future__ import annotations

DOCUMENTATION = r"""
name: slipway
short_description: Hosts and role variables from a ClusterConfiguration
description:
  - Reads a file of kind ClusterConfiguration. Groups are C(control_planes), C(workers), C(registry), and
    C(group_NAME) for each group of the ClusterConfiguration, with C(-) written as C(_).
  - Role variables need the manifest of a bundle. Without one there are hosts, groups and connections only.
options:
  plugin:
    description: Must be C(slipway) where it is stated at all.
    choices: [slipway]
  bundle:
    description:
      - A bundle's directory, or its C(bundle.yaml). Unset, the copy that the last apply left beside
        the ClusterConfiguration.
    type: path
    env:
      - name: SLIPWAY_BUNDLE
author:
  - Slipway
"""

EXAMPLES = r"""
# ansible-inventory -i inventories/ha/cluster.yaml --graph
# SLIPWAY_BUNDLE=./bundle ansible-playbook -i inventories/ha/cluster.yaml playbooks/install.yml
"""

import getpass
import os
import shlex
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin
from ansible.template import trust_as_template

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ansible.inventory.data import InventoryData

    from slipway.model.bundle import BundleManifest
    from slipway.model.configuration import Configuration
    from slipway.model.host.items import Host
    from slipway.secrets import SecretStore
    from slipway.settings import Workspace

KIND = "kind: ClusterConfiguration"


class InventoryModule(BaseInventoryPlugin):
    """Reads one ClusterConfiguration."""

    NAME = "slipway"

    def verify_file(self, path: str) -> bool:
        """A YAML file that says that it is a ClusterConfiguration; others are left to other plugins."""
        if not (super().verify_file(path) and path.endswith((".yaml", ".yml"))):
            return False
        with Path(path).open(encoding="utf-8", errors="replace") as file:
            return any(line.rstrip() == KIND for line in file)

    def parse(self, inventory: InventoryData, loader: object, path: str, cache: bool = True) -> None:
        """Fill the inventory from the file."""
        super().parse(inventory, loader, path, cache)
        from slipway.errors import SlipwayError

        try:
            self._fill(Path(path))
        except SlipwayError as error:
            raise AnsibleParserError(str(error)) from error

    def _fill(self, path: Path) -> None:
        from slipway.api import read
        from slipway.catalog import load
        from slipway.settings import Workspace

        configuration = read.load(path)
        workspace = Workspace(path, configuration.name)
        manifest, directory = _manifest(os.environ.get("SLIPWAY_BUNDLE", ""), workspace)
        if manifest:
            manifest = load().bundle_for(configuration, manifest)
        else:
            self.display.warning("no bundle manifest (SLIPWAY_BUNDLE): the inventory has no role variables")
        steps = _steps(configuration, manifest, workspace) if manifest else {}
        for host in configuration.hosts:
            self._add(configuration, host)
            variables = _connection(configuration, host, workspace)
            if manifest:
                variables |= _variables(configuration, manifest, host)
                variables |= _run(configuration, host, workspace, steps.get(host.name, {}))
                variables["slipway_local_artifacts"] = _local(configuration, manifest, host, directory)
            for name, value in variables.items():
                self.inventory.set_variable(host.name, name, _lookups(value, workspace))

    def _add(self, configuration: Configuration, host: Host) -> None:
        from slipway.model.host.items import REGISTRY_GROUP, WORKERS

        groups = ["control_planes" if host.control_plane else WORKERS]
        groups += [REGISTRY_GROUP] if configuration.registry_host == host else []
        groups += [f"group_{name.replace('-', '_')}" for name in host.groups]
        self.inventory.add_host(host.name)
        for group in groups:
            self.inventory.add_group(group)
            self.inventory.add_host(host.name, group=group)


def _manifest(bundle: str, workspace: Workspace) -> tuple[BundleManifest | None, Path | None]:
    """The manifest, and the directory that holds the artifacts where there is one."""
    from slipway.bundle.form import manifest

    place = Path(bundle) if bundle else workspace.state / manifest.FILE
    if not bundle and not place.exists():
        return None, None
    file = place / manifest.FILE if place.is_dir() else place
    try:
        text = file.read_bytes()
    except OSError as error:
        raise AnsibleParserError(f"SLIPWAY_BUNDLE: {file}: {error.strerror}") from error
    return manifest.parse(text, str(file)), file.parent if bundle else None


def _connection(configuration: Configuration, host: Host, workspace: Workspace) -> dict[str, Any]:
    from slipway.runner.variables import connection_variables, interpreter, ssh_arguments
    from slipway.settings import bastion_keys

    ssh = configuration.ssh_of(host)
    arguments = ssh_arguments(workspace.known_hosts)
    variables = connection_variables(ssh, host.address, workspace.known_hosts) | interpreter(bundled=None)
    if not _pinned(ssh.host_keys, workspace.known_hosts):
        arguments = _meeting(arguments)
    if ssh.bastion and not _pinned(ssh.bastion.host_keys, bastion_keys(workspace.known_hosts)):
        variables["ansible_ssh_common_args"] = _meeting(variables["ansible_ssh_common_args"])
    return {**variables, "ansible_ssh_args": arguments}


def _pinned(keys: Sequence[str], file: Path) -> bool:
    """Whether it is known whose key is right: by what is pinned, or by those met before."""
    from slipway.probe.known_hosts import KnownHosts

    if keys:
        KnownHosts(file).pin(keys)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return file.exists()


def _meeting(value: Any) -> Any:
    """The same arguments for a first contact, at which the key is recorded, as the probe does."""
    if isinstance(value, str):
        return value.replace("StrictHostKeyChecking=yes", "StrictHostKeyChecking=accept-new")
    if isinstance(value, dict):
        return {key: _meeting(item) for key, item in value.items()}
    return [_meeting(item) for item in value]


def _variables(configuration: Configuration, manifest: BundleManifest, host: Host) -> dict[str, Any]:
    from slipway.planning.roles import role_variables, roles_of

    variables: dict[str, Any] = {}
    for role in roles_of(configuration, host):
        variables |= role_variables(configuration, manifest, host, role)
    return variables


def _steps(
    configuration: Configuration, manifest: BundleManifest, workspace: Workspace
) -> dict[str, dict[str, Any]]:
    """Every role of every host as a step, with the digest that `slipway apply` would record."""
    from slipway import __version__
    from slipway.catalog import load
    from slipway.model.observed import Observed, Scope
    from slipway.planning.digests import references
    from slipway.planning.hosts import host_steps
    from slipway.secrets import digests_of, site_key

    store = _store(configuration, workspace)
    wanted = references([_variables(configuration, manifest, host) for host in configuration.hosts])
    observed = Observed(
        scope=Scope.RECORDS, read_at="", secrets=digests_of(store, sorted(wanted), site_key(store))
    )
    catalog = load()
    found: dict[str, dict[str, Any]] = {}
    for step in host_steps(configuration, catalog.roles, manifest, observed):
        found.setdefault(step.target, {})[step.action] = {
            "step": step.id,
            "digest": step.digest,
            "parts": step.parts,
            "catalog": catalog.digest,
            "version": __version__,
        }
    return found


def _store(configuration: Configuration, workspace: Workspace) -> SecretStore:
    """The secret store; what Slipway makes itself is made now, as by its first command."""
    from slipway.secrets import SecretStore, ensure_key, ensure_site

    store, registry = SecretStore(workspace.secrets), configuration.registry_host
    if registry is None:
        ensure_key(store)
    else:
        name = configuration.spec.registry.name
        ensure_site(store, registry_name=name, registry_addresses=registry.served_at)
    return store


def _run(
    configuration: Configuration, host: Host, workspace: Workspace, steps: dict[str, Any]
) -> dict[str, Any]:
    """What stands for an operation here. Nobody holds the hosts' locks in a plain Ansible run: epoch 0."""
    from slipway.secrets import SecretStore, site_id

    del host
    return {
        "slipway_steps": steps,
        "slipway_operation": "ansible",
        "slipway_epoch": 0,
        "slipway_holder": f"{getpass.getuser()}@{socket.gethostname()}",
        "slipway_site": site_id(SecretStore(workspace.secrets), configuration.name),
    }


def _local(
    configuration: Configuration, manifest: BundleManifest, host: Host, directory: Path | None
) -> dict[str, str]:
    """The registry's own program, and packages that its disks need, travel over SSH, from the bundle's directory."""
    from slipway.model.bundle import ArtifactKind

    if configuration.registry_host != host or directory is None:
        return {}
    fitting = [artifact for artifact in manifest.artifacts if artifact.serves(host.platform)]
    wanted = [artifact for artifact in fitting if artifact.name == "registry"]
    if host.settings.disks:
        wanted += [artifact for artifact in fitting if artifact.kind is ArtifactKind.PACKAGES]
    kinds = (ArtifactKind.BINARY, ArtifactKind.PACKAGES)
    return {
        artifact.name: str((directory / artifact.path).resolve())
        for artifact in wanted
        if artifact.kind in kinds
    }


def _lookups(value: Any, workspace: Workspace) -> Any:
    """The value with every secret as a lookup of its file; all other text is data, never a template."""
    from slipway.model.placeholders import SecretFile, SecretValue, ShellWords
    from slipway.secrets import SecretStore

    store = SecretStore(workspace.secrets)
    if isinstance(value, SecretFile):
        return str(store.path(value.reference))
    if isinstance(value, ShellWords):
        return shlex.join(_lookups(word, workspace) for word in value.words)
    if isinstance(value, SecretValue):
        path = str(store.path(value.reference)).replace("\\", "\\\\").replace("'", "\\'")
        return trust_as_template(f"{{{{ lookup('ansible.builtin.file', '{path}', rstrip=false) }}}}")
    if isinstance(value, dict):
        return {key: _lookups(item, workspace) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_lookups(item, workspace) for item in value]
    return value
