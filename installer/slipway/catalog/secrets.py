"""Secrets that modules declare: which apply, what a site may say of them, and how templates name them. No value."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from slipway.catalog.modules import Module, holds
from slipway.catalog.settings_schema import settings_of
from slipway.errors import ConfigurationError, Finding
from slipway.findings import FindingCode
from slipway.settings import NAMESPACE

if TYPE_CHECKING:
    from slipway.model.configuration import Configuration, ModuleSpec
    from slipway.model.modulesecrets import SecretEntry

#: The Secret with the key of all hosts, where nobody says otherwise: no module is given it, whoever asks.
_SSH: Final = "ssh"


def entry_mistakes(entries: "Iterable[SecretEntry]", namespaces: Collection[str]) -> Iterator[Finding]:
    """What the entries of one module mean together. `namespaces`: its releases', which alone may have its Secrets."""
    names: dict[str, int] = {}
    for index, one in enumerate(entries):
        place = f"{one.secret.namespace}/{one.secret.name}"
        for name in (one.name, place):
            first = names.setdefault(name, index)
            if first != index:
                text = f"{name} is also that of secrets[{first}]"
                yield Finding(f"secrets[{index}]", text, code=FindingCode.DUPLICATE)
        if one.secret.namespace not in {*namespaces} - {NAMESPACE}:
            text = f"is {one.secret.namespace!r}, in which the module has no release of its own"
            yield Finding(f"secrets[{index}].secret.namespace", text, code=FindingCode.BAD_VALUE)


def applying_secrets(module: Module, settings: Mapping[str, Any]) -> "tuple[SecretEntry, ...]":
    """The entries that these settings (with defaults) ask for."""
    return tuple(one for one in module.secrets if holds(one.when, settings))


@dataclass(frozen=True, slots=True)
class SecretNames:
    """What a template learns of a secret."""

    name: str
    """Of the Secret in which the chart looks."""
    keys: frozenset[str]

    def key(self, name: str) -> str:
        """The name of a key that the entry declares."""
        if name not in self.keys:
            raise LookupError(f"the module's secret {self.name} has no key {name}")
        return name


def secret_names(module: Module, settings: Mapping[str, Any]) -> Callable[[str], SecretNames]:
    """`secret('admin')` in a template: `.name` of the Secret and `.key('password')`, and never what is in it."""
    applying = {one.name: one for one in applying_secrets(module, settings)}

    def secret(name: str) -> SecretNames:
        if name not in applying:
            raise LookupError(f"the module declares no secret {name}, or not for these settings")
        entry = applying[name]
        return SecretNames(entry.secret.name, frozenset(entry.keys))

    return secret


def secret_findings(
    modules: Mapping[str, Module], configuration: "Configuration", enabled: Iterable[str]
) -> Iterator[Finding]:
    """Findings of `spec.modules.NAME.secrets`, and what an `enabled` module has to be given and is not."""
    taken = _taken(configuration)
    for name, spec in configuration.spec.modules.items():
        if name in modules:
            yield from _said(modules[name], spec, taken)
    for name in enabled:
        yield from _ungiven(modules[name], configuration.spec.modules.get(name))


def _taken(configuration: "Configuration") -> dict[str, str]:
    """Secrets by which hosts or the registry are reached, and what for."""
    found: dict[str, str] = {}
    for one in (configuration.site, configuration):
        if one.namespace == configuration.namespace:
            registry = one.spec.registry
            found |= {ref.name: "the registry" for ref in (registry.pull_ref, registry.push_ref) if ref}
            found |= {reference.partition("/")[0]: "hosts" for reference in one.login_references}
    return found


def _said(module: Module, spec: "ModuleSpec", taken: Mapping[str, str]) -> Iterator[Finding]:
    known = {one.name: one for one in module.secrets}
    for name, said in spec.secrets.items():
        path = f"spec.modules.{module.name}.secrets.{name}"
        if name not in known:
            yield _unknown(path, "the module declares no such secret", name, known)
            continue
        for key, ref in said.given.items():
            if key not in known[name].keys:
                yield _unknown(f"{path}.given.{key}", "the secret has no such key", key, known[name].keys)
            elif ref.name == _SSH or ref.name in taken:
                opens = taken.get(ref.name, "hosts")
                yield Finding(
                    f"{path}.given.{key}.name",
                    f"is {ref.name!r}, which is that of {opens}: no module is given it",
                    expected="a Secret made for this module",
                    hint="put its value into a Secret of another name",
                    code=FindingCode.RESERVED_NAME,
                )


def _ungiven(module: Module, spec: "ModuleSpec | None") -> Iterator[Finding]:
    from slipway.model.modulesecrets import Making

    if not module.secrets:
        return
    settings = settings_of(module, spec.settings if spec else {})
    for entry in applying_secrets(module, settings):
        said = spec.secrets.get(entry.name) if spec else None
        given = said.given if said else {}
        for key in (
            key for key, rule in entry.keys.items() if rule.make is Making.GIVEN and key not in given
        ):
            path = f"spec.modules.{module.name}.secrets.{entry.name}.given.{key}"
            text = f"is missing: {entry.purpose}"
            hint = "name a Secret and its key there: {name: NAME, key: KEY}"
            yield Finding(
                path, text, expected="a secret of the site", hint=hint, code=FindingCode.MISSING_FIELD
            )


def rotation_of(module: Module, entry: str, spec: "ModuleSpec | None") -> int:
    """The rotation that a site has of a module's secret.

    Raises:
        ConfigurationError: there is no such secret, or the site gives all of it.
    """
    known = {one.name: one for one in module.secrets}
    path = f"spec.modules.{module.name}.secrets.{entry}"
    if entry not in known:
        raise ConfigurationError(
            f"module {module.name} has no secret {entry!r}",
            where=path,
            findings=(_unknown(path, "the module declares no such secret", entry, known),),
        )
    said = spec.secrets.get(entry) if spec else None
    given = said.given.keys() if said else set()
    if all(key in given or rule.make == "given" for key, rule in known[entry].keys.items()):
        raise ConfigurationError(
            f"the site gives all of secret {entry}: there is nothing to make anew",
            where=f"{path}.given",
            hint="change it where it comes from, then: slipway apply",
        )
    return said.rotation if said else 0


def _unknown(path: str, text: str, name: str, known: Collection[str]) -> Finding:
    close = get_close_matches(name, list(known), n=1)
    return Finding(
        path,
        text,
        expected=f"one of {', '.join(sorted(known))}" if known else "none: the module has no secrets",
        hint=f"did you mean {close[0]!r}?" if close else "",
        code=FindingCode.UNKNOWN_SECRET,
    )
