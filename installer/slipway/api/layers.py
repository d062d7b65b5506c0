"""What is wrong with settings in the layer where they stand: defaults, a group, a host."""

import ipaddress
from collections.abc import Iterator

from slipway.errors import Finding
from slipway.findings import FindingCode
from slipway.model.host.directories import SHARED, SYSTEM
from slipway.model.host.firewall import Firewall
from slipway.model.host.items import Hosts
from slipway.model.host.runtime import Runtime
from slipway.model.host.settings import HostSettings
from slipway.model.kubernetes import Kubernetes

HIGHEST_PORT = 65535


def layer_findings(hosts: Hosts, kubernetes: Kubernetes | None) -> Iterator[Finding]:
    """Every finding of every layer."""
    layers = [("spec.hosts.defaults", hosts.defaults)]
    layers += [(f"spec.hosts.groups.{name}", settings) for name, settings in hosts.groups.items()]
    layers += [(f"spec.hosts.items[{i}].settings", item.settings) for i, item in enumerate(hosts.items)]
    for path, settings in layers:
        yield from _taints(path, settings)
        yield from _directories(path, settings)
        yield from _routes(path, settings, kubernetes)
        yield from _open_ports(f"{path}.firewall.openPorts", settings.firewall)
        yield from _runtime(f"{path}.runtime", settings.runtime)


def _taints(path: str, settings: HostSettings) -> Iterator[Finding]:
    seen: set[tuple[str, str]] = set()
    for index, taint in enumerate(settings.taints):
        if (taint.key, taint.effect) in seen:
            yield Finding(
                f"{path}.taints[{index}]",
                f"{taint.key} with {taint.effect} is there twice",
                expected="each once",
                hint="",
                code=FindingCode.DUPLICATE_TAINT,
            )
        seen.add((taint.key, taint.effect))


def _directories(path: str, settings: HostSettings) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, directory in enumerate(settings.directories):
        wanted, where = directory.path, f"{path}.directories[{index}].path"
        owner = next((one for one in SYSTEM if wanted == one or wanted.startswith(f"{one}/")), "")
        if owner or wanted in SHARED:
            expected = "a directory that is not the system's"
            yield Finding(
                where, f"{wanted} is part of the system", expected=expected, code=FindingCode.SYSTEM_DIRECTORY
            )
        if wanted in seen:
            yield Finding(
                where, f"{wanted} is there twice", expected="each once", code=FindingCode.DUPLICATE_DIRECTORY
            )
        seen.add(wanted)


def _open_ports(path: str, firewall: Firewall) -> Iterator[Finding]:
    for index, port in enumerate(firewall.open_ports):
        first, _, last = port.partition("/")[0].partition("-")
        if int(last or first) > HIGHEST_PORT or (last and int(first) > int(last)):
            expected = f"ports up to {HIGHEST_PORT}, the lower one first"
            yield Finding(
                f"{path}[{index}]",
                f"{port} is no range of ports",
                expected=expected,
                code=FindingCode.PORT_RANGE,
            )


def _runtime(path: str, runtime: Runtime) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, registry in enumerate(runtime.registries):
        if registry.name in seen:
            text = f"{registry.name} is there twice"
            yield Finding(
                f"{path}.registries[{index}]", text, expected="each once", code=FindingCode.DUPLICATE_REGISTRY
            )
        seen.add(registry.name)
    if runtime.data_root and runtime.remove_old_data_root == runtime.data_root:
        yield Finding(
            f"{path}.removeOldDataRoot",
            f"is {runtime.data_root!r}, the data root itself",
            expected="one that was moved away from",
            hint="",
            code=FindingCode.DATA_ROOT_IN_USE,
        )


def _routes(path: str, settings: HostSettings, kubernetes: Kubernetes | None) -> Iterator[Finding]:
    seen: set[ipaddress.IPv4Network] = set()
    for index, route in enumerate(settings.routes):
        where, to = f"{path}.routes[{index}]", ipaddress.IPv4Network(route.to, strict=False)
        if route.to != str(to):
            yield Finding(
                f"{where}.to",
                f"{route.to} has host bits set",
                expected=f"its first address: {to}",
                code=FindingCode.HOST_BITS,
            )
        if to.prefixlen == 0:
            text = "is the default route"
            yield Finding(
                f"{where}.to",
                text,
                expected="a range: the way out is the host's own",
                code=FindingCode.DEFAULT_ROUTE,
            )
        elif ipaddress.IPv4Address(route.via) in to:
            text = f"leads to {to} by {route.via}, which lies in it"
            yield Finding(
                f"{where}.via",
                text,
                expected="a gateway on one of the host's links",
                code=FindingCode.GATEWAY_BEHIND_ITSELF,
            )
        if to in seen:
            yield Finding(
                f"{where}.to", f"{to} is there twice", expected="each once", code=FindingCode.DUPLICATE_ROUTE
            )
        seen.add(to)
        for name, taken in _ranges(kubernetes):
            if to.prefixlen and to.overlaps(taken):
                text = f"leads into {name} {taken}"
                yield Finding(
                    f"{where}.to",
                    text,
                    expected="a range without pods and Services",
                    code=FindingCode.ROUTE_INTO_CLUSTER,
                )


def _ranges(kubernetes: Kubernetes | None) -> Iterator[tuple[str, ipaddress.IPv4Network]]:
    if kubernetes:
        network = kubernetes.network
        yield "podCIDR", ipaddress.IPv4Network(network.pod_cidr, strict=False)
        yield "serviceCIDR", ipaddress.IPv4Network(network.service_cidr, strict=False)
