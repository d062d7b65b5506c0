"""What may go wrong on a host at any time, before an installation as well as long after it.

Preflight asks it of hosts that a plan touches, and `slipway preflight` of all. A finding of a host that is a node is a
warning where the node lives with it for now: an error would keep a plan from mending something else.
"""

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network
from typing import Final

from slipway.errors import ERROR, WARNING, Finding
from slipway.findings import FindingCode
from slipway.model.configuration import Configuration
from slipway.model.host.items import Host
from slipway.model.observed import HostObserved, Observed
from slipway.model.standing import Ailment, Cause, Part
from slipway.planning.checks.packets import packet_state
from slipway.planning.routes import route_of

#: What kubeadm makes of a control plane.
STATIC_PODS: Final = (
    "etcd.yaml",
    "kube-apiserver.yaml",
    "kube-controller-manager.yaml",
    "kube-scheduler.yaml",
)
#: Seconds that a host's clock may differ from this machine's: certificates and tokens of both are compared by it.
SKEW: Final = 60.0
#: Days before its end from which on a certificate is told. kubeadm's live for 365.
RENEWAL: Final = 30
_DAY: Final = 86400.0
#: Where programs of Slipway and of pods are started from, beside the runtime's data.
PROGRAMS: Final = ("/usr/local/bin", "/opt/cni/bin", "/opt/slipway", "/var/lib/kubelet")
#: Of these names an address of a node is found; a host cannot be prepared while nobody can replace them.
NAMES: Final = frozenset({"/etc/hosts", "/etc/hostname"})


def lasting_hints(configuration: Configuration, observed: Observed) -> Iterator[Ailment]:
    """The same of all hosts that are nodes and were read: a plan tells it also where it has no step for them."""
    for host in configuration.hosts:
        seen = observed.hosts.get(host.name)
        if seen and seen.reachable and seen.kubernetes:
            for found in lasting_state(configuration, host, seen):
                yield Ailment(Part.NODE, host.name, Cause.HOST, f"{found.problem}\nnext: {found.hint}")


def lasting_state(configuration: Configuration, host: Host, seen: HostObserved) -> Iterator[Finding]:
    """All of it for one host."""
    path = f"host/{host.name}"
    yield from _networks(path, configuration, seen)
    yield from _manifests(path, host, seen)
    yield from _way_out(path, configuration, seen)
    yield from packet_state(path, configuration, host, seen)
    yield from _clock(path, seen)
    yield from _programs(path, host, seen)
    yield from _names(path, host, seen)
    yield from _certificates(path, seen)


def _networks(path: str, configuration: Configuration, seen: HostObserved) -> Iterator[Finding]:
    """A runtime takes the first file by name, whoever wrote it: after a reboot no pod would start."""
    kubernetes = configuration.spec.kubernetes
    if kubernetes is None:
        return
    enabled = {name for name, module in configuration.spec.modules.items() if module.enabled}
    providers = (kubernetes.network.cni, *sorted(enabled))
    foreign = [name for name in seen.survey.cni if not any(own in name for own in providers)]
    if foreign:
        files = " ".join(f"/etc/cni/net.d/{name}" for name in foreign)
        text = f"has network configuration of an earlier life: {files}"
        expected = f"that of {kubernetes.network.cni} alone"
        yield Finding(
            path,
            text,
            expected=expected,
            hint=f"remove what is no more: rm {files}",
            code=FindingCode.CNI_LEFTOVER,
        )


def _manifests(path: str, host: Host, seen: HostObserved) -> Iterator[Finding]:
    """The kubelet runs whatever file is there, also a copy that an editor or an administrator left."""
    begun = "kubernetes_control_plane" in seen.records or any(
        intent.step.endswith("/kubernetes_control_plane") for intent in seen.intents
    )
    own = STATIC_PODS if host.control_plane and (begun or seen.kubernetes) else ()
    stray = [name for name in seen.survey.manifests if name not in own]
    if stray:
        files = " ".join(f"/etc/kubernetes/manifests/{name}" for name in stray)
        text = f"has files among its static pods that are not kubeadm's: {files}"
        hint = "move them elsewhere: the kubelet starts a pod of each, copies too"
        severity = WARNING if seen.kubernetes else ERROR
        yield Finding(
            path,
            text,
            expected=", ".join(own) or "none",
            hint=hint,
            code=FindingCode.STRAY_MANIFEST,
            severity=severity,
        )


def _way_out(path: str, configuration: Configuration, seen: HostObserved) -> Iterator[Finding]:
    """The kernel looks for a way before kube-proxy's rules: without one, no address of a Service is reached."""
    kubernetes, routes = configuration.spec.kubernetes, seen.facts.routes
    if kubernetes is None or not routes or any(line.startswith("default") for line in routes):
        return
    services = IPv4Network(kubernetes.network.service_cidr)
    if not any(services.subnet_of(found) for line in routes if (found := route_of(line))):
        text = "has no default route, and none for Services"
        hint = "give it one, also where no gateway answers: ip route add default dev LINK, and in its network settings"
        yield Finding(
            path,
            text,
            expected=f"a route by which {services} leaves",
            hint=hint,
            code=FindingCode.NO_DEFAULT_ROUTE,
        )


def _clock(path: str, seen: HostObserved) -> Iterator[Finding]:
    """Against the machine from which hosts are installed; between hosts it is `clock-skew`."""
    survey = seen.survey
    if seen.facts.time and abs(survey.skew) - survey.skew_error > SKEW:
        word = "ahead of" if survey.skew > 0 else "behind"
        text = f"has a clock {_span(abs(survey.skew))} {word} this machine's"
        hint = "see which of both is wrong (date -u), and keep both with a time server: certificates are judged by it"
        yield Finding(
            path, text, expected=f"{SKEW:.0f} s at most", hint=hint, code=FindingCode.CLOCK_INSTALLER
        )


def _span(seconds: float) -> str:
    for size, unit in ((_DAY, "days"), (3600.0, "hours"), (60.0, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _programs(path: str, host: Host, seen: HostObserved) -> Iterator[Finding]:
    """By mount, as one `noexec` may be of many directories."""
    places: dict[str, list[str]] = {}
    for directory in (*PROGRAMS, host.settings.runtime.root):
        mount, options = seen.survey.mount_of(directory)
        if "noexec" in options:
            places.setdefault(mount, []).append(directory)
    for mount, directories in places.items():
        text = f"has {mount} mounted noexec: no program starts from {', '.join(directories)}"
        hint = f"take noexec from {mount} in /etc/fstab and run mount -o remount,exec {mount}"
        yield Finding(
            path, text, expected="a mount from which programs start", hint=hint, code=FindingCode.NOEXEC
        )


def _names(path: str, host: Host, seen: HostObserved) -> Iterator[Finding]:
    survey, own = seen.survey, bool(host.settings.dns.servers or host.settings.dns.search)
    if survey.resolver_lost and not (own and "node_prepare" not in seen.records):
        found = (
            "is missing"
            if survey.resolver_lost == "missing"
            else f"leads to {survey.resolver_lost}, which is not there"
        )
        text, hint = (
            f"has a resolver's file that cannot be read: /etc/resolv.conf {found}",
            "start what keeps it",
        )
        hint += (
            " (systemd-resolved, NetworkManager), or name servers in settings.dns.servers: pods inherit it"
        )
        yield Finding(
            path, text, expected="a file with name servers", hint=hint, code=FindingCode.RESOLVER_LOST
        )
    wanted = NAMES | ({"/etc/resolv.conf"} if own else frozenset())
    held = [name for name in survey.immutable if name in wanted]
    if held:
        files = " ".join(held)
        text, hint = f"has files that nobody can replace (immutable): {files}", f"chattr -i {files}"
        yield Finding(path, text, expected="files that can be written", hint=hint, code=FindingCode.IMMUTABLE)


def _certificates(path: str, seen: HostObserved) -> Iterator[Finding]:
    """By the host's own clock, which judges them too."""
    ends = {one.path: (one.expires - seen.facts.time) / _DAY for one in seen.survey.certificates}
    soon = {name: days for name, days in ends.items() if days < RENEWAL}
    if seen.facts.time and soon:
        first = min(soon.values())
        text = f"has certificates that end: {', '.join(_ending(soon))}"
        hint = "on control planes: kubeadm certs renew all, then restart its pods one by one; a kubelet renews its own"
        severity = ERROR if first < 0 else WARNING
        yield Finding(
            path,
            text,
            expected=f"more than {RENEWAL} days",
            hint=hint,
            code=FindingCode.CERTIFICATE,
            severity=severity,
        )


def _ending(soon: dict[str, float]) -> Sequence[str]:
    ordered = sorted(soon.items(), key=lambda item: item[1])
    return [
        f"{name} {f'in {days:.0f} days' if days >= 0 else f'{-days:.0f} days ago'}" for name, days in ordered
    ]
