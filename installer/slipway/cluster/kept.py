"""Texts of Slipway's own that the cluster keeps, read back: people can edit them, and other releases write them.

What cannot be read is said with its place and how it is taken away; then it is made anew from what is there. A newer
format is refused, not guessed at; what other releases wrote besides is passed over.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

from pydantic import TypeAdapter, ValidationError

from slipway.cluster.client import Object
from slipway.errors import PreflightError
from slipway.model.record import RECORD_FORMAT, Intent, ModuleRecord, StepRecord
from slipway.settings import (
    BEGUN_ANNOTATION,
    MODULE_RECORD_PREFIX,
    NAMESPACE,
    OWNED_ANNOTATION,
    RECORD_ANNOTATION,
)

Kept = TypeVar("Kept")

#: Key of a record in its ConfigMap or Secret.
KEY: Final = "record"


@dataclass(frozen=True, slots=True)
class _Owned:
    labels: tuple[str, ...] = ()
    taints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Begun:
    operation: str
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Steps:
    steps: dict[str, StepRecord] = field(default_factory=dict)


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


def host_records(node: str, annotations: Mapping[str, str]) -> dict[str, StepRecord]:
    """What a Node has as a copy of its host's records, by role."""
    text = annotations.get(RECORD_ANNOTATION)
    found = _on_node(node, RECORD_ANNOTATION).read(text, _STEPS, formatted=True) if text else _Steps()
    return {role: replace(record, made=()) for role, record in found.steps.items()}


def begun_on(node: str, annotations: Mapping[str, str]) -> tuple[Intent, ...]:
    """Steps of a Node's host that an operation was about to change."""
    text = annotations.get(BEGUN_ANNOTATION)
    if not text:
        return ()
    found = _on_node(node, BEGUN_ANNOTATION).read(text, _BEGUN)
    return tuple(Intent(found.operation, f"host/{node}/{role}", "") for role in found.roles)


def owned_on(node: str, annotations: Mapping[str, str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Labels and taints (KEY:EFFECT) that Slipway set on a Node."""
    text = annotations.get(OWNED_ANNOTATION)
    found = _on_node(node, OWNED_ANNOTATION).read(text, _OWNED) if text else _Owned()
    return found.labels, found.taints


_MODULE: Final = TypeAdapter(ModuleRecord)
_STEP: Final = TypeAdapter(StepRecord)
_STEPS: Final = TypeAdapter(_Steps)
_BEGUN: Final = TypeAdapter(_Begun)
_OWNED: Final = TypeAdapter(_Owned)


def _on_node(node: str, annotation: str) -> "_Place":
    return _Place(f"node/{node}", f"kubectl annotate node {node} {annotation}-")


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
        try:
            return form.validate_python(data)
        except ValidationError as exc:
            first = exc.errors(include_url=False, include_input=False)[0]
            raise self.unreadable(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from exc

    def _object(self, text: str | bytes) -> dict[str, Any]:
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as exc:
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
