"""Labels that follow from a host's GPUs."""

import pytest

from slipway.model.host.items import Host
from slipway.model.host.settings import HostSettings
from slipway.model.observed import HostObserved, NodeObserved
from slipway.model.survey import NvidiaDriver, Survey
from slipway.planning.labels import gpu_type, node_labels
from slipway.planning.roles.facts import Facts

A100, V100, UNKNOWN = "0000:3b:00.0 10de:20b2", "0000:86:00.0 10de:1db1", "0000:c1:00.0 10de:ffff"


def labels(seen: HostObserved | None, node: NodeObserved | None = None, **settings: object) -> dict[str, str]:
    host = Host(
        name="h", address="10.0.0.1", roles=("worker",), settings=HostSettings.model_validate(settings)
    )
    return node_labels(host, Facts(gpus=True), seen, node)


def read(*gpus: str, models: tuple[str, ...] = ()) -> HostObserved:
    return HostObserved("h", survey=Survey(gpus=gpus, driver=NvidiaDriver(models=models)))


@pytest.mark.parametrize(
    ("gpus", "models", "wanted"),
    [
        ((A100, A100), (), "A100"),
        ((A100,), ("NVIDIA A100-SXM4-80GB",), "A100"),
        ((A100, V100), (), ""),
        ((UNKNOWN,), (), "10de-ffff"),
        ((UNKNOWN,), ("NVIDIA GeForce RTX 4090",), "RTX-4090"),
        ((UNKNOWN,), ("NVIDIA A2 (rev a1)",), "A2-rev-a1"),
    ],
)
def test_model(gpus: tuple[str, ...], models: tuple[str, ...], wanted: str) -> None:
    assert gpu_type(Survey(gpus=gpus, driver=NvidiaDriver(models=models))) == wanted


def test_a_host_with_gpus_says_so_and_its_own_labels_win() -> None:
    assert labels(read(A100)) == {"gpu": "true", "gpu-type": "A100"}
    assert labels(read(A100), labels={"gpu-type": "big", "rack": "7"}) == {
        "gpu": "true",
        "gpu-type": "big",
        "rack": "7",
    }


def test_a_host_that_was_not_read_keeps_what_its_node_says() -> None:
    node = NodeObserved("h", ready=True, labels={"gpu-type": "A100"}, owned_labels=("gpu", "gpu-type"))
    assert labels(None, node) == {"gpu": "true", "gpu-type": "A100"}
    foreign = NodeObserved("h", ready=True, labels={"gpu-type": "A100"})
    assert labels(None, foreign) == {"gpu": "true"}


def test_where_gpus_are_not_given_out_nothing_is_said_of_them() -> None:
    assert labels(read(A100), nvidia={"enabled": False}) == {}


def test_sharing_is_handed_on_by_name() -> None:
    mig = {"strategy": "mixed", "profile": "all-1g.10gb"}
    both = labels(read(A100), nvidia={"mig": mig, "timeSlicing": {"replicas": 4}})
    assert both["nvidia.com/mig.config"] == "all-1g.10gb"
    assert both["nvidia.com/device-plugin.config"] == "mig-mixed-time-slicing-4"
    sliced = labels(read(A100), nvidia={"timeSlicing": {"replicas": 2}})
    assert sliced["nvidia.com/device-plugin.config"] == "time-slicing-2"
    assert "nvidia.com/mig.config" not in sliced
