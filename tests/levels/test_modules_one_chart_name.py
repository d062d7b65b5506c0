"""Two modules whose charts have one name: each is installed from its own, out of one registry, and removed alone."""

from pathlib import Path

import pytest
import yaml

from slipway.cluster.own import records
from slipway.cluster.rest.client import Client, connect
from tests.api.operator.recording import Running
from tests.api.working import working_site, write_module
from tests.apiserver import ApiServer, until

SOON = 120
CHART = "chart/Chart.yaml"
#: Which of the two charts an object is of.
WHOSE = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: whose}
data: {module: MODULE}
"""


def write_page(folder: Path) -> None:
    """A module whose chart is called `page`, and tells whose it is."""
    write_module(folder)
    module, chart = (yaml.safe_load((folder / name).read_text()) for name in ("module.yaml", CHART))
    module["releases"][0]["chart"] = chart["name"] = "page"
    (folder / "module.yaml").write_text(yaml.safe_dump(module))
    (folder / CHART).write_text(yaml.safe_dump(chart))
    (folder / "chart" / "templates" / "whose.yaml").write_text(WHOSE.replace("MODULE", folder.name))


def phase(client: Client, name: str) -> str | None:
    record = records.read_module(client, name)
    return record.phase if record else None


def test_each_has_its_own(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    with (
        ApiServer(tmp_path_factory.mktemp("page-api"), controllers=True, kwok=True) as api,
        working_site(tmp_path, api, ("blue", "green"), write_page) as site,
        connect(api.kubeconfig) as client,
        Running(site.runtime()),
    ):
        site.edit(blue="here", green="here")
        for name in ("blue", "green"):
            until(lambda name=name: phase(client, name) == "Healthy", seconds=SOON, what=f"{name} is healthy")
            whose = client.get("v1", "ConfigMap", "whose", name)
            assert whose
            assert whose["data"] == {"module": name}
        site.edit(blue="")
        until(lambda: phase(client, "blue") is None, seconds=SOON, what="blue is removed")
        assert phase(client, "green") == "Healthy"
        assert client.get("v1", "ConfigMap", "whose", "green")
