"""What stands for operators whose programs do not run: it writes the status that their custom resources have to have.

Only of what a module's own releases made, and only what the module itself says that a status means; of a kind of which
it says nothing, what the definition requires of any status, empty. What was written is noted.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from slipway.cluster.condition import health
from slipway.cluster.condition.declared import full_status
from slipway.cluster.own import records
from slipway.cluster.rest.client import Client, Object
from slipway.errors import SlipwayError
from slipway.model.apigroups import api_group, is_custom
from slipway.model.fieldnames import field_keys
from slipway.model.modulehealth import KindRule, Kinds
from slipway.model.record import ObjectRef
from tests.apiserver import ApiServer

#: Of every Service that is to be reached from outside: one that is for documentation.
ADDRESS = "192.0.2.1"

_EMPTY = {"integer": 0, "number": 0, "string": "", "boolean": False, "array": [], "object": {}}


class Statuses:
    """The stand-in for the operators of some modules. `written`: kinds and names of what it wrote a status of."""

    def __init__(self, api: ApiServer, client: Client, modules: Iterable[str], kinds: Kinds) -> None:
        self._api, self._client, self._modules, self._kinds = api, client, tuple(modules), kinds
        self.written: set[tuple[str, str]] = set()

    def look(self) -> None:
        """Once."""
        with suppress(SlipwayError):  # what is about to go, or a definition that is
            self._look()

    def _look(self) -> None:
        for name in self._modules:
            record = records.read_module(self._client, name)
            for ref in record.objects if record else ():
                if is_custom(api_group(ref.api_version)):
                    self._look_at(ref)
                elif ref.kind == "Service":
                    self._give_address(ref)

    def _look_at(self, ref: ObjectRef) -> None:
        found = self._client.get(ref.api_version, ref.kind, ref.name, ref.namespace)
        place = self._client.resource(ref.api_version, ref.kind)
        if found is None or place is None or not place.has_status:
            return
        group = api_group(ref.api_version)
        declared = self._kinds.get((group, ref.kind))
        if full_status(found, declared, has_place=True).current:
            return
        status = status_wanted(declared, self._schema(f"{place.plural}.{group}", ref), found)
        space = f"/namespaces/{ref.namespace}" if place.namespaced else ""
        path = f"/apis/{ref.api_version}{space}/{place.plural}/{ref.name}/status"
        code, answer = self._api.request(
            "PATCH", path, {"status": status}, content_type="application/merge-patch+json"
        )
        if code == 200:
            self.written.add((ref.kind, ref.name))
        else:  # gone meanwhile, or not as its definition has it: the next look sees
            print(f"status of {ref.kind} {ref.name}: {answer['message']}")

    def _give_address(self, ref: ObjectRef) -> None:
        """What a load balancer does: there is none here."""
        found = self._client.get(ref.api_version, ref.kind, ref.name, ref.namespace)
        if found and not health.status(found).current:
            path = f"/api/v1/namespaces/{ref.namespace}/services/{ref.name}/status"
            status = {"loadBalancer": {"ingress": [{"ip": ADDRESS}]}}
            self._api.request("PATCH", path, {"status": status}, content_type="application/merge-patch+json")

    def _schema(self, definition: str, ref: ObjectRef) -> Mapping[str, Any]:
        """Of the status, as the definition has it."""
        path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{definition}"
        versions = self._api.request("GET", path)[1]["spec"]["versions"]
        mine = next(one for one in versions if one["name"] == ref.api_version.rpartition("/")[2])
        found: Mapping[str, Any] = mine["schema"]["openAPIV3Schema"].get("properties", {}).get("status", {})
        return found


def status_wanted(declared: KindRule | None, schema: Mapping[str, Any], obj: Object) -> dict[str, Any]:
    """A status of which nothing is wrong."""
    properties = schema.get("properties", {})
    status = {name: _EMPTY[properties[name]["type"]] for name in schema.get("required", ())}
    generation = obj["metadata"].get("generation", 1)
    named = {"reason": "Stood", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    conditions = dict(declared.conditions) if declared else {}
    if not conditions and not status:
        conditions = {"Ready": "True"} if "conditions" in properties else {}
    if conditions:
        status["conditions"] = [
            {"type": name, "status": value, "observedGeneration": generation, **named}
            for name, value in conditions.items()
        ]
    for field, wanted in (declared.fields if declared else {}).items():
        value = wanted[0] if isinstance(wanted, tuple) else wanted
        first, *keys = field_keys(field)
        place: Any = status
        assert first == "status", f"{field} is no field of a status"
        for key in keys[:-1]:
            place = place.setdefault(key, {})
        place[keys[-1]] = value
    return status
