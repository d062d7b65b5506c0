"""Systems of hosts: their names, and what packages are called there, for planning and for roles."""

import importlib.util
from typing import Any

import pytest

from slipway.catalog import versions
from slipway.model.systems import system_of
from slipway.settings import data_dir

TABLE = versions.load().packages
NAMES = [system.name for system in TABLE.systems]


@pytest.fixture(scope="module")
def filters() -> dict[str, Any]:
    path = data_dir() / "plugins" / "filter" / "slipway_systems.py"
    spec = importlib.util.spec_from_file_location("slipway_systems", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: dict[str, Any] = module.FilterModule().filters()
    return found


@pytest.mark.parametrize(
    ("os_id", "version", "expected"),
    [
        ("debian", "12", "debian-12"),
        ("ubuntu", "22.04", "ubuntu-22.04"),
        ("rocky", "9.4", "rocky-9"),
        ("openEuler", "22.03", "openeuler-22.03"),
        ("kylin", "V10", "kylin-v10"),
        ("rocky", "10.1", "rocky-10.1"),
    ],
)
def test_a_system_is_known_by_its_version_or_the_first_part_of_it(
    os_id: str, version: str, expected: str
) -> None:
    assert system_of(os_id, version, NAMES) == expected


@pytest.mark.parametrize("name", NAMES)
def test_roles_and_bundles_call_packages_the_same(name: str, filters: dict[str, Any]) -> None:
    system = TABLE.system(name)
    asked = [*TABLE.packages, "docker.io", "nfs-common", "ceph-common"]
    assert filters["slipway_packages"](asked, name) == list(system.called(asked))
    assert filters["slipway_package_format"](name) == system.format


@pytest.mark.parametrize("name", [system.name for system in TABLE.systems if system.format == "dnf"])
def test_no_debian_name_is_left_where_packages_are_rpms(name: str) -> None:
    debian_only = {"conntrack", "docker.io", "nfs-common"}
    assert not debian_only & set(TABLE.system(name).called({*TABLE.packages, *debian_only}))


def test_a_host_is_named_by_the_probe_or_else_by_ansible(filters: dict[str, Any]) -> None:
    known = {"debian-12": {}, "rocky-9": {}}
    name = filters["slipway_system"]
    assert name(known, {"os_id": "rocky", "os_version": "9.4"}, {}) == "rocky-9"
    assert name(known, {}, {"distribution": "Debian", "distribution_version": "12.8"}) == "debian-12"
