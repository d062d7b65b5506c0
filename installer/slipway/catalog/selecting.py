"""Which modules are wanted, why, and in which order. Pure.

Enabled is what the user enabled, the provider that `network.cni` names, and whatever those require. What
cannot be decided (a requirement that is disabled, or that none or several provide) becomes a Finding.
"""

from collections.abc import Collection, Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, NamedTuple

from slipway.catalog.modules import Module, Stage
from slipway.catalog.settings_schema import with_defaults
from slipway.errors import ConfigurationError, Finding
from slipway.findings import FindingCode

if TYPE_CHECKING:
    from slipway.model.configuration import Configuration

#: Capabilities of which a cluster can have one provider only.
EXCLUSIVE = ("cni", "default-storage-class")


class Selected(NamedTuple):
    """What was decided for a module; `requires` are module names, resolved from capabilities."""

    enabled: bool
    why: str
    requires: tuple[str, ...] = ()


class Choice(NamedTuple):
    """The whole decision."""

    selected: dict[str, Selected]
    findings: list[Finding]


def choice_of_modules(
    modules: Mapping[str, Module],
    configuration: "Configuration",
    external: Collection[str],
    broken: Collection[str] = (),
) -> Choice:
    """Decide for every module of the catalog; `broken` ones are there, and cannot be used."""
    chooser = _Chooser(modules, configuration, external, broken)
    chooser.run()
    order = _order(modules, chooser.requires)
    return Choice({name: chooser.decision(name) for name in order}, chooser.findings)


class _Chooser:
    """The working state of one decision: a queue of modules whose requirements are still to be met."""

    def __init__(
        self,
        modules: Mapping[str, Module],
        configuration: "Configuration",
        external: Collection[str],
        broken: Collection[str],
    ) -> None:
        self.modules = modules
        self.broken = broken
        self.specs = configuration.spec.modules
        kubernetes = configuration.spec.kubernetes
        self.cni = kubernetes.network.cni if kubernetes else ""
        # A configuration without a cluster of its own is for one that has its network already.
        self.external = external if kubernetes else {*external, "cni"}
        self.elsewhere = configuration.elsewhere
        self.why: dict[str, str] = {}
        self.requires: dict[str, tuple[str, ...]] = {}
        self.findings: list[Finding] = []

    def run(self) -> None:
        """Enable what was asked for, then what that requires, until nothing is added."""
        self._enable_cni()
        for name, spec in self.specs.items():
            if spec.enabled and name in self.modules:
                self.why.setdefault(name, f"spec.modules.{name}.enabled")
        queue = list(self.why)
        while queue:
            queue += self._meet(queue.pop(0))
        self._check_exclusive()

    def decision(self, name: str) -> Selected:
        """What was decided for one module."""
        if name in self.why:
            return Selected(True, self.why[name], self.requires.get(name, ()))
        spec = self.specs.get(name)
        if name in self.elsewhere:
            return Selected(False, f"it is {self.elsewhere[name]}'s")
        off = f"spec.modules.{name}.enabled is false" if spec and spec.enabled is False else "not asked for"
        return Selected(False, off)

    def _enable_cni(self) -> None:
        if not self.cni or "cni" in self.external:
            return
        path = "spec.kubernetes.network.cni"
        providers = self._providers("cni")
        if self.cni not in providers:
            expected = f"one of {', '.join(providers)}" if providers else ""
            self._finding(
                path, f"module {self.cni!r} does not provide cni", expected, FindingCode.UNKNOWN_CNI
            )
        elif self._disabled(self.cni):
            self._disabled_finding(self.cni, f"{path} names it")
        else:
            self.why[self.cni] = path

    def _meet(self, name: str) -> list[str]:
        """Resolve one module's requirements; the modules that are enabled for it."""
        module, added, resolved = self.modules[name], [], []
        spec = self.specs.get(name)
        settings = with_defaults(module.schema, spec.settings if spec else {})
        for requirement in module.requires:
            if not requirement.applies(settings) or requirement.name in self.external:
                continue
            provider = self._provider(name, requirement.name)
            if provider is None:
                continue
            resolved.append(provider)
            if provider not in self.why and not self._there(provider):
                self.why[provider] = f"required by {name}" + _as(provider, requirement.name)
                added.append(provider)
        self.requires[name] = tuple(sorted(resolved))
        return added

    def _provider(self, module: str, wanted: str) -> str | None:
        """The module that meets a requirement, or None and a finding."""
        candidates = [wanted] if wanted in self.modules else self._providers(wanted)
        if wanted == "cni" and self.cni:
            candidates = [self.cni] if self.cni in candidates else []
        chosen = [name for name in candidates if name in self.why or self._enabled(name)]
        chosen += [name for name in candidates if self._there(name)]
        if chosen:
            return chosen[0]
        open_ones = [name for name in candidates if not self._disabled(name)]
        path = f"spec.modules.{module}"
        if len(open_ones) == 1:
            return open_ones[0]
        if open_ones:
            names = ", ".join(open_ones)
            self._finding(
                path,
                f"requires {wanted}, which several modules provide",
                f"one of {names} enabled",
                FindingCode.AMBIGUOUS,
            )
        elif candidates:
            self._disabled_finding(candidates[0], f"{module} requires it{_as(candidates[0], wanted)}")
        elif wanted in self.broken:
            text = f"requires {wanted}, whose folder cannot be used"
            self._finding(path, text, "", FindingCode.BROKEN_MODULE)
        elif wanted != "cni":  # a wrong network.cni is reported once, not for every module that requires it
            self._finding(
                path, f"requires {wanted}, which no module of this catalog provides", "", FindingCode.MISSING
            )
        return None

    def _check_exclusive(self) -> None:
        for capability in EXCLUSIVE:
            enabled = [name for name in self._providers(capability) if name in self.why]
            there = [name for name in self._providers(capability) if self._there(name)]
            for name in enabled if there else ():
                text = f"provides {capability}, as {there[0]} of {self.elsewhere[there[0]]} does"
                self._finding(f"spec.modules.{name}", text, "one of them", FindingCode.DUPLICATE)
            for name in enabled[1:]:
                self._finding(
                    f"spec.modules.{name}",
                    f"provides {capability}, as {enabled[0]} does",
                    "one of them",
                    FindingCode.DUPLICATE,
                )

    def _providers(self, capability: str) -> list[str]:
        return sorted(name for name, module in self.modules.items() if capability in module.provides)

    def _there(self, name: str) -> bool:
        """Whether another ClusterConfiguration has it, and this one does not want it for itself."""
        return name in self.elsewhere and not self._enabled(name)

    def _enabled(self, name: str) -> bool:
        return name in self.specs and self.specs[name].enabled is True

    def _disabled(self, name: str) -> bool:
        return name in self.specs and self.specs[name].enabled is False

    def _disabled_finding(self, name: str, why: str) -> None:
        path = f"spec.modules.{name}.enabled"
        if any(one.path == path for one in self.findings):
            return  # one mistake, one finding: the first reason is enough to mend it
        self.findings.append(
            Finding(
                path, f"is false, but {why}", expected="true, or unset", code=FindingCode.REQUIRES_DISABLED
            )
        )

    def _finding(self, path: str, problem: str, expected: str, code: FindingCode) -> None:
        self.findings.append(Finding(path, problem, expected=expected, code=code))


def _as(module: str, wanted: str) -> str:
    return "" if module == wanted else f" (as {wanted})"


def _order(modules: Mapping[str, Module], requires: Mapping[str, Iterable[str]]) -> list[str]:
    """All modules, requirements first; among equals the network stage, then by name."""
    sorter = TopologicalSorter({name: requires.get(name, ()) for name in modules})
    try:
        sorter.prepare()
    except CycleError as exc:
        raise ConfigurationError(
            "modules require each other in a circle",
            where="spec.modules",
            why=" -> ".join(exc.args[1]),
            hint="this is a defect of these modules",
        ) from exc
    order: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready(), key=lambda name: (modules[name].stage is not Stage.NETWORK, name))
        order += ready
        sorter.done(*ready)
    return order
