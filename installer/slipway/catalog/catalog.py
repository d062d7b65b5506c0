"""The catalog as planning and the command line see it: pure answers about one release of Slipway."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from slipway.catalog import bounds, options, rendering, secrets, settings_schema
from slipway.catalog.modules import Module
from slipway.catalog.options import Options
from slipway.catalog.relations import selecting
from slipway.catalog.relations.kubernetes import kubernetes_findings
from slipway.catalog.relations.selecting import Selected
from slipway.catalog.relations.succession import UpgradeStep
from slipway.catalog.rendering import Rendered
from slipway.digests import json_digest
from slipway.errors import ConfigurationError, Finding
from slipway.findings import FindingCode
from slipway.model.modulehealth import Expectations, kinds_of

if TYPE_CHECKING:
    from slipway.catalog.versions import Versions
    from slipway.model.bundle import BundleManifest
    from slipway.model.configuration import Configuration

__all__ = ["Catalog", "Selected"]


def whole_digest(core: str, folders: Mapping[str, str]) -> str:
    """The digest of a catalog of these two."""
    return json_digest({"core": core, "modules": dict(folders)})


@dataclass(frozen=True, slots=True)
class Catalog:
    """Modules, roles and versions of one release.

    `core` is the digest of all but the modules: bundles and operators compare it. Each module has one of its own.
    """

    version: str
    core: str
    modules: Mapping[str, Module]
    roles: Mapping[str, str]
    versions: "Versions"
    options: Mapping[str, Options]
    """What each Kubernetes version can be told."""
    broken: Mapping[str, ConfigurationError] = field(default_factory=dict)
    """Modules whose folders cannot be used, and why; all others can."""
    folders: Mapping[str, str] = field(default_factory=dict)
    """Digest of each module's folder by its name, of those too that cannot be used."""
    replaced: tuple[str, ...] = ()
    """Modules that the release of this machine has otherwise: they came with the bundle."""

    def __hash__(self) -> int:
        """By content."""
        return hash(self.digest)

    @property
    def digest(self) -> str:
        """Names core and modules together: a plan says by it what it was made with."""
        return whole_digest(self.core, self.folders)

    @property
    def expectations(self) -> Expectations:
        """What modules say of health: of objects, and of kinds, which are the same for all of them."""
        return Expectations(
            {name: module.health.rules for name, module in self.modules.items() if module.health.rules},
            kinds_of(one for module in self.modules.values() for one in module.kinds),
        )

    def named(self, name: str) -> Module:
        """The module that somebody named.

        Raises:
            ConfigurationError: there is none of that name.
        """
        if name in self.modules:
            return self.modules[name]
        if name in self.broken:
            raise self.broken[name]
        close = get_close_matches(name, self.modules, n=1)
        hint = f"did you mean {close[0]}?" if close else "slipway catalog list"
        raise ConfigurationError(f"there is no module {name!r}", hint=hint)

    def of(self, names: Collection[str]) -> "Catalog":
        """With these modules alone; none named: with all that can be used.

        Raises:
            ConfigurationError: one is not there, or cannot be used.
        """
        return replace(self, modules={name: self.named(name) for name in names}) if names else self

    def check(self, configuration: "Configuration", external: Collection[str] = ()) -> list[Finding]:
        """What is wrong with version, what is handed on to Kubernetes, `spec.modules` and `network.cni`.

        `external` capabilities count as provided.
        """
        choice = self._choice(configuration, external)
        on = [name for name, one in choice.selected.items() if one.enabled]
        enabled = (self.modules[name] for name in on)
        provided = {*external, *(one.name for module in enabled for one in module.provides)}
        return [
            *self._version(configuration),
            *self._options(configuration),
            *bounds.bound_findings(configuration, provided),
            *settings_schema.module_findings(self.modules, configuration, self.broken),
            *secrets.secret_findings(self.modules, configuration, on),
            *choice.findings,
            *kubernetes_findings(self.modules, configuration, on, self.versions.kubernetes_versions()),
        ]

    def selection(
        self, configuration: "Configuration", external: Collection[str] = ()
    ) -> dict[str, Selected]:
        """Every module of the catalog: enabled or not, why, what it requires; in the order to apply them."""
        return self._choice(configuration, external).selected

    def images_for(self, configuration: "Configuration", name: str) -> tuple[str, ...]:
        """Of a module's images what its settings there ask for."""
        module, spec = self.named(name), configuration.spec.modules.get(name)
        return module.images_with(self.settings(module, spec.settings if spec else {}))

    def settings(self, module: Module, settings: Mapping[str, Any]) -> dict[str, Any]:
        """A user's settings by the names of this version, with the schema's defaults filled in."""
        return settings_schema.settings_of(module, settings)

    def values(
        self,
        module: Module,
        settings: Mapping[str, Any],
        overrides: Mapping[str, Any],
        facts: Mapping[str, Any],
        on: Collection[str] = (),
    ) -> dict[str, dict[str, Any]]:
        """Helm values per release: template from settings and facts, then the user's raw values over them.

        `on`: of the module's `uses` those that something has which is on.
        """
        return self.rendered(module, settings, overrides, facts, on).values

    def rendered(
        self,
        module: Module,
        settings: Mapping[str, Any],
        overrides: Mapping[str, Any],
        facts: Mapping[str, Any],
        on: Collection[str],
    ) -> Rendered:
        """The same, and what the templates asked of other modules."""
        known = {"catalog": self.core, **facts}
        return rendering.values(module, self.settings(module, settings), overrides, known, on)

    def step_objects(
        self, module: Module, step: UpgradeStep, settings: Mapping[str, Any], facts: Mapping[str, Any]
    ) -> tuple[dict[str, Any], ...]:
        """The objects of a step of an upgrade, of a user's settings."""
        known = {"catalog": self.core, **facts}
        return rendering.step_objects(module, step, self.settings(module, settings), known)

    def bundle_for(self, configuration: "Configuration", bundle: "BundleManifest") -> "BundleManifest":
        """The bundle, in which names of programs mean those of the configuration's Kubernetes version."""
        kubernetes, known = configuration.site.spec.kubernetes, self.versions.kubernetes_versions()
        if kubernetes is None or kubernetes.version not in known:
            return bundle
        return bundle.of_release(self.versions.release(kubernetes.version).binaries)

    def _version(self, configuration: "Configuration") -> list[Finding]:
        kubernetes, known = configuration.spec.kubernetes, self.versions.kubernetes_versions()
        if kubernetes is None or kubernetes.version in known:
            return []
        path, text = "spec.kubernetes.version", f"this release cannot install {kubernetes.version}"
        return [Finding(path, text, expected=f"one of {', '.join(known)}", code=FindingCode.UNKNOWN_VERSION)]

    def _options(self, configuration: "Configuration") -> Iterable[Finding]:
        """Of a version that is known; another one is a finding already."""
        kubernetes = configuration.spec.kubernetes
        known = self.options.get(kubernetes.version) if kubernetes else None
        return options.option_findings(known, configuration) if known else ()

    def _choice(self, configuration: "Configuration", external: Collection[str]) -> selecting.Choice:
        return selecting.choice_of_modules(self.modules, configuration, external, self.broken)
