"""Flags and fields that are handed on to Kubernetes, against what the version itself knows. Pure.

`images/kubernetes/VERSION.json` is made from the version's own code (python -m tests.options). A flag that its program
does not know ends in a control plane that does not start, so it is found here, with the nearest name that is known.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from slipway.api.explain import nearest
from slipway.api.yamlfile import kind_of, step
from slipway.catalog import owned
from slipway.errors import Finding
from slipway.findings import FindingCode

if TYPE_CHECKING:
    from slipway.model.configuration import Configuration
    from slipway.model.host.items import Hosts
    from slipway.model.kubernetes import Kubernetes

#: A word for a plain type, {"list": X}, {"map": X} or {"fields": {NAME: X}}.
Shape: TypeAlias = str | Mapping[str, Any]

#: How much of a request an API server logs.
AUDIT_LEVELS = ("None", "Metadata", "Request", "RequestResponse")
#: Types of flags that may be given several times.
REPEATED = frozenset({"stringArray", "stringSlice", "strings", "namedCertKey"})
#: Type of a flag -> what its value looks like, and in words.
VALUES = {
    "bool": (r"(?i:t|f|1|0|true|false)", "true or false, in quotes"),
    "duration": (r"-?(0|(\d+(\.\d*)?(ns|us|µs|ms|s|m|h))+)", "a duration, as 1m30s"),
    **dict.fromkeys(("int", "int32", "int64"), (r"[-+]?\d+", "a whole number, in quotes")),
    **dict.fromkeys(("uint", "uint32"), (r"\d+", "a whole number, in quotes")),
    **dict.fromkeys(("float32", "float64"), (r"[-+]?\d+(\.\d+)?([eE][-+]?\d+)?", "a number, in quotes")),
}
#: Plain types of a field.
PLAIN = {
    "boolean": ((bool,), "true or false"),
    "integer": ((int,), "a whole number"),
    "number": ((int, float), "a number"),
    "string": ((str,), "text (put it in quotes)"),
}


@dataclass(frozen=True, slots=True)
class Options:
    """What one Kubernetes version can be told."""

    flags: Mapping[str, Mapping[str, str]]
    """Program -> flag -> type."""
    kinds: Mapping[str, Shape]
    """Configuration kinds and, for plugins of the scheduler, their arguments: KIND -> shape."""
    gates: Sequence[str]
    """Feature gates of any of its programs."""
    plugins: Sequence[str]
    """Admission plugins."""


def option_findings(options: Options, configuration: "Configuration") -> Iterator[Finding]:
    """Everything that would be handed on and not be understood, or that is set by another field."""
    kubernetes, hosts = configuration.spec.kubernetes, configuration.spec.hosts
    if kubernetes:
        yield from _programs(options, kubernetes)
        yield from _kinds(options, kubernetes)
    if hosts:
        for path, settings in layers(hosts):
            yield from _kind(options, "KubeletConfiguration", settings, path, owned.KUBELET)


def _programs(options: Options, kubernetes: "Kubernetes") -> Iterator[Finding]:
    for program, field, arguments in (
        ("kube-apiserver", "apiServer", kubernetes.api_server.extra_args),
        ("kube-controller-manager", "controllerManager", kubernetes.controller_manager.extra_args),
        ("kube-scheduler", "scheduler", kubernetes.scheduler.extra_args),
        ("etcd", "etcd", kubernetes.etcd.extra_args),
    ):
        for name, value in arguments.items():
            path = step(f"spec.kubernetes.{field}.extraArgs", name)
            yield from _flag(options, program, name, value, path)
    for index, plugin in enumerate(kubernetes.api_server.admission_plugins):
        path = f"spec.kubernetes.apiServer.admissionPlugins[{index}]"
        yield from _named(plugin, options.plugins, path, "admission plugin", FindingCode.UNKNOWN_PLUGIN)


def _kinds(options: Options, kubernetes: "Kubernetes") -> Iterator[Finding]:
    for index, (name, arguments) in _plugin_arguments(kubernetes.scheduler.config):
        kind = f"{name}Args"
        if kind in options.kinds and isinstance(arguments, Mapping):
            theirs = {key: value for key, value in arguments.items() if key not in owned.TYPE}
            yield from _value(options.kinds[kind], theirs, f"spec.kubernetes.scheduler.config.{index}.args")
    for kind, path, fields, owners in (
        ("KubeSchedulerConfiguration", "scheduler.config", kubernetes.scheduler.config, owned.SCHEDULER),
        ("KubeletConfiguration", "kubelet.extraConfig", kubernetes.kubelet.extra_config, owned.KUBELETS),
        (
            "KubeProxyConfiguration",
            "kubeProxy.extraConfig",
            kubernetes.kube_proxy.extra_config,
            owned.KUBE_PROXY,
        ),
        ("Policy", "auditPolicy", kubernetes.audit_policy, owned.TYPE),
    ):
        yield from _kind(options, kind, fields, f"spec.kubernetes.{path}", owners)
    yield from _levels(kubernetes.audit_policy)


def _levels(policy: Mapping[str, Any]) -> Iterator[Finding]:
    """An API server does not start with a rule that has none of these."""
    path = "spec.kubernetes.auditPolicy.rules"
    rules = _maps(policy.get("rules"))
    if policy and not rules:
        yield Finding(path, "is missing", expected="a rule or more", code=FindingCode.MISSING_FIELD)
    for index, rule in enumerate(rules):
        if rule.get("level") not in AUDIT_LEVELS:
            yield Finding(
                f"{path}[{index}].level",
                f"is {rule.get('level')!r}",
                expected=f"one of {', '.join(AUDIT_LEVELS)}",
                code=FindingCode.BAD_VALUE,
            )


def _plugin_arguments(config: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, Any]]]:
    """Arguments of the scheduler's plugins, which have kinds of their own: place, name, arguments."""
    for profile, found in enumerate(_maps(config.get("profiles"))):
        for index, plugin in enumerate(_maps(found.get("pluginConfig"))):
            place = f"profiles[{profile}].pluginConfig[{index}]"
            yield place, (str(plugin.get("name")), plugin.get("args"))


def _maps(value: Any) -> list[Mapping[str, Any]]:
    """The list, with nothing in the place of what is no map: its type is a finding already."""
    return [item if isinstance(item, Mapping) else {} for item in value] if isinstance(value, list) else []


def layers(hosts: "Hosts") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Path and content of each map of KubeletConfiguration below spec.hosts."""
    yield "spec.hosts.defaults.kubelet", hosts.defaults.kubelet
    for name, settings in hosts.groups.items():
        yield f"spec.hosts.groups.{name}.kubelet", settings.kubelet
    for index, item in enumerate(hosts.items):
        yield f"spec.hosts.items[{index}].settings.kubelet", item.settings.kubelet


def _flag(options: Options, program: str, name: str, value: str, path: str) -> Iterator[Finding]:
    known = options.flags[program]
    if name not in known:
        hint = nearest(name.lstrip("-"), sorted(known))
        expected = "its name without the leading dashes" if name.startswith("-") else ""
        yield Finding(
            path,
            f"{program} has no flag --{name.lstrip('-')}",
            expected=expected,
            hint=hint,
            code=FindingCode.UNKNOWN_FLAG,
        )
        return
    owner = owned.FLAGS[program].get(name)
    if owner:
        yield _owned(path, owner)
        return
    lines = value.splitlines() if known[name] in REPEATED else [value]
    pattern, words = VALUES.get(known[name], (r".*", "one line: it cannot be given several times"))
    if not all(re.fullmatch(pattern, line) for line in lines):
        yield Finding(path, f"is {value!r}", expected=words, code=FindingCode.BAD_VALUE)
    if name == "feature-gates" and program != "etcd":  # which has gates of its own
        gates = (gate.partition("=")[0].rpartition(":")[2].strip() for gate in value.split(","))
        for gate in gates:
            yield from _named(gate, options.gates, path, "feature gate", FindingCode.UNKNOWN_GATE)


def _kind(
    options: Options, kind: str, fields: Mapping[str, Any], path: str, owners: Mapping[str, str]
) -> Iterator[Finding]:
    for dotted, owner in owners.items():
        place = _place(fields, dotted, path)
        if place:
            yield _owned(place, owner)
    theirs = {name: value for name, value in fields.items() if name not in owners}
    yield from _value(options.kinds[kind], theirs, path)
    gates = theirs.get("featureGates")
    for gate in gates if isinstance(gates, Mapping) else ():
        yield from _named(
            gate, options.gates, step(f"{path}.featureGates", gate), "feature gate", FindingCode.UNKNOWN_GATE
        )


def _place(fields: Mapping[str, Any], dotted: str, path: str) -> str:
    """Path of the field where it is set, else nothing."""
    value: Any = fields
    for name in dotted.split("."):
        if not isinstance(value, Mapping) or name not in value:
            return ""
        value, path = value[name], step(path, name)
    return path


def _value(shape: Shape, value: Any, path: str) -> Iterator[Finding]:
    if value is None or shape == "any":
        return
    if isinstance(shape, str):
        kinds, words = PLAIN[shape]
        if not isinstance(value, kinds) or (isinstance(value, bool) and shape != "boolean"):
            yield Finding(
                path, f"is {kind_of(value)}: {value!r}", expected=words, code=FindingCode.WRONG_TYPE
            )
    elif "list" in shape:
        if not isinstance(value, list):
            yield Finding(path, f"is {kind_of(value)}", expected="a list", code=FindingCode.WRONG_TYPE)
            return
        for index, item in enumerate(value):
            yield from _value(shape["list"], item, step(path, index))
    elif not isinstance(value, Mapping):
        yield Finding(path, f"is {kind_of(value)}", expected="a map", code=FindingCode.WRONG_TYPE)
    else:
        known = shape.get("fields")
        for name, item in value.items():
            if known is None or name in known:
                yield from _value(shape["map"] if known is None else known[name], item, step(path, name))
            else:
                yield _unknown(name, known, step(path, name))


def _unknown(name: str, known: Mapping[str, Any], path: str) -> Finding:
    return Finding(
        path, "there is no such field", hint=nearest(name, sorted(known)), code=FindingCode.UNKNOWN_FIELD
    )


def _named(name: str, known: Sequence[str], path: str, what: str, code: FindingCode) -> Iterator[Finding]:
    if name not in known:
        yield Finding(path, f"there is no {what} {name!r}", hint=nearest(name, known), code=code)


def _owned(path: str, owner: str) -> Finding:
    field = "." in owner and " " not in owner
    return Finding(
        path,
        f"is set by {owner}",
        expected="no such key here",
        hint=f"set {owner} instead" if field else "",
        code=FindingCode.OWNED_OPTION,
    )
