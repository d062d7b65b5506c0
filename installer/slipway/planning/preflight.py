"""Is everything fit for the plan? Judged from what was observed, before the first change."""

from collections.abc import Iterable, Iterator

from slipway.errors import WARNING, Finding
from slipway.findings import FindingCode
from slipway.model.bundle import ArtifactKind, BundleManifest
from slipway.model.codes import HostCode, RefusalCode
from slipway.model.configuration import Configuration
from slipway.model.host.items import Host
from slipway.model.observed import HostObserved, Observed
from slipway.model.plan import Plan, StepKind
from slipway.model.platforms import PLATFORMS, Platform, of_machine
from slipway.model.systems import system_of
from slipway.planning.checks.auditing import audit_findings
from slipway.planning.checks.disks import disk_findings
from slipway.planning.checks.encryption import encryption_findings
from slipway.planning.checks.fleet import fleet_state
from slipway.planning.checks.host import host_state
from slipway.planning.checks.logins import login_findings
from slipway.planning.checks.ports import port_clashes
from slipway.planning.interpreter import interpreter_findings
from slipway.planning.standing import standing_findings

#: MiB. kubeadm refuses control planes below 1700; a worker's system daemons need the rest.
MEMORY = {"control-plane": 1700, "worker": 900}
#: MiB free that images and containers of this release's own components need on the data root.
DISK = 2048
#: kubeadm refuses a control plane with fewer.
CPUS = 2

#: Share of the nodes that fit in the pod range from which on it is said.
NEARLY_FULL = 0.8

#: What a new key or password of the SSH user can be wrong about.
CREDENTIAL_CODES = {HostCode.AUTH, HostCode.SUDO}

#: Codes of a registry's refusal -> the field to look at, and what to do.
REGISTRY_HINTS = {
    RefusalCode.UNAUTHORIZED: ("spec.registry.pullRef", "check the user:password in that secret"),
    RefusalCode.DENIED: ("spec.registry.pullRef", "give the account the right to pull"),
    RefusalCode.TLS: ("spec.registry.caRef", "give the authority that signed the registry's certificate"),
    RefusalCode.UNREACHABLE: ("spec.registry.endpoint", "check the address, and that the registry runs"),
}
#: Slipway made the built-in registry's accounts and certificate: others mean other secrets.
OWN_REGISTRY = ("registry", "bring the directory secrets/ from where this site was installed")
OWN_CODES = (RefusalCode.UNAUTHORIZED, RefusalCode.DENIED, RefusalCode.TLS)


def preflight(
    configuration: Configuration,
    bundle: BundleManifest,
    observed: Observed,
    plan: Plan,
    images: dict[str, str],
    *,
    everywhere: bool = False,
) -> list[Finding]:
    """All findings. `images`: reference -> who needs it (module or component).

    Only hosts that the plan touches are judged, and of these only who answers: steps of others are held back.
    `everywhere`: all of them, and what is sick of the cluster.
    A host of another cluster always concerns; new credentials concern all hosts, before the operator gets them.
    """
    touched = {step.target for step in plan.steps if step.kind is StepKind.HOST}
    touched |= {host.name for host in configuration.hosts} if everywhere else set()
    findings: list[Finding] = []
    for host in configuration.hosts:
        seen = observed.hosts.get(host.name)
        if seen and seen.waited_for and not everywhere:
            continue
        if host.name in touched:
            findings += host_findings(configuration, host, observed, bundle)
        elif seen and seen.reachable:  # what another cluster's records call done is not done for ours
            findings += _membership(f"host/{host.name}", seen, observed)
    findings += standing_findings(plan.standing) if everywhere else ()
    names = {f"host/{name}" for name in touched}
    findings += (found for found in fleet_state(configuration, observed.hosts) if found.path in names)
    for name in sorted(credential_targets(configuration, plan) - touched):
        seen = observed.hosts.get(name)
        if seen and seen.error_code in CREDENTIAL_CODES:
            findings.append(_unreachable(seen))
    findings += encryption_findings(configuration, observed)
    if touched:
        findings += (*_room(configuration), *_clashes(configuration))
        findings += (*login_findings(configuration), *audit_findings(configuration))
    findings += _missing_images(bundle, images, configuration.site.platforms)
    findings += _registry(observed, external=configuration.site.spec.registry.mode == "external")
    return findings


def credential_targets(configuration: Configuration, plan: Plan) -> set[str]:
    """Hosts that the plan's new secrets have to open: all of them, or none."""
    paths = {reason.path for step in plan.steps if step.kind is StepKind.SETTINGS for reason in step.reasons}
    return {host.name for host in configuration.hosts} if "secrets" in paths else set()


def host_findings(
    configuration: Configuration, host: Host, observed: Observed, bundle: BundleManifest
) -> Iterator[Finding]:
    """What is wrong with one host."""
    path, seen = f"host/{host.name}", observed.hosts.get(host.name)
    if seen is None:
        return
    if not seen.reachable:
        yield _unreachable(seen)
        return
    yield from _system(path, host, seen, bundle)
    yield from _capacity(path, host, seen)
    yield from _membership(path, seen, observed)
    yield from host_state(configuration, host, seen)
    yield from disk_findings(host, seen)


def _unreachable(seen: HostObserved) -> Finding:
    return Finding(f"host/{seen.name}", seen.error, hint=seen.hint, code=seen.error_code)


def _system(path: str, host: Host, seen: HostObserved, bundle: BundleManifest) -> Iterator[Finding]:
    facts = seen.facts
    platform = host.platform
    systems = sorted(
        a.name for a in bundle.artifacts if a.kind is ArtifactKind.PACKAGES and a.serves(platform)
    )
    found = system_of(facts.os_id, facts.os_version, systems)
    if found not in systems:
        yield Finding(
            path,
            f"runs {found}, for which the bundle has no packages for {platform.architecture}",
            expected=", ".join(systems),
            hint="install one of these systems, or build the bundle with --os or --packages",
            code=FindingCode.UNSUPPORTED_OS,
        )
    yield from _architecture(path, platform, facts.architecture)
    yield from interpreter_findings(path, seen, bundle, platform)
    if host.address not in facts.addresses:
        text = f"does not have the address {host.address}"
        yield Finding(
            path,
            text,
            expected=", ".join(facts.addresses),
            hint="mend its address field",
            code=FindingCode.ADDRESS,
        )


def _architecture(path: str, written: Platform, machine: str) -> Iterator[Finding]:
    """What is written decides what the host gets: programs of another architecture would not start there."""
    found, text = of_machine(machine), f"is a {machine} machine"
    if found is None:
        known = ", ".join(platform.machine for platform in PLATFORMS)
        yield Finding(path, text, expected=known, code=FindingCode.UNSUPPORTED_ARCHITECTURE)
    elif found != written:
        hint = f"write settings.architecture: {found.architecture}, and build the bundle for it"
        yield Finding(
            path,
            f"{text}, and its settings say {written.architecture}",
            expected=written.machine,
            hint=hint,
            code=FindingCode.ARCHITECTURE,
        )


def _capacity(path: str, host: Host, seen: HostObserved) -> Iterator[Finding]:
    facts = seen.facts
    needed = MEMORY["control-plane" if host.control_plane else "worker"]
    if facts.memory < needed:
        yield Finding(
            path,
            f"has {facts.memory} MiB of memory",
            expected=f"{needed} MiB",
            hint="add memory",
            code=FindingCode.MEMORY,
        )
    if host.control_plane and facts.cpus < CPUS:
        yield Finding(
            path, f"has {facts.cpus} CPU", expected=f"{CPUS} for a control plane", code=FindingCode.CPUS
        )
    coming = () if "node_disks" in seen.records else [disk.path for disk in host.settings.disks.values()]
    for directory, free in sorted(facts.disk_free.items()):
        later = any(
            f"{directory}/".startswith(f"{path}/") for path in coming
        )  # on a disk that is not mounted yet
        if free < DISK and not later:
            yield Finding(
                path,
                f"has {free} MiB free under {directory}",
                expected=f"{DISK} MiB",
                hint="free space there, or choose another directory with settings.runtime.dataRoot",
                code=FindingCode.DISK,
            )


def _membership(path: str, seen: HostObserved, observed: Observed) -> Iterator[Finding]:
    hint = "take it out of that cluster (slipway reset there, or kubeadm reset), or leave it out here"
    if seen.cluster and seen.cluster != observed.site:
        named = observed.kin.get(seen.cluster)
        text = f"belongs to another Slipway cluster (site {seen.cluster})"
        if named:
            text = f"belongs to the cluster {named}, whose state and secrets are these"
            hint = f"put metadata.name back to {named}; for a cluster besides: hosts of its own"
        yield Finding(path, text, expected=observed.site, hint=hint, code=FindingCode.FOREIGN)
    elif seen.kubernetes and not seen.records and not seen.intents:
        text = f"is already a member of the cluster at {seen.kubernetes}"
        yield Finding(path, text, expected="a host in no cluster", hint=hint, code=FindingCode.FOREIGN)
    elif seen.recorded not in {"", seen.name}:
        text = f"is {seen.recorded}, by the machine's own record"
        hint = f"mend its address, or name it {seen.recorded}; to rename a machine, let it leave first"
        yield Finding(path, text, expected=seen.name, hint=hint, code=FindingCode.ANOTHER_HOST)


def _room(configuration: Configuration) -> Iterator[Finding]:
    """Said while there is still time: the range cannot be made larger on a live cluster."""
    kubernetes, hosts = configuration.spec.kubernetes, len(configuration.hosts)
    if kubernetes and kubernetes.room > 1 and hosts > kubernetes.room * NEARLY_FULL:
        network, prefix = kubernetes.network, kubernetes.node_prefix
        text = f"{network.pod_cidr} has room for {kubernetes.room} nodes of a /{prefix} each, and {hosts} are named"
        expected, hint = "more than is needed today", "a new cluster may take a larger one; this one cannot"
        yield Finding(
            "spec.kubernetes.network.podCIDR",
            text,
            expected=expected,
            hint=hint,
            code=FindingCode.POD_RANGE_NEARLY_FULL,
            severity=WARNING,
        )


def _clashes(configuration: Configuration) -> Iterable[Finding]:
    """Once, though several hosts may have them."""
    return {(found.path, found.code): found for found in port_clashes(configuration)}.values()


def _missing_images(
    bundle: BundleManifest, images: dict[str, str], platforms: Iterable[Platform]
) -> Iterator[Finding]:
    carried = {a.reference: a for a in bundle.there if a.kind is ArtifactKind.IMAGE}
    hint = "build it for this ClusterConfiguration: slipway bundle build -f cluster.yaml -o DIR"
    for reference, owner in sorted(images.items()):
        image = carried.get(reference)
        lacking = [p.architecture for p in platforms if image and not image.serves(p)]
        if image is None or lacking:
            of = f" for {', '.join(lacking)}" if lacking else ""
            text = f"lacks image {reference}{of}"
            yield Finding(
                f"bundle/{bundle.name}",
                text,
                expected=f"needed by {owner}",
                hint=hint,
                code=FindingCode.IMAGE,
            )


def _registry(observed: Observed, *, external: bool) -> Iterator[Finding]:
    """A registry of ours that does not answer is about to be made; one of somebody else has to be there."""
    registry = observed.registry
    hints = REGISTRY_HINTS if external else dict.fromkeys(OWN_CODES, OWN_REGISTRY)
    if registry.error_code in hints:
        path, hint = hints[registry.error_code]
        yield Finding(path, registry.error, hint=hint, code=registry.error_code)
