"""An operation while it runs, wherever that is: looked at again and again, by its journal or its object."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from slipway.engine.enquiry.history import INTERRUPTED, Done, Where, of_events, of_object
from slipway.engine.journal import operation_names, readable_events
from slipway.errors import HeldError, TransientError
from slipway.model.configuration import Configuration
from slipway.settings import Workspace

if TYPE_CHECKING:
    from slipway.cluster.locks.lease import Lease
    from slipway.cluster.rest.client import Client

#: Seconds between two looks.
LOOK: Final = 1.0
#: Looks between two questions whether somebody still holds the cluster's Lease, and how often in a row nobody may:
#: a run gives it back a moment before it writes its end.
ASK: Final = 10
FREE: Final = 2


def looks(file: Path, configuration: Configuration, name: str) -> Iterator[Done]:
    """Looks at one operation until it has ended. One that waits for the API goes on waiting.

    Raises:
        SlipwayError: the cluster does not let it be read.
    """
    workspace = Workspace(file, configuration.name)
    directory = workspace.state / "operations"
    if name in operation_names(directory):
        yield from _until_ended(lambda: of_events(name, readable_events(directory, name)))
        return
    from slipway.cluster.locks.lease import Lease
    from slipway.cluster.rest.client import connect

    with connect(workspace.kubeconfig) as client:
        lease = Lease(client, configuration.lease, "")
        yield from _until_ended(_Elsewhere(client, lease, configuration.namespace, name).look)


class _Elsewhere:
    """An operation of which the cluster alone tells; one whose lock nobody keeps any more was killed."""

    def __init__(self, client: "Client", lease: "Lease", namespace: str, name: str) -> None:
        self._client = client
        self._lease = lease
        self._namespace = namespace
        self._name = name
        self._looks = 0
        self._free = 0

    def look(self) -> Done | None:
        """None: it is no more."""
        from slipway.cluster.own.operations import OPERATION

        found = self._client.get(*OPERATION, self._name, self._namespace)
        if found is None:
            return None
        one = of_object(found)
        return replace(one, outcome=INTERRUPTED) if not one.ended and self._abandoned(one) else one

    def _abandoned(self, one: Done) -> bool:
        self._looks += 1
        if one.where is Where.OPERATOR or self._looks % ASK:
            return False
        try:
            self._lease.refuse_held()
            self._free += 1
        except HeldError:
            self._free = 0
        return self._free >= FREE


def _until_ended(look: Callable[[], Done | None]) -> Iterator[Done]:
    while True:
        try:
            one = look()
        except TransientError:  # an API server that the very operation changes
            one = None
        else:
            if one is None:
                return
            yield one
            if one.ended:
                return
        time.sleep(LOOK)
