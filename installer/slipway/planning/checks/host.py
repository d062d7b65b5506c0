"""What is wrong with one host: its kernel, clock, resolver, disk, and what runs there already."""

import re
from collections.abc import Iterator

from slipway.errors import WARNING, Finding
from slipway.findings import FindingCode
from slipway.model.configuration import Configuration
from slipway.model.host.items import Host
from slipway.model.observed import HostObserved
from slipway.model.plan import StepId
from slipway.planning.checks.cloud import cloud_state
from slipway.planning.checks.firewall import lockout
from slipway.planning.checks.gpu import gpu_state
from slipway.planning.checks.lasting import lasting_state
from slipway.planning.checks.mounts import mounts_state
from slipway.planning.checks.networks import network_state, routes_state
from slipway.planning.ports import FIREWALLS, ports_served

#: Oldest kernel that kubeadm's system validator takes (k8s.io/system-validators, KernelSpec).
KERNEL = (4, 19)
#: glibc uses three name servers, and the kubelet cuts the list there (MaxDNSNameservers).
NAMESERVERS = 3
#: Milliseconds: etcd asks for 10 at the 99th percentile of its log's fsync (etcd.io/docs, tuning and hardware).
FSYNC = 10.0
#: What has a cluster of its own.
DISTRIBUTIONS = frozenset({"k3s", "k3s-agent", "rke2-server", "rke2-agent", "snap.microk8s.daemon-kubelite"})


def host_state(configuration: Configuration, host: Host, seen: HostObserved) -> Iterator[Finding]:
    """All that its survey tells."""
    path = f"host/{host.name}"
    yield from _kernel(path, seen)
    yield from _cgroup(path, configuration, host, seen)
    yield from _swap(path, host, seen)
    yield from _clock(path, seen)
    yield from _resolver(path, host, seen)
    yield from cloud_state(path, host, seen)
    yield from _disk(path, seen)
    yield from _strangers(path, configuration, host, seen)
    yield from lockout(path, configuration, host, seen)
    yield from _ports(path, configuration, host, seen)
    yield from mounts_state(host, seen)
    yield from gpu_state(path, host, seen)
    yield from _runtime(path, host, seen)
    yield from network_state(path, host, seen)
    yield from routes_state(path, host, seen)
    yield from lasting_state(configuration, host, seen)


def _kernel(path: str, seen: HostObserved) -> Iterator[Finding]:
    found = re.match(r"(\d+)\.(\d+)", seen.facts.kernel)
    if found and (int(found[1]), int(found[2])) < KERNEL:
        wanted = ".".join(map(str, KERNEL))
        text = f"runs Linux {seen.facts.kernel}"
        yield Finding(
            path,
            text,
            expected=f"{wanted} or newer",
            hint="install a newer kernel and reboot",
            code=FindingCode.KERNEL,
        )
    survey = seen.survey
    if survey.filesystems and "overlay" not in (*survey.filesystems, *survey.loadable):
        hint = "install the package with the kernel's modules, or another kernel"
        yield Finding(
            path,
            "has a kernel without overlayfs",
            expected="the module overlay",
            hint=hint,
            code=FindingCode.OVERLAY,
        )
    if survey.selinux == "enforcing":
        hint = "set it to permissive, or install container-selinux"
        yield Finding(
            path,
            "enforces SELinux",
            expected="policies for containers",
            hint=hint,
            code=FindingCode.SELINUX,
            severity=WARNING,
        )


def _cgroup(path: str, configuration: Configuration, host: Host, seen: HostObserved) -> Iterator[Finding]:
    """The kubelet refuses version 1 since 1.35, unless it is told not to."""
    kubernetes = configuration.spec.kubernetes
    if seen.survey.cgroup != 1 or kubernetes is None:
        return
    merged = {**kubernetes.kubelet.extra_config, **host.settings.kubelet}
    if merged.get("failCgroupV1") is not False:
        hint = (
            "boot with systemd.unified_cgroup_hierarchy=1, or set kubernetes.kubelet.extraConfig.failCgroupV1"
        )
        yield Finding(
            path,
            "has control groups of version 1",
            expected="version 2",
            hint=f"{hint} to false",
            code=FindingCode.CGROUP,
        )


def _swap(path: str, host: Host, seen: HostObserved) -> Iterator[Finding]:
    if not seen.survey.swaps or host.settings.swap != "off":
        return
    if "node_prepare" in seen.records:
        text = f"swaps again, to {', '.join(seen.survey.swaps)}"
        hint = "slipway apply switches it off, and what makes it; settings.swap: keep leaves it"
        yield Finding(
            path,
            text,
            expected="no swap under the kubelet",
            hint=hint,
            code=FindingCode.SWAP_AGAIN,
            severity=WARNING,
        )
    else:
        text = f"swaps to {', '.join(seen.survey.swaps)}"
        hint = "nothing to do: it is switched off, now and at boot; settings.swap: keep leaves it"
        yield Finding(
            path,
            text,
            expected="no swap under the kubelet",
            hint=hint,
            code=FindingCode.SWAP,
            severity=WARNING,
        )


def _clock(path: str, seen: HostObserved) -> Iterator[Finding]:
    """A container has the clock of its machine."""
    if seen.facts.time and not seen.survey.clock and not seen.survey.container:
        hint = "run chrony against a time server of the site"
        text = "has no service that keeps its clock"
        yield Finding(
            path,
            text,
            expected="chrony, ntpd or systemd-timesyncd",
            hint=hint,
            code=FindingCode.CLOCK,
            severity=WARNING,
        )


def _resolver(path: str, host: Host, seen: HostObserved) -> Iterator[Finding]:
    count = len(host.settings.dns.servers or seen.survey.nameservers)
    if count > NAMESERVERS:
        hint = "name the best ones under settings.dns.servers"
        text = f"has {count} name servers"
        yield Finding(
            path,
            text,
            expected=f"at most {NAMESERVERS}",
            hint=hint,
            code=FindingCode.NAMESERVERS,
            severity=WARNING,
        )


def _disk(path: str, seen: HostObserved) -> Iterator[Finding]:
    if seen.survey.fsync > FSYNC:
        text = f"needs {seen.survey.fsync:.0f} ms to make a small write durable under /var/lib/etcd"
        hint = "put /var/lib/etcd on a local SSD; slow disks cost etcd its leader"
        yield Finding(
            path,
            text,
            expected=f"{FSYNC:.0f} ms or less",
            hint=hint,
            code=FindingCode.FSYNC,
            severity=WARNING,
        )


def _strangers(path: str, configuration: Configuration, host: Host, seen: HostObserved) -> Iterator[Finding]:
    for unit in seen.survey.services:
        if unit in DISTRIBUTIONS:
            text = f"runs {unit}, a Kubernetes of its own"
            hint = "uninstall it with its own script, or leave the host out"
            yield Finding(path, text, expected="a host in no cluster", hint=hint, code=FindingCode.FOREIGN)
        elif unit in FIREWALLS and host.settings.firewall.mode == "keep":
            ports = ", ".join(map(str, sorted(ports_served(configuration, host))))
            hint = f"open TCP {ports} and UDP 8472 between the hosts, or set firewall.mode to ports or off"
            yield Finding(
                path,
                f"filters packets with {unit}",
                expected="open ports",
                hint=hint,
                code=FindingCode.FIREWALL,
                severity=WARNING,
            )
        elif (
            unit not in FIREWALLS
            and "container_runtime" not in seen.records
            and unit != host.settings.runtime.type
        ):
            hint = "stop it and remove its package where nothing else needs it: its containers would be lost"
            text = f"runs {unit} already"
            yield Finding(
                path,
                text,
                expected="no other container runtime",
                hint=hint,
                code=FindingCode.CONTAINER_RUNTIME,
                severity=WARNING,
            )


def _ports(path: str, configuration: Configuration, host: Host, seen: HostObserved) -> Iterator[Finding]:
    """A port is free until the role that listens at it was begun."""
    begun = {StepId.parse(intent.step).action for intent in seen.intents} | set(seen.records)
    taken = {listener.port: listener.program for listener in seen.survey.listeners}
    for port, role in sorted(ports_served(configuration, host).items()):
        if port in taken and role not in begun and not seen.kubernetes:
            text = f"has port {port} taken by {taken[port] or 'another program'}"
            yield Finding(
                path,
                text,
                expected="a free port",
                hint="stop that program, or move it",
                code=FindingCode.PORT,
            )


def _runtime(path: str, host: Host, seen: HostObserved) -> Iterator[Finding]:
    """What was kept, and what Docker cannot do with the registries that it is told of."""
    runtime = host.settings.runtime
    for root in seen.old_data_roots:
        if root != runtime.remove_old_data_root:
            hint = f"nothing to do; runtime.removeOldDataRoot: {root} deletes it"
            text = f"still has the data root {root}, which was moved away from"
            yield Finding(
                path, text, expected="none", hint=hint, code=FindingCode.OLD_DATA_ROOT, severity=WARNING
            )
    if runtime.type != "docker":
        return
    for found in runtime.registries:
        if found.endpoint or (found.mirrors and found.name != "docker.io"):
            text = f"runs Docker, which cannot be told where {found.name} answers"
            hint = "name images by the mirror's own name, or set runtime.type: containerd"
            yield Finding(
                path, text, expected="mirrors of docker.io only", hint=hint, code=FindingCode.DOCKER_MIRROR
            )
