"""Modules that run on some versions of Kubernetes only."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from slipway.catalog.modules import Module
from slipway.catalog.versions import numbers
from slipway.errors import Finding
from slipway.findings import FindingCode

if TYPE_CHECKING:
    from slipway.model.configuration import Configuration


def kubernetes_findings(
    modules: Mapping[str, Module], configuration: "Configuration", on: Iterable[str], known: Iterable[str]
) -> Iterator[Finding]:
    """Of those that are `on`, the ones that do not run on this site's Kubernetes. `known`: versions of this release."""
    kubernetes = configuration.site.spec.kubernetes
    if kubernetes is None:
        return
    versions = sorted(known, key=numbers)
    for name in on:
        module = modules[name]
        if module.kubernetes.has(kubernetes.version):
            continue
        fitting = [version for version in versions if module.kubernetes.has(version)]
        yield Finding(
            f"spec.modules.{name}",
            f"{name} {module.version} does not run on Kubernetes {kubernetes.version}",
            expected=f"Kubernetes {module.kubernetes.text}",
            hint=_way_out(name, fitting, kubernetes.version),
            code=FindingCode.KUBERNETES_RANGE,
        )


def _way_out(name: str, fitting: list[str], version: str) -> str:
    off = f"spec.modules.{name}.enabled: false"
    newer = [one for one in fitting if numbers(one) > numbers(version)]
    if newer:
        return f"spec.kubernetes.version: {newer[0]}, the nearest that it runs on; or {off}"
    if fitting:
        return f"{off}; or stay at {fitting[-1]}, the nearest that it runs on (a cluster cannot go back)"
    return f"{off}; none of this release's versions is in that range"
