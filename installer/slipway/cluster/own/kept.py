"""Texts of Slipway's own that the cluster keeps, read back: people can edit them, and other releases write them.

What cannot be read is said with its place and how it is taken away; then it is made anew from what is there. A newer
format is refused, not guessed at; what other releases wrote besides is passed over.
"""

import base64
import json
import re
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from pydantic import TypeAdapter, ValidationError

from slipway.cluster.rest.client import Object
from slipway.errors import PreflightError
from slipway.model.record import RECORD_FORMAT, ModuleRecord, NodeRecord, StepRecord, Unreadable
from slipway.settings import API_GROUP, MODULE_RECORD_PREFIX, NAMESPACE, NODE_RECORD_PREFIX
from slipway.smallfiles import json_in

Kept = TypeVar("Kept")

#: Key of a record in its ConfigMap or Secret.
KEY: Final = "record"
#: Marks the ConfigMaps that are records of Nodes; its value is the Node's name.
NODE_LABEL: Final = f"{API_GROUP}/node"
#: Where earlier releases kept these: annotations of the Node, which its kubelet writes too. They are not believed.
FORMER: Final = tuple(f"{API_GROUP}/{name}" for name in ("record", "begun", "owned", "address", "drained"))


def module_record(document: Object) -> ModuleRecord:
    """Of a module's ConfigMap."""
    name = document["metadata"]["name"]
    place = _Place(f"configmap/{NAMESPACE}/{name}", f"kubectl -n {NAMESPACE} delete configmap {name}")
    text = (document.get("data") or {}).get(KEY, "")
    record = place.read(text, _MODULE, formatted=True)
    if MODULE_RECORD_PREFIX + record.name != name:
        raise place.unreadable(f"it is one of module {record.name}")
    return record


def settings_record(document: Object) -> StepRecord | None:
    """Of the Secret that holds the record of the settings step; None where there is nothing in it."""
    name = document["metadata"]["name"]
    place = _Place(f"secret/{NAMESPACE}/{name}", f"kubectl -n {NAMESPACE} delete secret {name}")
    text = (document.get("data") or {}).get(KEY)
    return replace(place.read(base64.b64decode(text), _STEP), made=()) if text else None


def node_record(node: Object, document: Object | None) -> NodeRecord:
    """Of a Node's ConfigMap. None, or one of an earlier Node of that name, says nothing of this one."""
    name = node["metadata"]["name"]
    if document is None or not _of(document, node):
        return NodeRecord(name)
    kept = NODE_RECORD_PREFIX + name
    place = _Place(f"configmap/{NAMESPACE}/{kept}", f"kubectl -n {NAMESPACE} delete configmap {kept}")
    text = (document.get("data") or {}).get(KEY, "")
    record = place.read(text, _NODE, formatted=True)
    if record.name != name:
        raise place.unreadable(f"it is one of node {record.name}")
    if record.steps and not record.address:
        raise place.unreadable("it does not say where its machine is")
    if record.address and not _ADDRESS.fullmatch(record.address):
        raise place.unreadable(f"{record.address!r} is no address")
    steps = {role: replace(step, made=()) for role, step in record.steps.items()}
    return replace(record, steps=steps)


def owner_of(node: Object) -> Object:
    """The Node as owner of its record: the record goes with it."""
    meta = node["metadata"]
    return {"apiVersion": "v1", "kind": "Node", "name": meta["name"], "uid": meta["uid"]}


def _of(document: Object, node: Object) -> bool:
    owners = document["metadata"].get("ownerReferences") or ()
    return any(owner.get("uid") == node["metadata"]["uid"] for owner in owners)


def unreadable(error: PreflightError) -> Unreadable:
    """The same as data, for a plan."""
    return Unreadable(error.where, f"{error.what}: {error.why}" if error.why else error.what, error.hint)


#: Of a machine: an IP address or a name, and no option of a program to which it is given.
_ADDRESS: Final = re.compile(r"[A-Za-z0-9:][A-Za-z0-9.:-]*")
_MODULE: Final = TypeAdapter(ModuleRecord)
_STEP: Final = TypeAdapter(StepRecord)
_NODE: Final = TypeAdapter(NodeRecord)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a text stands, and the command that takes it away."""

    where: str
    remove: str

    def read(self, text: str | bytes, form: TypeAdapter[Kept], *, formatted: bool = False) -> Kept:
        """The text as what it has to be; PreflightError where it is not. `formatted`: it names its format."""
        data = self._object(text)
        found = data.get("format", 0)
        if formatted and found != RECORD_FORMAT:
            raise self._of_another_release(found)
        return self.checked(data, form)

    def checked(self, data: object, form: TypeAdapter[Kept]) -> Kept:
        """What was read, as what it has to be; PreflightError where it is not."""
        try:
            return form.validate_python(data)
        except ValidationError as exc:
            first = exc.errors(include_url=False, include_input=False)[0]
            raise self.unreadable(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from exc

    def _object(self, text: str | bytes) -> dict[str, Any]:
        try:
            data = json_in(text)
            json.dumps(data, ensure_ascii=False).encode()  # half a letter can be sent nowhere
        except ValueError as exc:
            raise self.unreadable(str(exc)) from exc
        if not isinstance(data, dict):
            raise self.unreadable("it is no JSON object")
        return data

    def _of_another_release(self, found: object) -> PreflightError:
        return PreflightError(
            f"a record has format {found}, this release knows {RECORD_FORMAT}",
            where=self.where,
            hint="use the release of Slipway that wrote it, or a newer one",
        )

    def unreadable(self, why: str) -> PreflightError:
        """What is said of a text that is not what it has to be."""
        return PreflightError(
            "a record cannot be read", where=self.where, why=why, hint=f"{self.remove}; it is made anew"
        )
