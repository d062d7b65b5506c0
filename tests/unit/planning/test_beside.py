"""Several ClusterConfigurations in one cluster: what a team's finds there, and what nobody takes away below it."""

from dataclasses import replace
from typing import Any

import pytest

from slipway.api import read
from slipway.errors import ConfigurationError
from slipway.model.configuration import Configuration
from slipway.model.observed import LiveConfiguration, Observed
from slipway.model.record import ModulePhase, ModuleRecord
from slipway.planning.beside import beside
from slipway.planning.digests import digest, parts
from slipway.planning.modules import request_of
from slipway.planning.plan import make_plan
from slipway.planning.requests.codec import as_inputs
from slipway.planning.together.ground import ground_of
from tests.unit.planning import model

TEAM = "team-a"
PERSISTENT = {"welcome": {"enabled": True, "settings": {"persistence": True}}}


def team(modules: dict[str, Any] = PERSISTENT) -> Configuration:
    """Of a namespace of its own, modules only."""
    return read.parse_spec({"modules": modules}, name="platform", namespace=TEAM, generation=1)


def live(configuration: Configuration, spec: dict[str, Any]) -> LiveConfiguration:
    return LiveConfiguration(configuration.name, configuration.namespace, 1, spec)


def site(seen: Observed) -> LiveConfiguration:
    return seen.cluster.configurations[0]


def found(seen: Observed, modules: dict[str, Any] = PERSISTENT) -> Configuration:
    return beside(team(modules), seen.cluster.configurations, model.catalog(), seen.cluster.modules)


def inputs_of(configuration: Configuration) -> dict[str, Any]:
    ground = ground_of(configuration, model.catalog(), model.bundle())
    return as_inputs(request_of(ground, "welcome", ground.rendered("welcome").values))


def with_record(seen: Observed, **fields: Any) -> Observed:
    """Beside the site's modules one that a team has."""
    record = ModuleRecord("welcome", ModulePhase.HEALTHY, owner=f"{TEAM}/platform", **fields)
    both = (*seen.cluster.configurations, live(team(), {"modules": PERSISTENT}))
    modules = {**seen.cluster.modules, "welcome": record}
    return replace(seen, cluster=replace(seen.cluster, modules=modules, configurations=both))


def test_a_team_uses_the_clusters_registry_network_and_modules_as_they_are() -> None:
    document = model.document({"kubernetes": {"network": {"dnsDomain": "site.local"}}})
    seen = model.installed(document)
    configuration = found(seen)
    inputs = inputs_of(configuration)
    assert inputs["requires"] == ["local-path-provisioner"]
    assert inputs["owner"] == f"{TEAM}/platform"
    assert inputs["releases"][0]["values"]["clusterName"] == "site"
    assert configuration.site.spec.kubernetes.network.dns_domain == "site.local"
    assert configuration.site.registry_host.name == "cp-01"


def test_its_plan_is_its_own_modules_and_nothing_of_the_site() -> None:
    """Not even where the registry holds another bundle, a node is gone and image names are rewritten."""
    seen = model.installed(model.document())
    nodes = {name: node for name, node in seen.cluster.nodes.items() if name != "worker-02"}
    seen = replace(
        seen,
        registry=replace(seen.registry, bundle="sha256:other"),
        cluster=replace(seen.cluster, nodes=nodes),
    )
    plan = make_plan(found(seen), model.catalog(), model.bundle(), seen)
    assert [step.id for step in plan.steps] == ["module/welcome/apply"]
    assert not plan.needs_approval


def test_what_a_module_of_a_team_requires_is_not_taken_away() -> None:
    seen = with_record(model.installed(model.document()), requires=("local-path-provisioner",))
    without = model.document({"modules": {"local-path-provisioner": {"enabled": False}}})
    with pytest.raises(ConfigurationError) as refused:
        model.planned(without, seen)
    (finding,) = refused.value.findings
    assert finding.path == "spec.modules.local-path-provisioner"
    assert (
        finding.problem
        == f"module welcome of ClusterConfiguration {TEAM}/platform requires local-path-provisioner"
    )


def test_it_goes_once_nobody_requires_it() -> None:
    seen = with_record(model.installed(model.document()))
    without = model.document({"modules": {"local-path-provisioner": {"enabled": False}}})
    ids = [step.id for step in model.planned(without, seen).steps]
    assert ids == ["settings/site/apply", "module/local-path-provisioner/remove"]


def test_a_requirement_goes_after_the_change_that_does_without_it() -> None:
    document = model.document({"modules": PERSISTENT})
    seen = model.installed(document)
    without = {"welcome": {"settings": None}, "local-path-provisioner": {"enabled": False}}
    steps = {
        step.id: step
        for step in model.planned(model.document({"modules": PERSISTENT}, {"modules": without}), seen).steps
    }
    assert "module/welcome/apply" in steps["module/local-path-provisioner/remove"].needs


def test_it_knows_whose_the_modules_are() -> None:
    everyone = found(model.installed(model.document())).elsewhere
    assert everyone == dict.fromkeys(
        ("flannel", "local-path-provisioner", "metrics-server", "operator"), "slipway-system/site"
    )


def test_what_a_deleted_configuration_left_is_nobodys() -> None:
    seen = model.installed(model.document())
    left = {"welcome": ModuleRecord("welcome", ModulePhase.HEALTHY, owner="team-b/gone")}
    assert "welcome" not in beside(team(), seen.cluster.configurations, model.catalog(), left).elsewhere


def test_one_that_is_not_accepted_has_nothing() -> None:
    wrong = LiveConfiguration("broken", "team-b", 1, {"modules": {"welcome": {"enabled": "perhaps"}}})
    assert beside(team(), (wrong,), model.catalog()).elsewhere == {}


def test_without_a_cluster_of_slipway_it_stands_alone() -> None:
    configuration = beside(team(), (), model.catalog())
    assert configuration.site is configuration


@pytest.mark.parametrize("lives", [True, False], ids=["lives", "is gone"])
def test_a_module_of_another_is_taken_over_after_a_yes_where_that_one_lives(*, lives: bool) -> None:
    seen = model.installed(model.document())
    inputs = inputs_of(found(seen))
    seen = with_record(seen, digest=digest(inputs, {}), parts=parts(inputs, {}))
    if not lives:
        alone = replace(seen.cluster, configurations=seen.cluster.configurations[:1])
        seen = replace(seen, cluster=alone)
    own = read.parse(model.document({"modules": PERSISTENT}))
    own = beside(own, seen.cluster.configurations, model.catalog(), seen.cluster.modules)
    plan = make_plan(own, model.catalog(), model.bundle(), seen)
    step = next(step for step in plan.steps if step.id == "module/welcome/apply")
    told = f"it is taken over from ClusterConfiguration {TEAM}/platform"
    assert told in [reason.text for reason in step.reasons]
    assert (step.disruptive, plan.needs_approval) == (lives, lives)
