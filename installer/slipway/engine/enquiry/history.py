"""What was done: one list of the operations of command lines and of the operator, whoever asks.

This machine's journal has what it did itself, the cluster's objects have what everybody did. Both tell one operation by
one name, in one form; of what is in both, the journal is nearer.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from slipway.engine import journal
from slipway.errors import ConfigurationError, SlipwayError
from slipway.holders import is_gone, runs_here
from slipway.model.configuration import Configuration
from slipway.model.operation import Failure, Origin, ProgressKind
from slipway.model.plan import FieldChange
from slipway.model.status import OperationPhase
from slipway.settings import Workspace

if TYPE_CHECKING:
    from slipway.cluster.rest.client import Client

#: How an operation is said to stand that has no outcome.
RUNNING: Final = OperationPhase.RUNNING.lower()
INTERRUPTED: Final = OperationPhase.INTERRUPTED.lower()


class Where(StrEnum):
    """Which machine an operation ran on."""

    HERE = "here"
    OPERATOR = "operator"
    ELSEWHERE = "elsewhere"
    """Of a command line on another machine."""


@dataclass(frozen=True, slots=True)
class StepDone:
    """How a step ended. `seconds` it took; `text`: what was told of it, empty where all is well."""

    step: str
    outcome: str
    seconds: float
    text: str = ""
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """An operation: `planned` counts its steps, `steps` are those that ended, `running` those that have not.

    `by`: who began it; `outcome` is `running` or `interrupted` where there is none.
    """

    operation: str
    where: Where
    outcome: str
    planned: int
    seconds: float
    steps: tuple[StepDone, ...] = ()
    by: str = ""
    running: tuple[str, ...] = ()
    waiting: Mapping[str, str] = field(default_factory=dict)
    """What steps wait for now, by step."""
    changes: tuple[FieldChange, ...] = ()
    """Fields of the ClusterConfiguration that it followed."""
    failure: Failure | None = None
    """Why it was broken off, where no step says so."""

    @property
    def ended(self) -> bool:
        """Whether nothing more will be told of it."""
        return self.outcome != RUNNING


@dataclass(frozen=True, slots=True)
class History:
    """All operations that are kept, newest first. `unread`: why the cluster's are missing; empty: they are not."""

    done: tuple[Done, ...]
    unread: str = ""

    def find(self, name: str) -> Done:
        """The operation of that name; empty: the newest.

        Raises:
            ConfigurationError: there is none.
        """
        found = next((one for one in self.done if name in {"", one.operation}), None)
        if found is None:
            what = f"there is no operation {name}" if name else "there is no operation yet"
            why = f"those in the cluster could not be read: {self.unread}" if self.unread else ""
            raise ConfigurationError(what, why=why, hint="slipway operation list")
        return found


def history(file: Path, configuration: Configuration) -> History:
    """Look once; a cluster that does not answer leaves those of this machine.

    What a process of this machine was killed in is closed in the cluster: nobody else knows it for certain.
    """
    workspace = Workspace(file, configuration.name)
    ours = of_machine(workspace.state / "operations")
    theirs: tuple[Done, ...] = ()
    unread = ""
    if workspace.kubeconfig.exists():
        try:
            theirs = of_cluster(workspace.kubeconfig, configuration)
        except SlipwayError as error:
            unread = error.what
    return History(merged(ours, theirs), unread)


def merged(ours: Iterable[Done], theirs: Iterable[Done]) -> tuple[Done, ...]:
    """One list, newest first, each once: as this machine has it, where it has it."""
    found = {one.operation: one for one in theirs}
    for one in ours:
        other = found.get(one.operation)
        known = replace(one, by=one.by or other.by, changes=one.changes or other.changes) if other else one
        found[one.operation] = other if other and one.outcome == UNREADABLE else known
    return tuple(sorted(found.values(), key=lambda one: one.operation, reverse=True))


#: Of a journal that is there and says nothing.
UNREADABLE: Final = "unreadable"


def of_machine(directory: Path) -> tuple[Done, ...]:
    """Those of this machine's journal; one that cannot be read says so and no more."""
    read = ((name, journal.readable_events(directory, name)) for name in journal.operation_names(directory))
    return tuple(
        of_events(name, happened) if happened else Done(name, Where.HERE, UNREADABLE, 0, 0.0)
        for name, happened in read
    )


def of_cluster(kubeconfig: Path, configuration: Configuration) -> tuple[Done, ...]:
    """Those that the cluster has."""
    from slipway.cluster.own.operations import CONFIGURATION_LABEL, OPERATION
    from slipway.cluster.rest.client import connect

    with connect(kubeconfig) as client:
        labels = f"{CONFIGURATION_LABEL}={configuration.name}"

        def read() -> list[dict[str, Any]]:
            return client.list(*OPERATION, configuration.namespace, labels=labels)

        found = read()
        if _closed(client, found):
            found = read()
        return tuple(map(of_object, found))


def _closed(client: "Client", found: list[dict[str, Any]]) -> bool:
    """Whether something of this machine was killed and has its end now; who may not write it leaves it open."""
    from slipway.engine.chronicle.annals import close_abandoned

    try:
        return bool(close_abandoned(client, found, is_gone))
    except SlipwayError:
        return False


def of_object(document: Mapping[str, Any]) -> Done:
    """What an Operation of the cluster says."""
    status, spec = document.get("status") or {}, document.get("spec") or {}
    steps = tuple(
        StepDone(
            one["step"],
            str(one.get("outcome", "")),
            float(one.get("seconds", 0)),
            " ".join(one.get("message", "").split()),
            _failure(one.get("failure")),
        )
        for one in status.get("steps") or ()
    )
    progress, broken = status.get("progress") or {}, status.get("failure") or {}
    by = spec.get("startedBy") or {}
    typed, phase = by.get("origin") == Origin.COMMAND_LINE, str(status.get("phase", RUNNING)).lower()
    killed = typed and phase == RUNNING and is_gone(str(by.get("holder", "")))
    return Done(
        document["metadata"]["name"],
        Where.ELSEWHERE if typed else Where.OPERATOR,
        INTERRUPTED if killed else phase,
        int((status.get("counts") or progress).get("planned", len(steps))),
        float(status.get("seconds", 0)),
        steps,
        str(by.get("name", "")) or Origin.OPERATOR,
        tuple(progress.get("running") or ()),
        {one["step"]: one.get("message", "") for one in status.get("waiting") or ()},
        _changes(spec),
        None if broken.get("step") else _failure(broken),
    )


def of_events(name: str, happened: list[dict[str, Any]]) -> Done:
    """A step that is tried again ends twice; the last end counts."""
    first, last = happened[0], happened[-1]
    ended = {event["step"]: event for event in happened if event["kind"] == ProgressKind.STEP_FINISHED}
    told = {event["step"]: event["kind"] for event in happened if event["kind"] in _TURNS}
    spec, holder = first["data"].get("spec") or {}, str(first["data"].get("holder", ""))
    finished = last["kind"] == ProgressKind.FINISHED
    waits = {event["step"]: event["text"] for event in happened if event["kind"] == ProgressKind.WAITS}
    return Done(
        name,
        Where.HERE,
        last["data"].get("outcome", "") if finished else RUNNING if runs_here(holder) else INTERRUPTED,
        len(first["data"].get("steps", ())),
        round(last["time"] - first["time"], 1),
        tuple(_step(step, event) for step, event in ended.items()),
        str((spec.get("startedBy") or {}).get("name", "")),
        () if finished else tuple(step for step, kind in told.items() if kind == ProgressKind.STEP_STARTED),
        {} if finished else {step: text for step, text in waits.items() if text and step not in ended},
        _changes(spec),
    )


_TURNS: Final = frozenset({ProgressKind.STEP_STARTED, ProgressKind.STEP_FINISHED})


def _step(step: str, event: Mapping[str, Any]) -> StepDone:
    data = event["data"]
    parts = _failure(data.get("failure"))
    return StepDone(step, data.get("outcome", ""), data.get("seconds", 0.0), event["text"], parts)


def _changes(spec: Mapping[str, Any]) -> tuple[FieldChange, ...]:
    """All of its steps, each once."""
    told = [change for step in spec.get("steps") or () for change in step.get("changes") or ()]
    made = {
        str(one.get("path", "")): FieldChange(str(one.get("path", "")), one.get("before"), one.get("after"))
        for one in told
    }
    return tuple(made.values())


def _failure(parts: Mapping[str, Any] | None) -> Failure | None:
    if not parts:
        return None
    what, where, why, hint = (str(parts.get(name) or "") for name in ("what", "where", "why", "hint"))
    return Failure(what, where, why, hint, bool(parts.get("retryable")))
