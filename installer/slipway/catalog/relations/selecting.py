"""Which modules are wanted, why, and in which order. Pure.

Enabled is what the user enabled, the provider that `network.cni` names, and whatever those require. What
cannot be decided (a requirement that is disabled, or that none or several provide) becomes a Finding.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from slipway.catalog.modules import Module
from slipway.catalog.relations.clashes import Clash, Wrong, clash_findings, clashes_of
from slipway.catalog.relations.ordering import order_of
from slipway.catalog.settings_schema import settings_of
from slipway.errors import Finding
from slipway.findings import FindingCode

if TYPE_CHECKING:
    from slipway.model.configuration import Configuration


@dataclass(frozen=True, slots=True)
class Selected:
    """What was decided for a module."""

    enabled: bool
    why: str
    requires: tuple[str, ...] = ()
    """Modules, resolved from capabilities."""
    after: tuple[str, ...] = ()
    """Modules that it uses and that are on: they come first."""
    on: frozenset[str] = frozenset()
    """Of the names under `uses` those that something has which is on: what `has()` answers."""


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
    chooser = _chosen(modules, configuration, external, broken)
    findings = chooser.findings
    if chooser.clashes:

        def wrong(changed: "Configuration") -> Wrong:
            return _chosen(modules, changed, external, broken).wrong

        ways = clash_findings(chooser.clashes, configuration, chooser.requires, wrong)
        findings = [*findings, *ways]
    decided = {name: chooser.decision(name) for name in modules}
    order = order_of(modules, {name: (*one.requires, *one.after) for name, one in decided.items()})
    return Choice({name: decided[name] for name in order}, findings)


def _chosen(
    modules: Mapping[str, Module],
    configuration: "Configuration",
    external: Collection[str],
    broken: Collection[str],
) -> "_Chooser":
    chooser = _Chooser(modules, configuration, external, broken)
    chooser.run()
    return chooser


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
        self.configuration = configuration
        self.specs = configuration.spec.modules
        kubernetes = configuration.spec.kubernetes
        self.cni = kubernetes.network.cni if kubernetes else ""
        # A configuration without a cluster of its own is for one that has its network already.
        self.external = external if kubernetes else {*external, "cni"}
        self.elsewhere = configuration.elsewhere
        self.why: dict[str, str] = {}
        self.requires: dict[str, tuple[str, ...]] = {}
        self.findings: list[Finding] = []
        self.clashes: list[Clash] = []
        self.open_choices: list[tuple[str, str]] = []
        self.providers: dict[str, list[str]] = {}
        for name in sorted(modules):
            for capability in modules[name].provides:
                self.providers.setdefault(capability.name, []).append(name)

    def run(self) -> None:
        """Enable what was asked for, then what that requires, until nothing is added."""
        self._enable_cni()
        for name, spec in self.specs.items():
            if spec.enabled and name in self.modules:
                self.why.setdefault(name, f"spec.modules.{name}.enabled")
        queue = list(self.why)
        for name in queue:  # grows while it is walked
            queue += self._meet(name)
        for name, wanted in self.open_choices:
            self._settle(name, wanted)
        there = {name: owner for name, owner in self.elsewhere.items() if not self._enabled(name)}
        self.clashes = clashes_of(self.modules, self.why, there, self._settings)

    @property
    def wrong(self) -> Wrong:
        """All that is."""
        clashes = {(one.path, one.code) for one in self.clashes}
        return frozenset({(one.path, one.code) for one in self.findings} | clashes)

    def decision(self, name: str) -> Selected:
        """What was decided for one module."""
        if name in self.why:
            return Selected(True, self.why[name], self.requires.get(name, ()), *self._using(name))
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

    def _settings(self, name: str) -> dict[str, Any]:
        """Of a module, with defaults; of one that another configuration has the defaults alone."""
        spec = self.specs.get(name)
        return settings_of(self.modules[name], spec.settings if spec else {})

    def _meet(self, name: str) -> list[str]:
        """Resolve one module's requirements; the modules that are enabled for it."""
        module, added, resolved = self.modules[name], [], []
        settings = self._settings(name)
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
        chosen = [name for name in candidates if self._enabled(name)]  # what the user named comes first
        chosen += [name for name in candidates if name in self.why]
        chosen += [name for name in candidates if self._there(name)]
        if chosen:
            return chosen[0]
        open_ones = [name for name in candidates if not self._disabled(name)]
        path = f"spec.modules.{module}"
        if len(open_ones) == 1:
            return open_ones[0]
        if open_ones:  # what else is required may decide it
            self.open_choices.append((module, wanted))
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

    def _settle(self, name: str, wanted: str) -> None:
        """By then all is on that anything requires; where that is none of the providers, it is the user's choice."""
        providers = self._providers(wanted)
        if chosen := [one for one in providers if one in self.why]:
            self.requires[name] = tuple(sorted({*self.requires[name], chosen[0]}))
            return
        open_ones = [one for one in providers if not self._disabled(one)]
        self.findings.append(
            Finding(
                f"spec.modules.{name}",
                f"requires {wanted}, which several modules provide",
                expected=f"one of {', '.join(open_ones)} enabled",
                hint=", or ".join(f"spec.modules.{one}.enabled: true" for one in open_ones),
                code=FindingCode.AMBIGUOUS,
            )
        )

    def _using(self, name: str) -> tuple[tuple[str, ...], frozenset[str]]:
        """Modules that come first because this one uses them, and which of its uses something has."""
        after: set[str] = set()
        on: set[str] = set()
        for use in self.modules[name].uses:
            those = {use.name, *self._providers(use.name)} - {name}
            here = {other for other in those if other in self.why}
            if here or use.name in self.external or any(map(self._of_site, those)):
                on.add(use.name)
            after |= here if use.first else set()
        return tuple(sorted(after)), frozenset(on)

    def _providers(self, capability: str) -> list[str]:
        return self.providers.get(capability, [])

    def _of_site(self, name: str) -> bool:
        """Whether the ClusterConfiguration with the hosts has it: what a team has is no fact for others."""
        site = self.configuration.cluster
        return site is not None and self.elsewhere.get(name) == f"{site.namespace}/{site.name}"

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
