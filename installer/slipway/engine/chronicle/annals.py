"""Writes what is told of operations into the cluster: one Operation object each, of one ClusterConfiguration."""

from collections.abc import Callable, Iterable
from typing import Any, Final

from slipway.clock import utc_text
from slipway.cluster.own.operations import (
    close_operation,
    is_open,
    open_operations,
    prune_operations,
    put_operation,
    update_operation,
)
from slipway.cluster.rest.client import Client
from slipway.engine.chronicle.course import Running
from slipway.engine.chronicle.fitting import fitting_spec, fitting_status
from slipway.engine.chronicle.forms import (
    broken_off_status,
    finished_status,
    handed_on_status,
    planned_spec,
    running_status,
)
from slipway.errors import SlipwayError
from slipway.model.operation import Failure, OperationResult, Origin, StartedBy
from slipway.model.plan import Plan

#: What is said of an operation of which nobody will say more.
ABANDONED: Final = Failure(
    "its process ended before it did",
    why="it was killed, or its machine went down",
    hint="what it did is recorded; run slipway apply, which goes on from there",
)


class Annals:
    """Every method raises SlipwayError where the cluster does not take it: who records goes on without.

    A write is one request; the first one of an operation two more.
    """

    def __init__(self, client: Client, namespace: str, configuration: str, by: StartedBy) -> None:
        self._client = client
        self._namespace = namespace
        self._configuration = configuration
        self._by = by
        self._there: set[str] = set()
        """Operations whose objects were there when they were written last."""

    def running(self, plan: Plan, running: Running) -> None:
        """Where a running operation stands."""
        self._write(running.operation, plan, running_status(running, running.planned(plan)))

    def handed_on(self, plan: Plan, result: OperationResult, started: str) -> None:
        """It stays open, with what it cost so far."""
        self._write(result.operation, plan, handed_on_status(result, started))

    def finished(self, plan: Plan, result: OperationResult, started: str) -> None:
        """The whole of it; then older ones go."""
        self._write(result.operation, plan, finished_status(result, started, utc_text()))
        prune_operations(self._client, self._namespace, self._configuration)

    def broken_off(self, operation: str, failure: Failure) -> None:
        """One that nobody goes on with; one that was never written, or has an end, is no error."""
        close_operation(self._client, operation, self._namespace, broken_off_status(failure, utc_text()))

    def close_abandoned(self, gone: Callable[[str], bool], *, but: str = "") -> None:
        """Close what command lines left open whose holder is `gone`. An operator tends its own."""
        found = open_operations(self._client, self._namespace, self._configuration)
        close_abandoned(self._client, (one for one in found if one["metadata"]["name"] != but), gone)

    def _write(self, name: str, plan: Plan, status: dict[str, Any]) -> None:
        if name not in self._there:
            put_operation(self._client, name, self._namespace, lambda: self._spec(plan))
        self._there.discard(name)
        update_operation(self._client, name, self._namespace, fitting_status(status))
        self._there.add(name)

    def _spec(self, plan: Plan) -> dict[str, Any]:
        return fitting_spec(planned_spec(self._configuration, plan, self._by))


def holder_of(operation: dict[str, Any]) -> str:
    """The holder of an operation of a command line; empty: it is an operator's."""
    by = (operation.get("spec") or {}).get("startedBy") or {}
    return str(by.get("holder", "")) if by.get("origin") == Origin.COMMAND_LINE else ""


def close_abandoned(
    client: Client, operations: Iterable[dict[str, Any]], gone: Callable[[str], bool]
) -> tuple[str, ...]:
    """The open ones among these of command lines whose holder is `gone`: closed, each named."""
    left = [one["metadata"] for one in operations if is_open(one) and (mine := holder_of(one)) and gone(mine)]
    for meta in left:
        status = broken_off_status(ABANDONED, utc_text())
        close_operation(client, meta["name"], meta["namespace"], status)
    return tuple(meta["name"] for meta in left)


def quietly(action: Callable[[], object], told: Callable[[str], None]) -> bool:
    """Do it, or say why not: what is written for people never fails a run. Whether it was done."""
    try:
        action()
    except SlipwayError as error:
        told(f"{error.what}: {error.why}" if error.why else error.what)
    except OSError as exc:
        told(str(exc))
    else:
        return True
    return False
