"""The words of a status: the operator writes them, the command line and people decide by them."""

from enum import StrEnum


class Phase(StrEnum):
    """The state of a ClusterConfiguration in one word."""

    READY = "Ready"
    DEGRADED = "Degraded"
    """Nothing is left to be done, or to be done now, and something is not well."""
    APPLYING = "Applying"
    PENDING = "Pending"
    AWAITING_APPROVAL = "AwaitingApproval"
    CANCELLED = "Cancelled"
    FAILED = "Failed"
    REFUSED = "Refused"


class TargetPhase(StrEnum):
    """The state of one host or module in one word."""

    READY = "Ready"
    """Of a host; a module is HEALTHY."""
    HEALTHY = "Healthy"
    NOT_READY = "NotReady"
    """Of a host whose Node says so."""
    UNHEALTHY = "Unhealthy"
    """Of a module that was installed well and is not well now."""
    DRIFTED = "Drifted"
    APPLYING = "Applying"
    REMOVING = "Removing"
    PENDING = "Pending"
    BLOCKED = "Blocked"
    FAILED = "Failed"
    UNREACHABLE = "Unreachable"
    UNKNOWN = "Unknown"
    """The Kubernetes API does not answer."""


class OperationPhase(StrEnum):
    """The state of an Operation: it runs, or how it ended; the others are the titles of outcomes."""

    RUNNING = "Running"
    INTERRUPTED = "Interrupted"
    """Its process ended, and nobody goes on with it."""
    SUCCEEDED = "Succeeded"


class ConditionType(StrEnum):
    """What a condition is about; the first three are those of kstatus."""

    READY = "Ready"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"
    ACCEPTED = "Accepted"
    HOSTS_READY = "HostsReady"
    IMAGES_MIRRORED = "ImagesMirrored"
    KUBERNETES_READY = "KubernetesReady"
    MODULES_READY = "ModulesReady"


class ReadyReason(StrEnum):
    """Why Ready is what it is, where somebody decides by it."""

    UP_TO_DATE = "UpToDate"
    """True: nothing is to be done, and nothing is sick."""
    DEGRADED = "Degraded"
    """False: nothing is to be done, and something is sick."""
    HELD = "HostsUnreachable"
    """False: hosts that do not answer hold steps back, and nothing else is to be done."""
    NOT_FIT = "PreflightFailed"
    """False: something is not fit for the plan, and nothing was begun."""
    AWAITING_APPROVAL = "AwaitingApproval"
