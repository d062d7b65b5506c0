"""Who may write ClusterConfigurations in a namespace of their own holds up nobody: not the cluster's, not its hosts."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slipway.engine.errands.forgetting import _names
from slipway.engine.prepare import _refuse
from slipway.model.configuration import Configuration, Spec
from slipway.model.observed import LiveConfiguration
from slipway.operator.acceptance import accepted_configuration
from slipway.planning.beside import beside
from slipway.settings import NAMESPACE
from tests.holding import context
from tests.unit.planning import model

HOSTS = {"items": [{"name": "cp-01", "address": "10.0.0.66", "roles": ["control-plane"]}]}
#: Of the same name, older, and with all that the cluster's has.
TENANT = LiveConfiguration(
    "site",
    "tenant",
    1,
    {"hosts": HOSTS, "modules": {"welcome": {"enabled": True}, "flannel": {"enabled": True}}},
)


def cluster(**spec: Any) -> LiveConfiguration:
    document = model.document({"modules": {"welcome": {"enabled": True}}}, spec)
    return LiveConfiguration("site", NAMESPACE, 1, document["spec"])


def modules_of(namespace: str) -> LiveConfiguration:
    return replace(TENANT, namespace=namespace, spec={"modules": TENANT.spec["modules"]})


@pytest.mark.parametrize("other", [TENANT, modules_of("tenant")], ids=["with hosts", "modules only"])
def test_the_clusters_own_is_accepted_beside_a_tenants_older_one(other: LiveConfiguration) -> None:
    mine = cluster()
    accepted = accepted_configuration(mine, [other, mine], model.catalog())
    assert accepted.elsewhere == {}
    assert accepted.cluster is None


def test_the_command_line_is_not_refused_for_a_tenants_hosts(tmp_path: Path) -> None:
    mine = context(tmp_path / "kubeconfig", "site", tmp_path)
    mine.document = model.base()
    seen = model.installed(mine.document).cluster
    _refuse(mine, replace(seen, configurations=(TENANT, *seen.configurations)))
    found = beside(mine.configuration, (TENANT, *seen.configurations), model.catalog(), seen.modules)
    assert found.elsewhere == {}


def test_a_tenants_hosts_are_nobodys_nodes_and_no_ones_addresses() -> None:
    assert _names(TENANT) == set()
    assert _names(replace(TENANT, namespace=NAMESPACE)) == {"cp-01"}


def test_modules_of_a_team_that_is_followed_are_its_own() -> None:
    mine = cluster(modules={"operator": {"enabled": True, "settings": {"namespaces": ["tenant"]}}})
    accepted = accepted_configuration(mine, [mine, modules_of("tenant")], model.catalog(), {"tenant"})
    assert accepted.elsewhere["welcome"] == "tenant/site"


def test_a_namesakes_operation_takes_another_lease() -> None:
    mine, theirs = (
        Configuration(name="site", namespace=place, spec=Spec()) for place in (NAMESPACE, "tenant")
    )
    assert (mine.lease, theirs.lease) == ("site", "tenant.site")
