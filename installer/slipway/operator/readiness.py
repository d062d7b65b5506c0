"""What of a site is ready, as conditions: its hosts, its images, Kubernetes, its modules. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from slipway.model.configuration import Configuration
from slipway.model.observed import Observed
from slipway.model.operation import failure_text
from slipway.model.plan import StepKind
from slipway.model.status import ConditionType, TargetPhase
from slipway.operator import conditions as c
from slipway.operator.targets import Course, TargetStatus

#: Why KubernetesReady is true; and why it is false, though nothing is to be done.
SERVING: Final = "Serving"
PLANES_NOT_READY: Final = "ControlPlaneNotReady"


def hosts_ready(hosts: list[TargetStatus]) -> c.Condition:
    """Whether all hosts are Ready; true where there are none."""
    if not hosts:
        return c.condition(
            ConditionType.HOSTS_READY, True, "NoHosts", "this ClusterConfiguration owns modules only"
        )
    return _all(ConditionType.HOSTS_READY, hosts, TargetPhase.READY, "HostsNotReady")


def modules_ready(modules: list[TargetStatus]) -> c.Condition:
    """Whether all modules are Healthy."""
    return _all(ConditionType.MODULES_READY, modules, TargetPhase.HEALTHY, "ModulesNotHealthy")


def _all(kind: ConditionType, entries: list[TargetStatus], good: TargetPhase, reason: str) -> c.Condition:
    bad = [entry for entry in entries if entry["phase"] != good]
    if not bad:
        return c.condition(kind, True, f"All{good}", f"{len(entries)} of {len(entries)}")
    names = ", ".join(f"{entry['name']} {entry['phase']}" for entry in bad[:5])
    more = f" and {len(bad) - 5} more" if len(bad) > 5 else ""  # noqa: PLR2004 - as many as fit a line
    return c.condition(kind, False, reason, f"{len(entries) - len(bad)} of {len(entries)}: {names}{more}")


def images_mirrored(observed: Observed, course: Course, previous: Mapping[str, Any]) -> c.Condition:
    """Whether the site registry has the bundle, as far as this reading saw."""
    kind = ConditionType.IMAGES_MIRRORED
    share = course.of({StepKind.MIRROR})
    if share.failed:
        return c.condition(kind, False, "MirrorFailed", failure_text(share.failed[0]))
    held = next((step.hold for step in share.pending if step.hold), None)
    if held:
        return c.condition(kind, False, "RegistryUnreachable", f"{held.what}: {held.why}")
    if not share.clear:
        return c.condition(kind, False, "Mirroring", "the site registry lacks the bundle")
    if observed.registry.bundle:
        return c.condition(kind, True, "Complete", f"bundle {observed.registry.bundle}")
    if observed.registry.error_code:
        return c.condition(kind, None, "RegistryUnreachable", observed.registry.error)
    known = c.find(previous, kind)
    return known or c.condition(kind, None, "NotRead", "this reading did not ask the registry")


def kubernetes_ready(
    configuration: Configuration, observed: Observed, course: Course, hosts: list[TargetStatus]
) -> c.Condition:
    """Whether the API answers, its control planes are Ready, and what Slipway has to tell it is there."""
    kind = ConditionType.KUBERNETES_READY
    if not observed.cluster.reachable:
        why = observed.cluster.error or "there is no API yet"
        return c.condition(kind, False, "APIUnreachable", why)
    names = {host.name for host in configuration.control_planes}
    bad = [entry for entry in hosts if entry["name"] in names and entry["phase"] != TargetPhase.READY]
    if bad:
        text = ", ".join(f"{entry['name']} {entry['phase']}" for entry in bad)
        return c.condition(kind, False, PLANES_NOT_READY, text)
    if not course.of({StepKind.SETTINGS}).clear:
        return c.condition(kind, False, "SettingsPending", "settings are not in the cluster yet")
    if not course.of({StepKind.ADMISSION}).clear:
        why = "the rule for image names is not as it should be yet"
        return c.condition(kind, False, "ImageNamesPending", why)
    return c.condition(kind, True, SERVING, observed.cluster.version)
