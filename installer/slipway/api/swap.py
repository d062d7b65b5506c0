"""Swap of pods needs swap of their host: each host is judged by its merged settings."""

from collections.abc import Iterator, Sequence

from slipway.errors import Finding
from slipway.findings import FindingCode
from slipway.model.host.items import Host
from slipway.model.kubernetes import Kubernetes


def swap_findings(resolved: Sequence[Host], kubernetes: Kubernetes | None) -> Iterator[Finding]:
    """Hosts whose pods may swap to nothing; in the order of `spec.hosts.items`."""
    common = kubernetes.kubelet.extra_config if kubernetes else {}
    for index, host in enumerate(resolved):
        memory = {**common, **host.settings.kubelet}.get("memorySwap")
        behavior = memory.get("swapBehavior") if isinstance(memory, dict) else None
        if host.settings.swap == "off" and behavior not in {None, "NoSwap"}:
            text = f"is off on host {host.name}, whose kubelet has memorySwap.swapBehavior {behavior}"
            path = f"spec.hosts.items[{index}].settings.swap"
            yield Finding(
                path, text, expected="keep, or no such swapBehavior", code=FindingCode.PODS_WITHOUT_SWAP
            )
