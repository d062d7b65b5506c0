"""Who names sources of modules: the owner of the cluster's hosts, for all, since a module's chart may do all."""

from typing import Any

import pytest

from slipway.errors import ConfigurationError
from slipway.findings import FindingCode
from slipway.model.observed import LiveConfiguration
from slipway.operator.acceptance import accepted_configuration, site_of
from slipway.settings import NAMESPACE
from tests.unit.planning import model

SOURCES = {"moduleSources": {"own": {"digest": f"sha256:{'1' * 64}"}}}
SITE = LiveConfiguration("site", NAMESPACE, 1, model.base()["spec"])


def accepted(namespace: str, spec: dict[str, Any], *others: LiveConfiguration) -> None:
    live = LiveConfiguration("platform", namespace, 1, spec)
    accepted_configuration(live, [*others, live], model.catalog(), {"team-a"})


@pytest.mark.parametrize("namespace", ["team-a", NAMESPACE])
def test_one_beside_the_clusters_names_no_source(namespace: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        accepted(namespace, SOURCES, SITE)
    (finding,) = refused.value.findings
    assert finding.code is FindingCode.MODULES_ONLY
    assert finding.path == "spec.moduleSources"


def test_the_owner_names_sources_and_a_team_has_the_owners() -> None:
    owner = LiveConfiguration("site", NAMESPACE, 1, {**model.base()["spec"], **SOURCES})
    accepted_configuration(owner, [owner], model.catalog())
    team = LiveConfiguration("platform", "team-a", 1, {"modules": {}})
    assert site_of(team, [owner, team]).spec.module_sources.keys() == {"own"}


def test_modules_alone_on_a_cluster_of_others_have_sources_of_their_own() -> None:
    accepted(NAMESPACE, {**SOURCES, "registry": {"mode": "external", "endpoint": "https://r.example.org"}})


def test_hosts_in_a_teams_namespace_are_nobodys_site() -> None:
    foreign = LiveConfiguration("site", "team-b", 1, {**model.base()["spec"], **SOURCES})
    team = LiveConfiguration("platform", "team-a", 1, {"modules": {}})
    assert site_of(team, [foreign, team]).namespace == "team-a"
