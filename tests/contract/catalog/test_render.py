"""What each module really makes, by the real Helm: exactly its declared images, and what its policy promises."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from slipway import catalog
from slipway.catalog.versions import OWN_IMAGE
from tests.charts import rendered

CATALOG = catalog.load()
CASES = [
    (name, settings)
    for name, module in CATALOG.modules.items()
    for settings in yaml.safe_load((module.directory / "tests" / "settings.yaml").read_text())["accepted"]
]


def containers(tree: Any) -> Iterator[dict[str, Any]]:
    """Every container of every pod template, wherever it stands."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            if key in {"containers", "initContainers"}:
                yield from value
            yield from containers(value)
    elif isinstance(tree, list):
        for item in tree:
            yield from containers(item)


def images(objects: list[dict[str, Any]], declared: tuple[str, ...]) -> set[str]:
    """Images of containers, and declared ones that stand in arguments or configuration (helper pods)."""
    found = {container["image"] for container in containers(objects)}
    return found | {reference for reference in declared if reference in yaml.safe_dump(objects, width=10**6)}


@pytest.mark.parametrize(("name", "settings"), CASES)
def test_images_are_exactly_the_declared_ones(name: str, settings: dict[str, Any]) -> None:
    module = CATALOG.modules[name]
    assert images(rendered(CATALOG, module, settings), module.images) == set(module.images)


@pytest.mark.parametrize(("name", "settings"), CASES)
def test_no_container_pulls_always(name: str, settings: dict[str, Any]) -> None:
    for container in containers(rendered(CATALOG, CATALOG.modules[name], settings)):
        assert container.get("imagePullPolicy", "IfNotPresent") == "IfNotPresent"


@pytest.mark.parametrize("name", CATALOG.modules)
def test_data_that_is_to_be_retained_is_not_part_of_the_release(name: str) -> None:
    module = CATALOG.modules[name]
    if module.removal.data == "delete":
        return
    claims = [
        item
        for settings in [case for owner, case in CASES if owner == name]
        for item in rendered(CATALOG, module, settings)
        if item["kind"] == "PersistentVolumeClaim"
    ]
    kept = [item["metadata"].get("annotations", {}).get("helm.sh/resource-policy") for item in claims]
    assert kept == ["keep"] * len(claims)


def test_every_image_of_a_module_is_one_that_a_bundle_can_carry() -> None:
    pinned = {image.reference for image in CATALOG.versions.images}
    pinned |= {f"{OWN_IMAGE}:{CATALOG.version}"}
    assert {ref for module in CATALOG.modules.values() for ref in module.images} <= pinned


def test_settings_reach_the_objects() -> None:
    made = rendered(CATALOG, CATALOG.modules["flannel"], {"backend": "host-gw", "interface": "eth1"})
    config = next(item for item in made if item["kind"] == "ConfigMap")["data"]["net-conf.json"]
    network = yaml.safe_load(config)
    assert network["Backend"]["Type"] == "host-gw"
    assert network["EnableNFTables"] is True
    daemon = next(item for item in made if item["kind"] == "DaemonSet")
    assert "--iface=eth1" in daemon["spec"]["template"]["spec"]["containers"][0]["command"]
