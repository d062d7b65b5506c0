"""How an object is, by all that is known of its kind: what is declared of it, and what the API says."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from slipway.cluster.condition.declared import full_status
from slipway.cluster.condition.health import KStatus, Object, Status, status
from slipway.cluster.rest.client import Client
from slipway.model.apigroups import api_group, is_custom
from slipway.model.modulehealth import Kinds


@dataclass(frozen=True, slots=True)
class Judge:
    """Asks the API about a kind once, and about objects never: they are given."""

    client: Client
    kinds: Kinds = field(default_factory=dict)

    def status(self, obj: Object | None) -> Status:
        """Of any object; None is one that is not there."""
        if obj is None:
            return status(None)
        api_version, kind = obj.get("apiVersion", ""), obj["kind"]
        group = api_group(api_version)
        if not is_custom(group):
            return status(obj)
        place = self.client.resource(api_version, kind)
        return full_status(obj, self.kinds.get((group, kind)), has_place=bool(place and place.has_status))

    def conditions(self, obj: Object) -> Mapping[str, str]:
        """Those that objects of its kind have to have."""
        declared = self.kinds.get((api_group(obj.get("apiVersion", "")), obj["kind"]))
        return declared.conditions if declared else {}

    def absent(self, api_version: str, kind: str) -> Status:
        """Of an object that is not there: is even its kind unknown to the cluster?"""
        if not is_custom(api_group(api_version)) or self.client.serves(api_version, kind):
            return status(None)
        text = f"the cluster does not know {kind} of {api_version}: it has no such CustomResourceDefinition"
        return Status(KStatus.IN_PROGRESS, text)
