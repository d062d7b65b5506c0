"""What all modules of a plan stand on: looked up once, however many they are."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from slipway.catalog import Catalog, Module, Selected, cluster_facts
from slipway.catalog.relations.succession import UpgradeStep
from slipway.catalog.rendering import Rendered
from slipway.model.bundle import Artifact, ArtifactKind, BundleManifest
from slipway.model.configuration import Configuration, ModuleSpec
from slipway.model.platforms import AMD64


@dataclass(frozen=True, slots=True)
class Ground:
    """A configuration with its catalog and bundle, by the names that modules ask for."""

    configuration: Configuration
    catalog: Catalog
    selection: Mapping[str, Selected]
    facts: Mapping[str, Any]
    images: Mapping[str, str]
    """Reference -> digest of what the bundle carries."""
    charts: Mapping[str, Artifact]

    def spec(self, name: str) -> ModuleSpec:
        """What is wanted of a module."""
        return self.configuration.spec.modules.get(name, ModuleSpec())

    def rendered(self, name: str) -> Rendered:
        """A module's values, and what it asked of others."""
        module, spec = self.catalog.modules[name], self.spec(name)
        facts, on = self._facts(module), self.selection[name].on
        return self.catalog.rendered(module, spec.settings, spec.values, facts, on)

    def objects(self, name: str, step: UpgradeStep) -> tuple[Mapping[str, Any], ...]:
        """What a step of a module's upgrade makes."""
        module = self.catalog.modules[name]
        return self.catalog.step_objects(module, step, self.spec(name).settings, self._facts(module))

    def _facts(self, module: Module) -> Mapping[str, Any]:
        digests = {image: self.images[image] for image in module.images if image in self.images}
        return {**self.facts, "digests": digests}


def ground_of(configuration: Configuration, catalog: Catalog, bundle: BundleManifest) -> Ground:
    """What the modules of this configuration stand on."""
    images: dict[str, str] = {}
    charts: dict[str, Artifact] = {}
    for artifact in bundle.there:
        if artifact.kind is ArtifactKind.IMAGE:
            images[artifact.reference] = artifact.digest
        elif artifact.kind is ArtifactKind.CHART and artifact.serves(AMD64):
            charts.setdefault(artifact.name, artifact)
    return Ground(
        configuration=configuration,
        catalog=catalog,
        selection=catalog.selection(configuration),
        facts=cluster_facts(configuration),
        images=images,
        charts=charts,
    )
