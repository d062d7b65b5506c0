"""What no single field can tell: names that mean nobody, two of one name, too many votes."""

import re
from collections.abc import Iterable, Iterator

from slipway.api import addresses, disks, layers, modulesources, mounts, networks, ranges, secretrefs, swap
from slipway.api.explain import nearest
from slipway.api.merge import resolve
from slipway.errors import Finding
from slipway.findings import FindingCode
from slipway.model.configuration import Registry, Spec
from slipway.model.fields import IPV4
from slipway.model.host.items import RESERVED_NAMES, HostItem, Hosts
from slipway.model.kubernetes import Endpoint, Kubelet, Kubernetes


def spec_findings(spec: Spec) -> Iterator[Finding]:
    """Every finding of a spec whose fields are each well-formed."""
    yield from _belonging(spec)
    if spec.kubernetes:
        yield from _endpoint(spec.kubernetes.endpoint)
        yield from _kubelet(spec.kubernetes.kubelet)
        yield from ranges.range_findings(spec.kubernetes)
    if spec.hosts:
        yield from _unique(spec.hosts.items)
        yield from _names(spec.hosts.items)
        yield from _groups(spec.hosts)
        yield from _control_planes(spec.hosts.items)
        yield from _roles(spec.hosts.items)
        yield from layers.layer_findings(spec.hosts, spec.kubernetes)
        yield from _merged(spec.hosts, spec.kubernetes)
        yield from networks.network_findings(spec.hosts, spec.kubernetes)
    if spec.hosts and spec.kubernetes:
        yield from _vip(spec.hosts.items, spec.kubernetes)
        yield from _meanings(spec.hosts.items, spec.kubernetes.endpoint, spec.registry)
        yield from ranges.room_findings(spec.kubernetes, len(spec.hosts.items))
    yield from _registry(spec.registry, spec.hosts)
    yield from modulesources.source_findings(spec.module_sources)
    yield from addresses.address_findings(spec)
    yield from secretrefs.secret_findings(spec)


def _merged(hosts: Hosts, kubernetes: Kubernetes | None) -> Iterator[Finding]:
    """What can be judged of a host's merged settings only; a group that is not there is told elsewhere."""
    if all(group in hosts.groups for item in hosts.items for group in item.groups):
        resolved = resolve(hosts)
        yield from mounts.mount_findings(hosts, resolved)
        yield from disks.data_disk_findings(resolved)
        yield from swap.swap_findings(resolved, kubernetes)


def _belonging(spec: Spec) -> Iterator[Finding]:
    if spec.hosts and not spec.kubernetes:
        yield Finding(
            "spec.kubernetes",
            "is missing",
            expected="kubernetes and hosts: both or neither",
            hint="",
            code=FindingCode.HOSTS_WITHOUT_KUBERNETES,
        )
    if spec.kubernetes and not spec.hosts:
        yield Finding(
            "spec.hosts",
            "is missing",
            expected="kubernetes and hosts: both or neither",
            hint="",
            code=FindingCode.KUBERNETES_WITHOUT_HOSTS,
        )


def _endpoint(endpoint: Endpoint) -> Iterator[Finding]:
    path = "spec.kubernetes.endpoint"
    kind = endpoint.load_balancer
    if kind != "none" and not endpoint.vip:
        text = f"an address, as loadBalancer is {kind}"
        yield Finding(f"{path}.vip", "is missing", expected=text, code=FindingCode(f"{kind}-needs-vip"))
    if kind == "none" and endpoint.vip:
        yield Finding(
            f"{path}.vip",
            f"is {endpoint.vip!r}",
            expected="no vip, as loadBalancer is none",
            hint="",
            code=FindingCode.VIP_WITHOUT_BALANCER,
        )


def _kubelet(kubelet: Kubelet) -> Iterator[Finding]:
    gc = kubelet.image_gc
    if gc.low >= gc.high:
        yield Finding(
            "spec.kubernetes.kubelet.imageGC.low",
            f"is {gc.low}",
            expected=f"less than high, {gc.high}",
            hint="",
            code=FindingCode.IMAGE_GC_ORDER,
        )


def _unique(items: Iterable[HostItem]) -> Iterator[Finding]:
    names: dict[str, int] = {}
    owners: dict[str, int] = {}
    for index, item in enumerate(items):
        for article, field, value, seen in (
            ("a", "name", item.name, names),
            ("an", "address", item.address, owners),
        ):
            first = seen.setdefault(value, index)
            if first != index:
                yield Finding(
                    f"spec.hosts.items[{index}].{field}",
                    f"{value!r} is also that of items[{first}]",
                    expected=f"{article} {field} of its own",
                    hint="",
                    code=FindingCode(f"duplicate-{field}"),
                )


def _names(items: Iterable[HostItem]) -> Iterator[Finding]:
    """Names that mean something else to Ansible or to resolvers."""
    for index, item in enumerate(items):
        path, text = f"spec.hosts.items[{index}].name", f"is {item.name!r}"
        if item.name in RESERVED_NAMES:
            expected = f"another name than {', '.join(sorted(RESERVED_NAMES))}"
            yield Finding(
                path,
                f"{text}, which Ansible has for itself",
                expected=expected,
                code=FindingCode.RESERVED_NAME,
            )
        elif item.name.rpartition(".")[2].isdigit():
            expected = "a name whose last part has a letter: resolvers take numbers for addresses"
            yield Finding(
                path, text, expected=expected, hint=f"node-{item.name}", code=FindingCode.NAME_OF_NUMBERS
            )


def _groups(hosts: Hosts) -> Iterator[Finding]:
    known = sorted(hosts.groups)
    for index, item in enumerate(hosts.items):
        for place, group in enumerate(item.groups):
            if group not in hosts.groups:
                yield Finding(
                    f"spec.hosts.items[{index}].groups[{place}]",
                    f"there is no group {group!r} in spec.hosts.groups",
                    expected=f"one of {', '.join(known)}" if known else "a group that is defined",
                    hint=nearest(group, known),
                    code=FindingCode.UNKNOWN_GROUP,
                )


def _control_planes(items: Iterable[HostItem]) -> Iterator[Finding]:
    count = sum("control-plane" in item.roles for item in items)
    if not count:
        yield Finding(
            "spec.hosts.items",
            "no host has the role control-plane",
            expected="at least one",
            code=FindingCode.NO_CONTROL_PLANE,
        )
    elif count % 2 == 0:
        yield Finding(
            "spec.hosts.items",
            f"{count} hosts have the role control-plane",
            expected="an odd number: with an even one etcd survives no more failures than with one less",
            hint=f"use {count - 1} or {count + 1}",
            code=FindingCode.EVEN_CONTROL_PLANES,
        )


def _roles(items: Iterable[HostItem]) -> Iterator[Finding]:
    for index, item in enumerate(items):
        if len(set(item.roles)) != len(item.roles):
            yield Finding(
                f"spec.hosts.items[{index}].roles",
                "names a role twice",
                expected="each role once",
                hint="",
                code=FindingCode.DUPLICATE_ROLE,
            )


def _vip(items: Iterable[HostItem], kubernetes: Kubernetes) -> Iterator[Finding]:
    endpoint = kubernetes.endpoint
    owner = next((item.name for item in items if item.address == endpoint.vip), "")
    if owner and endpoint.load_balancer == "keepalived":
        yield Finding(
            "spec.kubernetes.endpoint.vip",
            f"is {endpoint.vip!r}, the address of host {owner}",
            expected="an address that no host has: it moves between the control planes",
            hint="",
            code=FindingCode.VIP_OF_A_HOST,
        )


def _meanings(items: tuple[HostItem, ...], endpoint: Endpoint, registry: Registry) -> Iterator[Finding]:
    """Names and addresses that every host writes down: each name means one machine."""
    hosts = {item.name: item.address for item in items}
    planes = [item.address for item in items if "control-plane" in item.roles]
    path, name, target = (
        "spec.kubernetes.endpoint.address",
        endpoint.address,
        endpoint.vip or "".join(planes[:1]),
    )
    if re.fullmatch(IPV4, name):
        if target and name != target:
            expected = f"{target}, or a name for it"
            yield Finding(
                path,
                f"is {name!r}, and the API is at {target}",
                expected=expected,
                code=FindingCode.ENDPOINT_ELSEWHERE,
            )
    elif hosts.get(name, target) != target:
        text = f"is {name!r}, the name of a host at {hosts[name]}, and the API is at {target}"
        yield Finding(path, text, expected="a name that nothing else has", code=FindingCode.NAME_OF_TWO)
    builtin = registry.mode == "builtin"
    owner = hosts.get(registry.host or "", "".join(planes[:1]))
    taken = {**hosts, name: target}
    if builtin and taken.get(registry.name, owner) != owner:
        text = f"is {registry.name!r}, which means {taken[registry.name]}, and the registry is at {owner}"
        yield Finding(
            "spec.registry.name", text, expected="a name that nothing else has", code=FindingCode.NAME_OF_TWO
        )


def _registry(registry: Registry, hosts: Hosts | None) -> Iterator[Finding]:
    path = "spec.registry"
    if registry.mode == "external" and not registry.endpoint:
        yield Finding(
            f"{path}.endpoint",
            "is missing",
            expected="its URL, as mode is external",
            code=FindingCode.EXTERNAL_NEEDS_ENDPOINT,
        )
    if registry.mode == "builtin" and registry.endpoint:
        yield Finding(
            f"{path}.endpoint",
            f"is {registry.endpoint!r}",
            expected="none, as mode is builtin",
            hint="",
            code=FindingCode.BUILTIN_WITH_ENDPOINT,
        )
    if registry.mode == "builtin" and registry.project:
        yield Finding(
            f"{path}.project",
            f"is {registry.project!r}",
            expected="none, as mode is builtin",
            hint="",
            code=FindingCode.BUILTIN_WITH_PROJECT,
        )
    if registry.mode == "builtin" and registry.port == registry.push_port:
        yield Finding(
            f"{path}.pushPort",
            f"is {registry.push_port}, as port is",
            expected="another port",
            code=FindingCode.SAME_PORT,
        )
    names = [item.name for item in hosts.items] if hosts else []
    for field, name in (("host", registry.host), ("replica", registry.replica)):
        if name and name not in names:
            yield Finding(
                f"{path}.{field}",
                f"there is no host {name!r}",
                expected="a host of spec.hosts.items",
                hint=nearest(name, names),
                code=FindingCode.UNKNOWN_HOST,
            )
    yield from _replica(registry, hosts)


def _replica(registry: Registry, hosts: Hosts | None) -> Iterator[Finding]:
    """A second host of Slipway's own registry, and truly a second one."""
    if not registry.replica:
        return
    path, text = "spec.registry.replica", f"is {registry.replica!r}"
    planes = [item.name for item in hosts.items if "control-plane" in item.roles] if hosts else []
    if registry.mode == "external":
        yield Finding(
            path, text, expected="none, as mode is external", code=FindingCode.EXTERNAL_WITH_REPLICA
        )
    elif registry.replica == (registry.host or next(iter(planes), "")):
        yield Finding(
            path,
            f"{text}, which has the registry itself",
            expected="another host",
            code=FindingCode.REPLICA_IS_HOST,
        )
