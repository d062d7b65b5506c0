"""Artifacts of a run: those that travel over SSH or are used here, and the push into the site registry."""

import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from slipway.bundle.site.push import push
from slipway.bundle.site.source import DirectorySource
from slipway.bundle.site.stock import DirectoryStock, RegistryStock, Stock
from slipway.clock import utc_text
from slipway.engine.board import Board
from slipway.engine.context import Context
from slipway.engine.registry import push_client, registry_source
from slipway.errors import BundleError
from slipway.landing import real
from slipway.model.bundle import Artifact, ArtifactKind
from slipway.model.host.items import Host
from slipway.model.plan import REPLICA, Step
from slipway.model.platforms import AMD64, Platform, of_machine
from slipway.secrets import site_key

#: In the local state: blobs on their way from one registry to another. What a kill leaves there is gone on with.
SCRATCH = "push"


def local_artifacts(context: Context, wanted: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Name -> absolute path of a host's binaries on this machine: Ansible runs elsewhere."""
    return _local(context, ArtifactKind.BINARY, wanted)


def local_packages(context: Context, wanted: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """System -> absolute path of its package repository for a host, on this machine."""
    return _local(context, ArtifactKind.PACKAGES, wanted)


def _local(context: Context, kind: ArtifactKind, wanted: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """By their digests: planning has chosen those of the host's platform."""
    there = {artifact.digest: artifact for artifact in context.manifest.artifacts if artifact.kind is kind}
    return {item["name"]: str(real(context.source.path(there[item["digest"]]))) for item in wanted}


def program_path(context: Context, name: str) -> Path:
    """Path of a binary that runs on this machine, fetched and checked when it comes from the registry."""
    return context.source.path(required(context, ArtifactKind.BINARY, name, this_machine()))


def this_machine() -> Platform:
    """The platform on which Slipway runs; of another one than Slipway knows nothing could be had."""
    return of_machine(os.uname().machine) or AMD64


def required(context: Context, kind: ArtifactKind, name: str, platform: Platform = AMD64) -> Artifact:
    """The artifact; BundleError when the bundle does not have it."""
    of = f" for {platform.name}" if kind is ArtifactKind.BINARY else ""
    return _there(context.manifest.find(kind, name, platform=platform), context, f"{kind} {name}{of}")


def required_chart(context: Context, module: str, chart: str) -> Artifact:
    """A module's chart; BundleError when the bundle does not have it."""
    return _there(context.manifest.chart(module, chart), context, f"chart {chart} of module {module}")


def _there(found: Artifact | None, context: Context, what: str) -> Artifact:
    if found is None:
        raise BundleError(
            f"the bundle has no {what}",
            where=context.manifest.name,
            hint="build it for this ClusterConfiguration: slipway bundle build -f cluster.yaml -o DIR",
        )
    return found


def mirror(step: Step, context: Context, board: Board, cancelled: Callable[[], bool]) -> int:
    """Push the bundle into the registry that the step means; number of images and artifacts copied."""
    from slipway.bundle.site.receipts import Notary, receipt_of

    configuration, replica = context.configuration, step.target == REPLICA
    both = (configuration.registry_host, configuration.registry_replica)
    target, other = both[::-1] if replica else both
    client = push_client(configuration, context.secrets, context.state, target)
    receipt = push(
        _stock(context, other, replica=replica),
        client,
        progress=lambda text: board.task(step.target, text, step.id),
        cancelled=cancelled,
    )
    shutil.rmtree(context.state / SCRATCH, ignore_errors=True)
    at = utc_text()
    notary = Notary(site_key(context.secrets))
    notary.write(context.state, receipt_of(context.verified.manifest, client.url, receipt, at), step.target)
    board.counts.images_copied += receipt.images_copied
    return receipt.images_copied + receipt.artifacts_copied


def _stock(context: Context, other: Host | None, *, replica: bool) -> Stock:
    """What to push from: the bundle that was given, else the registry on the other host, which holds it already.

    A delta leaves out what the registry has, which a replica may lack.
    """
    if isinstance(context.source, DirectorySource):
        given = DirectoryStock(context.source.directory, context.verified)
        if not (replica and given.absent):
            return given
    if other is None:
        raise BundleError(
            "the site registry does not hold the bundle, and no bundle was given",
            hint="slipway install --bundle DIR",
        )
    source = registry_source(context.configuration, context.secrets, context.state, other)
    return RegistryStock(source.client, context.state / SCRATCH, context.verified)
