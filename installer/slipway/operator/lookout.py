"""Watches Nodes and what modules' health is made of, and asks for a look when something says something else of itself.

Started by the runtime in the active operator. It decides nothing and tells nobody what it saw: whoever looks reads the
cluster in the one place for that (`cluster.standing`). One watch a kind, whatever the number of modules; kept of each
object is one line, and only of those that some record, or a rule of a module that has one, names.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from slipway.cluster.condition.declared import demand_status
from slipway.cluster.condition.judging import Judge
from slipway.cluster.lifecycle.ruled import demands_on, is_default_class
from slipway.cluster.own.kept import module_record
from slipway.cluster.own.records import MODULE_LABEL
from slipway.cluster.rest.client import Client, Object
from slipway.cluster.rest.watch import ChangeKind, Event, Reflector
from slipway.cluster.standing import objects_that_can_be_sick, pressures_of, ready_of
from slipway.errors import SlipwayError
from slipway.model.modulehealth import NO_EXPECTATIONS, Expectations, HealthRule
from slipway.model.record import ObjectRef
from slipway.settings import NAMESPACE

#: apiVersion, kind.
Kind = tuple[str, str]
#: namespace, name.
ObjectPlace = tuple[str, str]

NODE: Final[Kind] = ("v1", "Node")
RECORD: Final[Kind] = ("v1", "ConfigMap")

#: Helm sets it on all that it makes: what users run besides is not even sent.
MADE_BY_HELM: Final = "app.kubernetes.io/managed-by=Helm"


class WatchScope(NamedTuple):
    """What one watch is of: a kind, of all namespaces where none is named, and those with these labels."""

    kind: Kind
    namespace: str = ""
    labels: str = ""


#: An object, and the watch that tells of it; without a name all of the kind.
Target = tuple[WatchScope, ObjectPlace]
_ALL: Final[ObjectPlace] = ("", "")


class Lookout:
    """What was seen last, and who asks for a look. `start` runs a reflector until it is told to stop."""

    def __init__(
        self,
        own: Callable[[], Client],
        reader: Callable[[], Client],
        start: Callable[[Reflector], None],
        look: Callable[[], None],
        expectations: Expectations = NO_EXPECTATIONS,
    ) -> None:
        """`own`: the operator's account; `reader`: one that may read whatever modules bring."""
        self._own = own
        self._reader = reader
        self._start = start
        self._look = look
        self._expectations = expectations
        self._lock = threading.Lock()
        self._started: set[WatchScope] = set()
        self._records: dict[str, frozenset[Target]] = {}
        self._said: dict[WatchScope, dict[ObjectPlace, str]] = {}

    def begin(self) -> None:
        """Watch Nodes and records; what these name is watched once they are read."""
        self._start(Reflector(self._own, NODE, "", self._of(WatchScope(NODE)), kept=_node_line))
        self._start(
            Reflector(
                self._own, RECORD, NAMESPACE, self._on_records, labels=MODULE_LABEL, kept=self._record_line
            )
        )

    def _on_records(self, event: Event) -> None:
        """Modules came, went, or have other objects than before."""
        with self._lock:
            if event.kind is ChangeKind.SYNCHRONIZATION:
                self._records = {}
            for line in event.objects:
                self._records.pop(line["name"], None)
                if event.kind is not ChangeKind.DELETED:
                    self._records[line["name"]] = line["targets"]
            scopes = {scope for targets in self._records.values() for scope, _ in targets}
            new = sorted(scopes - self._started)
            self._started |= scopes
        for scope in new:
            kind, namespace, labels = scope
            kept = self._line_of(scope)
            self._start(Reflector(self._reader, kind, namespace, self._of(scope), labels=labels, kept=kept))
        self._look()

    def _of(self, scope: WatchScope) -> Callable[[Event], None]:
        """Who is told of a watch: a look is asked for when what is said now differs from what was said before."""

        def on_event(event: Event) -> None:
            lines = {line["place"]: line["said"] for line in event.objects}
            with self._lock:
                before = self._said.get(scope, {})
                if event.kind is ChangeKind.SYNCHRONIZATION:
                    after = lines
                elif event.kind is ChangeKind.DELETED:
                    after = {place: said for place, said in before.items() if place not in lines}
                else:
                    after = before | lines
                self._said[scope] = after
            if after != before:
                self._look()

        return on_event

    def _line_of(self, scope: WatchScope) -> Callable[[Object], Object | None]:
        """Of an object that a record or a rule names, what is said of it by kstatus and by what is declared."""

        def line(obj: Object) -> Object | None:
            place = _place(obj)
            with self._lock:
                targets = self._records.items()
                modules = [name for name, its in targets if (scope, place) in its or (scope, _ALL) in its]
            if not modules:
                return None
            ref = ObjectRef(*scope.kind, place[1], place[0])
            rules = [rule for name in modules for rule in demands_on(ref, self._rules(name))]
            return {"place": place, "said": self._words(obj, rules)}

        return line

    def _words(self, obj: Object, rules: Iterable[HealthRule]) -> str:
        """The judge asks the API where kinds live, which every account may."""
        judge = Judge(self._own(), self._expectations.kinds)
        found = (judge.status(obj), *(demand_status(obj, rule) for rule in rules))
        words = [text for status in found for text in status if text]
        return " ".join([*words, "default"] if is_default_class(obj) else words)

    def _rules(self, module: str) -> tuple[HealthRule, ...]:
        return self._expectations.rules.get(module, ())

    def _record_line(self, document: Object) -> Object | None:
        """Which of its objects can be sick, and what its rules name; one that cannot be read is for who plans."""
        try:
            record = module_record(document)
        except SlipwayError:
            return None
        own = {
            (WatchScope((ref.api_version, ref.kind), labels=MADE_BY_HELM), (ref.namespace, ref.name))
            for ref in objects_that_can_be_sick(record)
        }
        return {"name": record.name, "targets": frozenset({*own, *self._others(record.name, own)})}

    def _others(self, module: str, own: Iterable[Target]) -> Iterator[Target]:
        """What rules name besides the module's own objects."""
        made = {(scope.kind, place) for scope, place in own}
        for rule in self._rules(module):
            kind, place = (rule.api_version, rule.kind), (rule.namespace, rule.name)
            if rule.default_class:
                yield WatchScope(kind), _ALL
            elif rule.name and (kind, place) not in made:
                yield WatchScope(kind, rule.namespace), place


def _place(obj: Object) -> ObjectPlace:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def _node_line(node: Object) -> Object:
    ready = ready_of(node)
    words = (ready.get("status", ""), ready.get("message", ""), *pressures_of(node))
    return {"place": _place(node), "said": "; ".join(words)}
