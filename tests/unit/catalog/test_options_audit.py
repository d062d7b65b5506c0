"""An audit policy that no API server would start with is refused beforehand."""

from typing import Any

import pytest

from slipway import catalog
from slipway.api import read
from slipway.catalog.options import option_findings
from tests.unit.planning import model

METADATA = {"level": "Metadata"}


def findings(policy: dict[str, Any]) -> list[str]:
    """Paths of what is found."""
    release = catalog.load()
    configuration = read.parse(model.document({"kubernetes": {"auditPolicy": policy}}))
    return [one.path for one in option_findings(release.options["v1.35.4"], configuration)]


@pytest.mark.parametrize(
    ("policy", "path"),
    [
        ({"rules": [{"level": "Everything"}]}, "rules[0].level"),
        ({"rules": [METADATA, {"users": ["x"]}]}, "rules[1].level"),
        ({"omitStages": ["RequestReceived"]}, "rules"),
        ({"rules": [{**METADATA, "resource": []}]}, "rules[0].resource"),
        ({"rules": [{**METADATA, "verbs": "get"}]}, "rules[0].verbs"),
        ({"rules": [METADATA], "kind": "Policy"}, "kind"),
    ],
)
def test_what_is_wrong_is_found_where_it_is(policy: dict[str, Any], path: str) -> None:
    assert findings(policy) == [f"spec.kubernetes.auditPolicy.{path}"]


def test_a_policy_is_taken() -> None:
    rule = {**METADATA, "resources": [{"group": "", "resources": ["secrets"]}], "verbs": ["create"]}
    assert findings({"rules": [rule], "omitStages": ["RequestReceived"], "omitManagedFields": True}) == []
