"""What was done: operations of this machine, from its journal, and of the operator, from the cluster's objects."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slipway.engine import journal
from slipway.errors import ConfigurationError, SlipwayError
from slipway.model.configuration import Configuration
from slipway.model.operation import ProgressKind
from slipway.settings import Workspace

HERE, OPERATOR = "here", "operator"


@dataclass(frozen=True, slots=True)
class StepDone:
    """How a step ended. `seconds` it took; `text`: what was told of it, empty where all is well."""

    step: str
    outcome: str
    seconds: float
    text: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """An operation. `where`: `here` or `operator`; `planned` counts its steps, `steps` are those that ended."""

    operation: str
    where: str
    outcome: str
    planned: int
    seconds: float
    steps: tuple[StepDone, ...] = ()


@dataclass(frozen=True, slots=True)
class History:
    """All operations that are kept, newest first. `unread`: why the operator's are missing; empty: they are not."""

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
            why = f"those of the operator could not be read: {self.unread}" if self.unread else ""
            raise ConfigurationError(what, why=why, hint="slipway operation list")
        return found


def history(file: Path, configuration: Configuration) -> History:
    """Look once; a cluster that does not answer leaves those of this machine."""
    workspace = Workspace(file, configuration.name)
    ours = of_machine(workspace.state / "operations")
    theirs: tuple[Done, ...] = ()
    unread = ""
    if workspace.kubeconfig.exists():
        try:
            theirs = tuple(map(of_object, _objects(workspace.kubeconfig, configuration)))
        except SlipwayError as error:
            unread = error.what
    newest_first = sorted((*ours, *theirs), key=lambda one: one.operation, reverse=True)
    return History(tuple(newest_first), unread)


def of_machine(directory: Path) -> tuple[Done, ...]:
    """Those of this machine's journal; one that cannot be read says so and no more."""
    read = ((name, journal.readable_events(directory, name)) for name in journal.operation_names(directory))
    return tuple(
        _of_events(name, happened) if happened else Done(name, HERE, "unreadable", 0, 0.0)
        for name, happened in read
    )


def of_object(document: Mapping[str, Any]) -> Done:
    """What an Operation of the cluster says."""
    status = document.get("status") or {}
    steps = tuple(
        StepDone(
            one["step"],
            one["outcome"],
            float(one.get("seconds", 0)),
            " ".join(one.get("message", "").split()),
        )
        for one in status.get("steps") or ()
    )
    return Done(
        document["metadata"]["name"],
        OPERATOR,
        str(status.get("phase", "unfinished")).lower(),
        int((status.get("counts") or {}).get("planned", len(steps))),
        float(status.get("seconds", 0)),
        steps,
    )


def _of_events(name: str, happened: list[dict[str, Any]]) -> Done:
    """A step that is tried again ends twice; the last end counts."""
    first, last = happened[0], happened[-1]
    ended = {event["step"]: event for event in happened if event["kind"] == ProgressKind.STEP_FINISHED}
    return Done(
        name,
        HERE,
        last["data"].get("outcome", "") if last["kind"] == ProgressKind.FINISHED else "unfinished",
        len(first["data"].get("steps", ())),
        round(last["time"] - first["time"], 1),
        tuple(_step(step, event) for step, event in ended.items()),
    )


def _step(step: str, event: Mapping[str, Any]) -> StepDone:
    data = event["data"]
    return StepDone(step, data.get("outcome", ""), data.get("seconds", 0.0), event["text"])


def _objects(kubeconfig: Path, configuration: Configuration) -> Iterable[Mapping[str, Any]]:
    from slipway.cluster.own.operations import CONFIGURATION_LABEL, OPERATION
    from slipway.cluster.rest.client import connect

    with connect(kubeconfig) as client:
        labels = f"{CONFIGURATION_LABEL}={configuration.name}"
        return client.list(*OPERATION, configuration.namespace, labels=labels)
