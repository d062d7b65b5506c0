"""Every failure Slipway can report, as one small tree.

SlipwayError                exit
├── ConfigurationError        3   the ClusterConfiguration, or a module's settings, cannot be accepted
├── PreflightError            4   a host, the registry or the bundle is not fit
├── ConflictError             5   somebody else holds the lock, changed a live field, or the plan is stale
│   ├── HeldError             5   somebody else is changing the target right now; names the holder
│   └── StalePlanError        5   what the plan was made from has changed: plan again
├── ApprovalRequired          6   the plan is disruptive or destructive and nobody agreed to it
├── BundleError               7   something is missing from the bundle or differs from its digest
├── StepError                 1   a step was started and failed
│   └── TransientError        1   the same, from a cause that time can heal: the engine retries it
└── Interrupted             130   the user stopped it; what is done is recorded

Foreign exceptions are translated at the one edge that imports their library, chained with `from exc`.

Whether nothing was changed yet is no property of an error's kind: the flow knows it, and says it by `before_changes`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import KW_ONLY, asdict, dataclass
from enum import StrEnum
from typing import Any, ClassVar, Final

from slipway.findings import FindingCode


class Severity(StrEnum):
    """What a finding leads to."""

    ERROR = "error"
    """It stops before the first change."""
    WARNING = "warning"
    """It is shown."""


ERROR: Final = Severity.ERROR
WARNING: Final = Severity.WARNING


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, with the place and the way out.

    `path` is a field path (`spec.hosts.items[0].address`) or a target (`host/cp-01`); `line` is that of the
    file, 0 when there is none.
    """

    path: str
    problem: str
    _: KW_ONLY
    expected: str = ""
    hint: str = ""
    code: StrEnum = FindingCode.NONE
    line: int = 0
    severity: Severity = ERROR

    def __str__(self) -> str:
        """One line: place, problem, what was expected, what to do."""
        line = f"line {self.line}: " if self.line else ""
        expected = f"; expected {self.expected}" if self.expected else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{line}{self.path}: {self.problem}{expected}{hint}"


class SlipwayError(Exception):
    """What failed, where, why, and what to do next."""

    exit_code: ClassVar[int] = 1
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        why: str = "",
        hint: str = "",
        findings: tuple[Finding, ...] = (),
    ) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.why = why
        self.hint = hint
        self.findings = findings
        self.untouched = False
        """Whether it arose before the first change: set by `before_changes`."""

    @property
    def headline(self) -> str:
        """What failed, and that nothing was changed where that is so."""
        return f"{self.what}; nothing was changed" if self.untouched else self.what

    def __str__(self) -> str:
        """All parts, a line each, in the order a person needs them."""
        lines = [f"{self.where}: {self.headline}" if self.where else self.headline]
        lines += [f"  - {finding}" for finding in self.findings]
        lines += [f"  why: {self.why}"] if self.why else []
        lines += [f"  next: {self.hint}"] if self.hint else []
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """The same for machines."""
        return {
            "error": type(self).__name__,
            "what": self.what,
            "where": self.where,
            "why": self.why,
            "next": self.hint,
            "findings": [asdict(finding) for finding in self.findings],
            "untouched": self.untouched,
            "retryable": self.retryable,
            "exitCode": self.exit_code,
        }


@contextmanager
def before_changes(undo: Callable[[], None] = lambda: None) -> Iterator[None]:
    """The part of a flow in which nothing is changed: an error that leaves it says so.

    `undo` takes back what the flow did before, so that it is true: whatever ends this part, Ctrl-C included.
    """
    try:
        yield
    except SlipwayError as error:
        undo()
        error.untouched = True
        raise
    except BaseException:
        undo()
        raise


class ConfigurationError(SlipwayError):
    """The ClusterConfiguration cannot be accepted."""

    exit_code = 3


class PreflightError(SlipwayError):
    """A host, the registry or the cluster is not fit for the plan."""

    exit_code = 4


class ConflictError(SlipwayError):
    """Somebody else holds the lock, owns a field, or moved on since the plan was made."""

    exit_code = 5


class HeldError(ConflictError):
    """A lock or Lease is held: wait for `holder`, or take its place once it is known to be dead.

    `sign` is another one after each renewal: who sees it change knows that the holder lives.
    """

    def __init__(
        self, what: str, *, holder: str, sign: str, where: str = "", why: str = "", hint: str = ""
    ) -> None:
        super().__init__(what, where=where, why=why, hint=hint)
        self.holder = holder
        self.sign = sign


class StalePlanError(ConflictError):
    """Hosts or cluster changed between the plan and the lock: before its first step."""


class ApprovalRequired(SlipwayError):  # noqa: N818 - a question to the user, not a fault
    """The plan is disruptive or destructive; it waits for `--yes` or the approval annotation."""

    exit_code = 6


class BundleError(SlipwayError):
    """An artifact is missing, or is not what its digest says."""

    exit_code = 7


class StepError(SlipwayError):
    """A step was started and failed."""


class TransientError(StepError):
    """A failure that time can heal (a timeout, a refused connection, an API that restarts)."""

    retryable = True


class Interrupted(SlipwayError):  # noqa: N818 - the user's wish, not a fault
    """Stopped by a signal; no process is left behind and what is done is recorded."""

    exit_code = 130
