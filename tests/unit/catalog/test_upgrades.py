"""The way from one Kubernetes version to a later one."""

import pytest

from slipway.catalog.upgrades import path
from slipway.errors import ConfigurationError

KNOWN = ("v1.9.9", "v1.34.4", "v1.35.4", "v1.35.10", "v1.36.1", "v1.36.3", "v1.38.0")


@pytest.mark.parametrize(
    ("current", "target", "way"),
    [
        ("v1.35.4", "v1.36.3", ("v1.35.4", "v1.36.3")),
        ("v1.35.4", "1.36.3", ("v1.35.4", "v1.36.3")),
        ("v1.35.4", "v1.35.10", ("v1.35.4", "v1.35.10")),
        ("v1.34.4", "v1.36.1", ("v1.34.4", "v1.35.10", "v1.36.1")),
        ("v1.35.4", "v1.35.4", ("v1.35.4",)),
    ],
)
def test_each_minor_version_between_is_passed_through_once(
    current: str, target: str, way: tuple[str, ...]
) -> None:
    assert path(KNOWN, current, target) == way


@pytest.mark.parametrize(
    ("current", "target", "text"),
    [
        ("v1.36.1", "v1.35.10", "v1.35.10 is older than v1.36.1"),
        ("v1.35.10", "v1.35.4", "v1.35.4 is older than v1.35.10"),
        ("v1.35.4", "v1.36.9", "there is no Kubernetes v1.36.9 to upgrade to"),
        ("v1.36.3", "v1.38.0", "leads over v1.37, which this release does not know"),
        ("v1.35.4", "next", "there is no Kubernetes vnext to upgrade to"),
    ],
)
def test_what_is_no_upgrade_says_why(current: str, target: str, text: str) -> None:
    with pytest.raises(ConfigurationError, match=text):
        path(KNOWN, current, target)
