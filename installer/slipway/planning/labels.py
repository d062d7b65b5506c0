"""Labels of a Node: those of the host's settings, and those that follow from its GPUs."""

import re
from typing import Final

from slipway.model.host.items import Host
from slipway.model.host.nvidia import Nvidia
from slipway.model.observed import HostObserved, NodeObserved
from slipway.model.survey import Survey
from slipway.planning.roles.facts import Facts
from slipway.planning.roles.node_nvidia import enabled

GPU: Final = "gpu"
GPU_TYPE: Final = "gpu-type"
MIG_CONFIG: Final = "nvidia.com/mig.config"
PLUGIN_CONFIG: Final = "nvidia.com/device-plugin.config"
OF_GPUS: Final = frozenset({GPU, GPU_TYPE, MIG_CONFIG, PLUGIN_CONFIG})

#: PCI device ids by model, from the PCI ID Repository. Ids that several models share are not here.
_MODELS: Final = {
    "A10": "2236",
    "A100": "20b0 20b1 20b2 20b3 20b5 20f1",
    "A10G": "2237",
    "A30": "20b7",
    "A40": "2235",
    "A800": "20f3 20f5 20f6",
    "B200": "2901",
    "GB200": "2941",
    "GH200": "2342",
    "H100": "2321 2330 2331 2339",
    "H20": "2329 232c",
    "H200": "2335 233b",
    "H800": "2322 2324",
    "L20": "26ba",
    "L4": "27b8",
    "L40": "26b5",
    "L40S": "26b9",
    "P100": "15f7 15f8 15f9",
    "P4": "1bb3",
    "P40": "1b38",
    "T4": "1eb8",
    "V100": "1db1 1db4 1db5 1db6 1db8",
    "V100S": "1df6",
}
_BY_ID: Final = {device: model for model, devices in _MODELS.items() for device in devices.split()}


def node_labels(
    host: Host, facts: Facts, seen: HostObserved | None, node: NodeObserved | None
) -> dict[str, str]:
    """What the Node shall have; the user's own labels win."""
    if not (facts.gpus and enabled(host, facts)):
        return dict(host.settings.labels)
    if seen and seen.reachable:
        model = gpu_type(seen.survey)
    else:
        model = node.labels.get(GPU_TYPE, "") if node and GPU_TYPE in node.owned_labels else ""
    found = {GPU: "true"} | ({GPU_TYPE: model} if model else {})
    return {**found, **_sharing(host.settings.nvidia), **host.settings.labels}


def gpu_type(survey: Survey) -> str:
    """The model of a host's GPUs as a label's value; empty where there are several models.

    By PCI id, so that it is the same before and after the driver comes; by the driver's name for the rest.
    """
    ids = {gpu.rpartition(":")[2] for gpu in survey.gpus}
    models = {_BY_ID.get(device, "") for device in ids}
    if "" in models:
        models = {_value(name) for name in survey.driver.models} or {f"10de-{device}" for device in ids}
    return models.pop() if len(models) == 1 else ""


def _sharing(settings: Nvidia) -> dict[str, str]:
    """By these names the device plugin and the MIG manager find what a host's GPUs shall be."""
    labels = {MIG_CONFIG: settings.mig.profile} if settings.mig.profile else {}
    strategy, replicas = settings.mig.strategy, settings.time_slicing.replicas
    parts = [f"mig-{strategy}"] if strategy != "none" else []
    parts += [f"time-slicing-{replicas}"] if replicas else []
    return labels | ({PLUGIN_CONFIG: "-".join(parts)} if parts else {})


def _value(name: str) -> str:
    """A driver's name of a model, as a label may have it."""
    short = re.sub(r"^(NVIDIA |Tesla |GeForce )+", "", name)
    return re.sub(r"[^A-Za-z0-9._-]+", "-", short)[:63].strip("-._")
