"""Every module's objects against a real API server, strictly: no field that it does not know, no refusal."""

from typing import Any

import pytest
import yaml

from slipway import catalog
from slipway.cluster.own.settings import ensure_namespace
from slipway.cluster.rest.client import connect
from slipway.digests import json_digest
from slipway.model.apigroups import api_group, is_custom
from slipway.settings import NAMESPACE
from tests.apiserver import ApiServer
from tests.charts import at_hand, rendered

CATALOG = catalog.load()
CASES = [
    (name, settings)
    for name, module in CATALOG.modules.items()
    if at_hand(CATALOG, module)
    for settings in yaml.safe_load((module.directory / "tests" / "settings.yaml").read_text())["accepted"]
]


@pytest.fixture(scope="module")
def taken() -> set[str]:
    """Digests of what was accepted: definitions are large, and the same by all settings."""
    return set()


@pytest.mark.parametrize(("name", "settings"), CASES)
def test_objects_are_accepted(
    name: str, settings: dict[str, Any], apiserver: ApiServer, taken: set[str]
) -> None:
    with connect(apiserver.kubeconfig) as client:
        ensure_namespace(client, NAMESPACE)
        for item in rendered(CATALOG, CATALOG.modules[name], settings):
            namespace = item.pop("release_namespace")
            place = client.resource(item["apiVersion"], item["kind"])
            if place is None and is_custom(api_group(item["apiVersion"])):
                continue  # of a kind that the module brings: level 3 is about these
            assert place is not None
            if place.namespaced:
                ensure_namespace(client, item["metadata"].setdefault("namespace", namespace))
            if (digest := json_digest(item)) not in taken:
                client.apply(item, manager="strict", force=True, dry_run=True)
                taken.add(digest)
