"""Modules of a bundle by profile, over the real catalog."""

import pytest

from slipway import catalog as catalogs
from slipway.api import read
from slipway.catalog.modules import Group
from slipway.catalog.profiles import images_of, in_profile, modules_of
from slipway.model.bundle import Profile
from slipway.model.configuration import Configuration, ModuleSpec
from slipway.planning.plan import required_images
from slipway.settings import data_dir

ENABLED = {"flannel", "welcome"}


def configuration(**modules: bool) -> Configuration:
    """One that enables the sample module, and says of others what is given."""
    specs = {name.replace("_", "-"): {"enabled": enabled} for name, enabled in modules.items()}
    return read.parse(
        {
            "apiVersion": "installer.slipway.dev/v1alpha1",
            "kind": "ClusterConfiguration",
            "metadata": {"name": "t", "namespace": "slipway-system"},
            "spec": {
                "kubernetes": {"version": "v1.35.4", "endpoint": {"address": "api.test.internal"}},
                "hosts": {"items": [{"name": "a", "address": "10.0.0.1", "roles": ["control-plane"]}]},
                "modules": {"welcome": {"enabled": True}, **specs},
            },
        }
    )


BASE = {"local-path-provisioner", "metrics-server", "nvidia-runtime-class", "operator"}


def of_groups(*groups: Group) -> set[str]:
    return {one.name for one in catalogs.load().modules.values() if one.group in groups}


@pytest.mark.parametrize(
    ("profiles", "wanted"),
    [
        ([Profile.MINIMAL], ENABLED),
        ([Profile.BASE], ENABLED | BASE),
        ([Profile.GPU], ENABLED | BASE | of_groups(Group.GPU)),
        ([Profile.GPU, Profile.OBSERVABILITY], ENABLED | BASE | of_groups(Group.GPU, Group.OBSERVABILITY)),
        ([Profile.AI], set(catalogs.load().modules)),
        ([Profile.FULL], set(catalogs.load().modules)),
    ],
)
def test_what_profiles_take(profiles: list[Profile], wanted: set[str]) -> None:
    """At least that; and what it requires besides."""
    found = modules_of(profiles, catalogs.load(), configuration())
    assert found == sorted(found)
    assert wanted <= set(found)
    required = set(found) - wanted
    assert all(_required(name, found) for name in required)


def _required(name: str, among: list[str]) -> bool:
    """Whether another one of them requires it."""
    modules = catalogs.load().modules
    return any(one.name in modules[name].names for other in among for one in modules[other].requires)


def test_what_a_site_disabled_is_left_out() -> None:
    found = modules_of([Profile.AI], catalogs.load(), configuration(metrics_server=False))
    assert "metrics-server" not in found


def test_what_profiles_name_is_of_the_catalog() -> None:
    """And each group is in one: a module of a new one would be in no bundle but the full one."""
    known, named = set(catalogs.load().modules), [Profile.MINIMAL, Profile.FULL]
    taken = [in_profile(profile) for profile in Profile if profile not in named]
    assert {name for one in taken for name in one.modules} <= known
    assert {group for one in taken for group in one.groups} == set(Group)


GRAFANA = "docker.io/grafana/grafana"
SERVERS = {"sklearn": "docker.io/kserve/sklearnserver", "xgboost": "docker.io/kserve/xgbserver"}


def with_settings(**settings: dict[str, object]) -> Configuration:
    """The same with these modules, by their settings."""
    known = configuration()
    modules = {
        name.replace("_", "-"): ModuleSpec(enabled=True, settings=given) for name, given in settings.items()
    }
    spec = known.spec.model_copy(update={"modules": {**known.spec.modules, **modules}})
    return known.model_copy(update={"spec": spec})


def names_of(chosen: Configuration, *profiles: Profile, all_of: tuple[str, ...] = ()) -> set[str]:
    """Of the images, without their tags."""
    loaded = catalogs.load()
    found = images_of(modules_of(profiles, loaded, chosen), profiles, loaded, chosen, all_of=all_of)
    asked = required_images(chosen, loaded)
    assert set(asked) - set(loaded.versions.release("v1.35.4").images) <= found, "a plan asks for no other"
    return {image.rpartition(":")[0] for image in found}


def test_a_bundle_has_the_images_that_settings_ask_for() -> None:
    without = names_of(with_settings(kube_prometheus_stack={}), Profile.MINIMAL)
    assert GRAFANA not in without
    assert "quay.io/prometheus/prometheus" in without
    graphs = with_settings(kube_prometheus_stack={"grafana": {"enabled": True}})
    assert GRAFANA in names_of(graphs, Profile.MINIMAL)


def test_a_value_in_a_list_of_settings_asks_for_its_image() -> None:
    found = names_of(with_settings(kserve={"runtimes": ["xgboost"]}), Profile.MINIMAL)
    assert SERVERS["xgboost"] in found
    assert SERVERS["sklearn"] not in found


def test_who_names_a_module_by_a_profile_or_itself_has_all_of_it() -> None:
    chosen = with_settings(kube_prometheus_stack={}, kserve={"runtimes": ["xgboost"]})
    assert GRAFANA in names_of(chosen, Profile.OBSERVABILITY)
    assert SERVERS["sklearn"] in names_of(chosen, Profile.MINIMAL, all_of=("kserve",))
    assert GRAFANA not in names_of(chosen, Profile.MINIMAL, all_of=("kserve",))
    assert {GRAFANA, *SERVERS.values()} <= names_of(chosen, Profile.FULL)


def test_a_plan_asks_for_no_image_that_settings_do_not() -> None:
    asked = required_images(with_settings(kube_prometheus_stack={"alertmanager": False}), catalogs.load())
    assert not [image for image in asked if GRAFANA in image or "alertmanager" in image]


def test_whoever_knows_no_settings_asks_for_what_all_have() -> None:
    """As `bundle verify` without a ClusterConfiguration: what is in a bundle beyond that is its builder's choice."""
    loaded = catalogs.load()
    module = loaded.named("kube-prometheus-stack")
    assert not [image for image in module.images_always if GRAFANA in image]
    assert set(module.images_always) | set(module.image_conditions) == set(module.images)
    assert set(module.images_always) < set(module.images_with(loaded.settings(module, {})))


def test_the_demo_may_switch_on_what_its_bundle_has() -> None:
    demo = read.load(data_dir() / "inventories" / "demo" / "cluster.yaml")
    assert "welcome" in modules_of([Profile.BASE], catalogs.load(), demo)
    assert not catalogs.load().selection(demo)["welcome"].enabled
