"""The chart of a module's release: its own directory, or upstream's as the bundle packs it."""

import os
from pathlib import Path
from typing import Any

from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.make.charts import chart_path
from slipway.catalog import Catalog, Module, Release, cluster_facts
from slipway.cluster.lifecycle.helm import Helm
from slipway.cluster.lifecycle.rendered import objects
from slipway.model.configuration import Configuration, Spec
from tests.binaries import binary

_CLUSTER = {
    "kubernetes": {
        "version": "v1.35.4",
        "endpoint": {"address": "api.demo"},
        "kubeProxy": {"mode": "nftables"},
    }
}

FACTS = cluster_facts(
    Configuration(name="demo", namespace="slipway-system", spec=Spec.model_validate(_CLUSTER))
)


def workshop() -> Workshop:
    """This machine's cache, and the git repositories that SLIPWAY_TREES_DIR says are here."""
    trees = os.environ.get("SLIPWAY_TREES_DIR")
    return Workshop(print, trees=Path(trees) if trees else None)


def at_hand(catalog: Catalog, module: Module) -> bool:
    """Whether anybody can get all its charts, out of Go modules; or else where SLIPWAY_TREES_DIR says that they are."""
    origins = [one.tree for one in module.releases if one.tree]
    origins += [below for one in origins for _, below in one.charts]
    if workshop().trees is None and any(one.git for one in origins):
        return False
    return all(chart_path(module, one, catalog.versions, workshop()) for one in module.releases)


def chart_of(catalog: Catalog, module: Module, release: Release) -> Path:
    """A directory or an archive that Helm takes."""
    path = chart_path(module, release, catalog.versions, workshop())
    assert path, f"the chart of {module.name} is not on this machine"
    return path


def rendered(catalog: Catalog, module: Module, settings: dict[str, Any]) -> list[dict[str, Any]]:
    """All objects of all releases, as Helm makes them from these settings; each with its namespace."""
    values = catalog.values(module, settings, {}, FACTS)
    helm = Helm(binary("helm"), None)
    return [
        item | {"release_namespace": release.namespace}
        for release in module.releases
        for item in objects(
            helm.template(
                release.name,
                chart_of(catalog, module, release),
                values[release.name],
                release.namespace,
            ),
            where=release.name,
        )
    ]
