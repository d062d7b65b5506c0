"""A command line at work on a site of `working`: its plan, its apply, its journal and its Operation, all real.

Run as a program it is one that can be killed: FILE MODULES.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from slipway import catalog
from slipway.api import read
from slipway.catalog import Catalog
from slipway.cli.running import apply_with_progress
from slipway.cluster.own.secretstore import SecretReader
from slipway.cluster.rest.client import connect
from slipway.engine.context import Context
from slipway.engine.prepare import prepare
from slipway.engine.registry import site_source
from slipway.model.observed import Scope
from slipway.model.operation import OperationResult
from slipway.model.plan import Plan
from slipway.settings import API_VERSION, NAMESPACE, Workspace


@dataclass(frozen=True, slots=True)
class Desk:
    """A workspace with a ClusterConfiguration that has modules alone."""

    file: Path
    release: Catalog

    @classmethod
    def at(cls, directory: Path, kubeconfig: Path, release: Catalog) -> "Desk":
        """One more workstation of the site."""
        directory.mkdir(parents=True, exist_ok=True)
        desk = cls(directory / "cluster.yaml", release)
        workspace = Workspace(desk.file, "tools")
        workspace.state.mkdir(parents=True, exist_ok=True)
        workspace.kubeconfig.write_bytes(kubeconfig.read_bytes())
        return desk

    def write(self, registry: str, modules: Mapping[str, Any]) -> None:
        """What is wanted."""
        refs = {"caRef": {"name": "registry", "key": "ca"}, "pullRef": {"name": "registry", "key": "account"}}
        document = {
            "apiVersion": API_VERSION,
            "kind": "ClusterConfiguration",
            "metadata": {"name": "tools", "namespace": NAMESPACE},
            "spec": {
                "registry": {"mode": "external", "endpoint": registry, **refs},
                "modules": dict(modules),
            },
        }
        self.file.write_text(yaml.safe_dump(document))

    def context(self) -> Context:
        """As a command opens it; the site's secrets are those that the cluster has."""
        configuration, workspace = read.load(self.file), Workspace(self.file, "tools")
        secrets = SecretReader(connect(workspace.kubeconfig))
        return Context(
            configuration=configuration,
            catalog=self.release,
            release=self.release,
            source=site_source(configuration, secrets, workspace.state),
            secrets=secrets,
            state=workspace.state,
            kubeconfig=workspace.kubeconfig,
            document=read.document(self.file),
        )

    def plan(self) -> Plan:
        """What `slipway plan` shows."""
        return prepare(self.context(), Scope.RECORDS)[1]

    def apply(self) -> OperationResult:
        """What `slipway apply` does."""
        context = self.context()
        observed, plan = prepare(context, Scope.RECORDS)
        return apply_with_progress(context, observed, plan)


if __name__ == "__main__":
    Desk(Path(sys.argv[1]), catalog.load([Path(sys.argv[2])])).apply()
