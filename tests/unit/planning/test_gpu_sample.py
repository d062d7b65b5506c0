"""The sample site with GPUs: what it plans where the cards are as it says."""

from dataclasses import replace

import yaml

from slipway.api import read
from slipway.model.observed import HostObserved, Observed
from slipway.model.survey import NvidiaDriver, Survey
from slipway.planning.preflight import preflight
from slipway.settings import data_dir
from tests.unit.planning import model

DOCUMENT = yaml.safe_load((data_dir() / "inventories" / "gpu" / "cluster.yaml").read_text())
A100 = Survey(gpus=("0000:3b:00.0 10de:20b2",), driver=NvidiaDriver("550.54.15", "550.54.15"))


def test_gpu_hosts_get_their_runtime_and_their_labels() -> None:
    bare = model.fresh(read.parse(DOCUMENT))
    observed = replace(bare, hosts={name: _with_cards(host) for name, host in bare.hosts.items()})
    plan = model.planned(DOCUMENT, observed)
    assert {step.target for step in plan.steps if step.action == "node_nvidia"} == {"gpu-01", "gpu-02"}
    labels = {step.target: step.inputs["labels"] for step in plan.steps if step.action == "metadata"}
    assert labels == {
        "cp-01": {},
        "gpu-01": {"gpu": "true", "gpu-type": "A100", "pool": "training"},
        "gpu-02": {
            "gpu": "true",
            "gpu-type": "A100-MIG",
            "pool": "notebooks",
            "nvidia.com/mig.config": "all-1g.10gb",
            "nvidia.com/device-plugin.config": "mig-mixed-time-slicing-2",
        },
        "worker-01": {},
    }
    assert _unfit(observed) == []
    assert _unfit(bare) == ["host/gpu-01 no-gpu", "host/gpu-02 no-gpu"]


def _with_cards(host: HostObserved) -> HostObserved:
    return replace(host, survey=A100) if host.name.startswith("gpu") else host


def _unfit(observed: Observed) -> list[str]:
    """What preflight finds."""
    plan = model.planned(DOCUMENT, observed)
    found = preflight(read.parse(DOCUMENT), model.bundle(), observed, plan, {})
    return [f"{finding.path} {finding.code}" for finding in found]
