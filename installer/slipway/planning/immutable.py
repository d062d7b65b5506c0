"""Fields that a live cluster cannot change, compared with what it was made from."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from slipway.errors import Finding
from slipway.findings import FindingCode
from slipway.model.configuration import Configuration, Spec
from slipway.model.fields import Effect
from slipway.model.host.items import Host
from slipway.model.observed import NodeObserved

_RENAMED = (
    "keep the name; or take {name} out, apply, then add {new}; or, where it was installed anew: "
    "slipway host forget {name}"
)
WAY_OUT = "put the old value back, or make a new cluster with `slipway reset` and `slipway install`"


def immutable_findings(live: Spec, wanted: Spec) -> list[Finding]:
    """One finding for each immutable field that differs."""
    return list(_compare(live, wanted, "spec"))


def pillar_findings(live: tuple[Host, ...], spec: Spec, wanted: Configuration) -> list[Finding]:
    """Hosts that all others lean on and that cannot leave by an edit: the first control plane, the registry's."""
    planes = [host.name for host in live if host.control_plane]
    if not planes:
        return []
    pillars = {planes[0]: "lets other hosts join"}
    if spec.registry.mode == "builtin":
        pillars[spec.registry.host or planes[0]] = "runs the site registry"
    names = {host.name for host in wanted.hosts}
    first = wanted.control_planes[0].name if wanted.control_planes else ""
    findings = [
        Finding(
            "spec.hosts.items",
            f"{name} {why}, and cannot be removed",
            expected=name,
            hint="put it back",
            code=FindingCode.PILLAR,
        )
        for name, why in pillars.items()
        if name not in names
    ]
    if not findings and first != planes[0]:
        text = f"the first control plane was {planes[0]} and would be {first}"
        findings = [
            Finding(
                "spec.hosts.items",
                text,
                expected=planes[0],
                hint="put it back in first place",
                code=FindingCode.PILLAR,
            )
        ]
    return findings


def machine_findings(nodes: Mapping[str, NodeObserved], wanted: Configuration) -> list[Finding]:
    """Hosts at the address of a node that is to leave: one machine, prepared under one name and reset under another.

    So it is with a host that was renamed. (Two that change places change their addresses, which are immutable.)
    """
    hosts = {host.name for host in wanted.hosts}
    leaving = {
        node.address: name
        for name, node in nodes.items()
        if node.records and node.address and name not in hosts
    }
    return [
        Finding(
            f"spec.hosts.items[{host.name}].address",
            f"{host.address} is the address of node {leaving[host.address]}: one machine cannot have two names",
            expected=leaving[host.address],
            hint=_RENAMED.format(name=leaving[host.address], new=host.name),
            code=FindingCode.TWO_NAMES,
        )
        for host in wanted.hosts
        if host.address in leaving
    ]


def _compare(live: BaseModel, wanted: BaseModel, path: str) -> Iterator[Finding]:
    for name, info in type(live).model_fields.items():
        before, after = getattr(live, name), getattr(wanted, name)
        here = f"{path}.{info.alias or name}"
        extra = info.json_schema_extra
        if before == after:
            continue
        if isinstance(extra, dict) and extra.get("x-slipway-effect") == Effect.IMMUTABLE:
            yield Finding(
                here,
                f"is {after!r}, but the cluster was made with {before!r}",
                expected=repr(before),
                hint=WAY_OUT,
                code=FindingCode.IMMUTABLE,
            )
        elif isinstance(before, BaseModel) and isinstance(after, BaseModel):
            yield from _compare(before, after, here)
        elif isinstance(before, tuple) and isinstance(after, tuple):
            yield from _compare_named(before, after, here)


def _compare_named(live: tuple[Any, ...], wanted: tuple[Any, ...], path: str) -> Iterator[Finding]:
    """Lists of named things are compared by name: one more or one less is no edit of another."""
    by_name = {getattr(item, "name", None): item for item in live if isinstance(item, BaseModel)}
    for item in wanted:
        name = getattr(item, "name", None)
        if isinstance(item, BaseModel) and name in by_name:
            yield from _compare(by_name[name], item, f"{path}[{name}]")
