"""The key of a cluster's Secrets: one that is not the cluster's stops everything, before a control plane gets it."""

from dataclasses import replace

import pytest

from slipway.api import read
from slipway.findings import FindingCode
from slipway.model.observed import Observed
from slipway.model.plan import Plan
from slipway.planning.preflight import preflight
from slipway.settings import ENCRYPTION_KEYS
from tests.unit.planning import model

ENCRYPTED = {"kubernetes": {"encryptSecrets": True}}


def codes(seen: Observed) -> dict[str, str]:
    """Place -> code of what preflight finds about the key."""
    document = model.document(ENCRYPTED)
    configuration = read.parse(document)
    plan: Plan = model.planned(document, seen)
    found = preflight(configuration, model.bundle(), seen, plan, {})
    return {one.path: str(one.code) for one in found if one.code is FindingCode.ENCRYPTION_KEY}


@pytest.mark.parametrize("change", [{f"{ENCRYPTION_KEYS}/key1": "f" * 16}, {}], ids=["another", "none"])
def test_another_key_than_the_clusters_is_refused(change: dict[str, str]) -> None:
    seen = model.installed(model.document(ENCRYPTED))
    assert codes(seen) == {}
    others = {name: value for name, value in seen.secrets.items() if name != f"{ENCRYPTION_KEYS}/key1"}
    assert len(others) == len(seen.secrets) - 1
    assert codes(replace(seen, secrets=others | change)) == {"host/cp-01": "encryption-key"}
