"""What each module really makes, by the real Helm: what its policy promises, and what settings ask for."""

import pytest
import yaml

from slipway import catalog
from tests.charts import at_hand, rendered

CATALOG = catalog.load()
CASES = [
    (name, settings)
    for name, module in CATALOG.modules.items()
    for settings in yaml.safe_load((module.directory / "tests" / "settings.yaml").read_text())["accepted"]
]


@pytest.mark.parametrize("name", [one.name for one in CATALOG.modules.values() if at_hand(CATALOG, one)])
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


def test_settings_reach_the_objects() -> None:
    made = rendered(CATALOG, CATALOG.modules["flannel"], {"backend": "host-gw", "interface": "eth1"})
    config = next(item for item in made if item["kind"] == "ConfigMap")["data"]["net-conf.json"]
    network = yaml.safe_load(config)
    assert network["Backend"]["Type"] == "host-gw"
    assert network["EnableNFTables"] is True
    daemon = next(item for item in made if item["kind"] == "DaemonSet")
    assert "--iface=eth1" in daemon["spec"]["template"]["spec"]["containers"][0]["command"]
