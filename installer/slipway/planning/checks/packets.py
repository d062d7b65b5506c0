"""The packet filter of a host: whether the kernel has what Services need, and who takes rules away."""

from collections.abc import Iterator
from typing import Final

from slipway.errors import WARNING, Finding
from slipway.findings import FindingCode
from slipway.model.configuration import Configuration
from slipway.model.host.items import Host
from slipway.model.observed import HostObserved
from slipway.planning.roles.kubernetes import keeps_services

#: What role kubernetes_node loads when the kubelet starts.
SERVICES: Final = "inet slipway-services"


def packet_state(
    path: str, configuration: Configuration, host: Host, seen: HostObserved
) -> Iterator[Finding]:
    """All of it for one host."""
    yield from _packet_filter(path, configuration, seen)
    yield from _rules(path, configuration, seen)
    yield from _reload(path, configuration, host, seen)


def _packet_filter(path: str, configuration: Configuration, seen: HostObserved) -> Iterator[Finding]:
    """What kube-proxy and the network's module write their rules into. A container has its machine's kernel."""
    kubernetes, kernel = configuration.spec.kubernetes, set(seen.survey.loadable)
    if kubernetes is None or not kernel or seen.survey.container:
        return
    mode = kubernetes.kube_proxy.mode
    wanted = {"nftables": ["nf_tables"], "ipvs": ["ip_vs"]}.get(mode, [])
    missing = [module for module in wanted if module not in kernel]
    if not kernel & {"ip_tables", "nf_tables"}:
        missing.append("nf_tables or ip_tables")
    if missing:
        text = f"has a kernel without {', '.join(dict.fromkeys(missing))}, which Services need (kubeProxy.mode {mode})"
        hint = "install the package with the kernel's modules, or another kernel, and reboot"
        yield Finding(
            path,
            text,
            expected="a kernel that filters and translates packets",
            hint=hint,
            code=FindingCode.PACKET_FILTER,
        )


def _rules(path: str, configuration: Configuration, seen: HostObserved) -> Iterator[Finding]:
    """`nft flush ruleset`, as nftables.service does it at a reload, takes what the kubelet's start has loaded."""
    kubernetes, tables = configuration.spec.kubernetes, seen.survey.tables
    if kubernetes is None or not keeps_services(kubernetes) or not seen.kubernetes:
        return
    if "kubernetes_node" in seen.records and tables and SERVICES not in tables:
        text = f"has lost the table {SERVICES}, which keeps packets for Services on the node"
        hint = "systemctl restart kubelet loads it again, and pods go on; see what flushes the packet filter there"
        yield Finding(
            path, text, expected="its rules", hint=hint, code=FindingCode.SERVICES_RULES, severity=WARNING
        )


def _reload(path: str, configuration: Configuration, host: Host, seen: HostObserved) -> Iterator[Finding]:
    """Read anew, firewalld empties the tables of iptables, whoever's chains are there."""
    kubernetes = configuration.spec.kubernetes
    if (
        kubernetes is None
        or kubernetes.kube_proxy.mode != "iptables"
        or "firewalld" not in seen.survey.services
    ):
        return
    if host.settings.firewall.mode == "keep":
        text = "runs firewalld, whose reload takes away kube-proxy's rules for up to 30 s and pods' host ports for good"
        hint = "set kubeProxy.mode to nftables, a table of its own; or firewall.mode to ports or off"
        yield Finding(
            path,
            text,
            expected="rules that stay",
            hint=hint,
            code=FindingCode.FIREWALL_RELOAD,
            severity=WARNING,
        )
