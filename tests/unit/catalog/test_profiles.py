"""Modules of a bundle by profile, over the real catalog."""

import pytest

from slipway import catalog as catalogs
from slipway.api import read
from slipway.catalog.profiles import listed, modules_of
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


@pytest.mark.parametrize(
    ("profile", "wanted"),
    [
        (Profile.MINIMAL, ENABLED),
        (Profile.AI, ENABLED | set(listed(Profile.AI))),
        (Profile.FULL, set(catalogs.load().modules)),
    ],
)
def test_what_a_profile_takes(profile: Profile, wanted: set[str]) -> None:
    found = modules_of(profile, catalogs.load(), configuration())
    assert found == sorted(found)
    assert set(found) == wanted


def test_what_a_site_disabled_is_left_out() -> None:
    found = modules_of(Profile.AI, catalogs.load(), configuration(metrics_server=False))
    assert "metrics-server" not in found


def test_the_lists_are_of_the_catalog() -> None:
    names = listed(Profile.AI)
    assert list(names) == sorted(names)
    assert set(names) <= set(catalogs.load().modules)
