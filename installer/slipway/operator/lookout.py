"""Watches Nodes and the recorded objects of modules, and asks for a look when one says something else of itself.

Started by the runtime in the active operator. It decides nothing and tells nobody what it saw: whoever looks reads the
cluster in the one place for that (`cluster.standing`). One watch a kind, whatever the number of modules; kept of each
object is one line, and only of those that some record names.
"""

import threading
from collections.abc import Callable
from typing import Final

from slipway.cluster.condition import health
from slipway.cluster.own.kept import module_record
from slipway.cluster.own.records import MODULE_LABEL
from slipway.cluster.rest.client import Client, Object
from slipway.cluster.rest.watch import ChangeKind, Event, Reflector
from slipway.cluster.standing import objects_that_can_be_sick, pressures_of, ready_of
from slipway.errors import SlipwayError
from slipway.settings import NAMESPACE

#: apiVersion, kind.
Kind = tuple[str, str]
#: namespace, name.
ObjectPlace = tuple[str, str]

NODE: Final[Kind] = ("v1", "Node")
RECORD: Final[Kind] = ("v1", "ConfigMap")

#: Helm sets it on all that it makes: what users run besides is not even sent.
MADE_BY_HELM: Final = "app.kubernetes.io/managed-by=Helm"


class Lookout:
    """What was seen last, and who asks for a look. `start` runs a reflector until it is told to stop."""

    def __init__(
        self,
        own: Callable[[], Client],
        reader: Callable[[], Client],
        start: Callable[[Reflector], None],
        look: Callable[[], None],
    ) -> None:
        """`own`: the operator's account; `reader`: one that may read whatever modules bring."""
        self._own = own
        self._reader = reader
        self._start = start
        self._look = look
        self._lock = threading.Lock()
        self._started: set[Kind] = set()
        self._records: dict[str, frozenset[tuple[Kind, ObjectPlace]]] = {}
        self._said: dict[Kind, dict[ObjectPlace, str]] = {}

    def begin(self) -> None:
        """Watch Nodes and records; what these name is watched once they are read."""
        self._start(Reflector(self._own, NODE, "", self._of(NODE), kept=_node_line))
        self._start(
            Reflector(self._own, RECORD, NAMESPACE, self._on_records, labels=MODULE_LABEL, kept=_record_line)
        )

    def _on_records(self, event: Event) -> None:
        """Modules came, went, or have other objects than before."""
        with self._lock:
            if event.kind is ChangeKind.SYNCHRONIZATION:
                self._records = {}
            for line in event.objects:
                self._records.pop(line["name"], None)
                if event.kind is not ChangeKind.DELETED:
                    self._records[line["name"]] = line["objects"]
            kinds = {kind for objects in self._records.values() for kind, _ in objects}
            new = sorted(kinds - self._started)
            self._started |= kinds
        for kind in new:
            kept = self._line_of(kind)
            self._start(Reflector(self._reader, kind, "", self._of(kind), labels=MADE_BY_HELM, kept=kept))
        self._look()

    def _of(self, kind: Kind) -> Callable[[Event], None]:
        """Who is told of a kind: a look is asked for when what is said now differs from what was said before."""

        def on_event(event: Event) -> None:
            lines = {line["place"]: line["said"] for line in event.objects}
            with self._lock:
                before = self._said.get(kind, {})
                if event.kind is ChangeKind.SYNCHRONIZATION:
                    after = lines
                elif event.kind is ChangeKind.DELETED:
                    after = {place: said for place, said in before.items() if place not in lines}
                else:
                    after = before | lines
                self._said[kind] = after
            if after != before:
                self._look()

        return on_event

    def _line_of(self, kind: Kind) -> Callable[[Object], Object | None]:
        """Of an object that a record names, what kstatus says of it."""

        def line(obj: Object) -> Object | None:
            place = _place(obj)
            with self._lock:
                named = any((kind, place) in objects for objects in self._records.values())
            return {"place": place, "said": " ".join(health.status(obj))} if named else None

        return line


def _place(obj: Object) -> ObjectPlace:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def _node_line(node: Object) -> Object:
    ready = ready_of(node)
    words = (ready.get("status", ""), ready.get("message", ""), *pressures_of(node))
    return {"place": _place(node), "said": "; ".join(words)}


def _record_line(document: Object) -> Object | None:
    """Which of its objects can be sick; a record that cannot be read is for who plans to tell."""
    try:
        record = module_record(document)
    except SlipwayError:
        return None
    objects = frozenset(
        ((ref.api_version, ref.kind), (ref.namespace, ref.name)) for ref in objects_that_can_be_sick(record)
    )
    return {"name": record.name, "objects": objects}
