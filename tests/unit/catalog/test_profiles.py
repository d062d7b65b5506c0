"""Modules of a bundle by profile, over the real catalog."""

import pytest

from slipway import catalog as catalogs
from slipway.api import read
from slipway.catalog.modules import Group
from slipway.catalog.profiles import in_profile, modules_of
from slipway.model.bundle import Profile
from slipway.model.configuration import Configuration

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
