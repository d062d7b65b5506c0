"""Artifacts of a run: those that travel over SSH or are used here, and the push into the site registry."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from slipway.bundle.push import push
from slipway.bundle.source import DirectorySource
from slipway.engine.board import Board
from slipway.engine.context import Context
from slipway.engine.registry import push_client
from slipway.errors import BundleError
from slipway.model.bundle import Artifact, ArtifactKind
from slipway.secrets import site_key


def local_artifacts(context: Context, wanted: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Name -> absolute path of binaries on this machine: Ansible runs elsewhere."""
    return {item["name"]: str(binary_path(context, item["name"]).resolve()) for item in wanted}


def local_packages(context: Context, wanted: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """System -> absolute path of its package repository on this machine."""
    found = (required(context, ArtifactKind.PACKAGES, item["name"]) for item in wanted)
    return {artifact.name: str(context.source.path(artifact).resolve()) for artifact in found}


def binary_path(context: Context, name: str) -> Path:
    """Path of a binary on this machine, fetched and checked when it comes from the registry."""
    return context.source.path(required(context, ArtifactKind.BINARY, name))


def required(context: Context, kind: ArtifactKind, name: str) -> Artifact:
    """The artifact; BundleError when the bundle does not have it."""
    found = context.manifest.find(kind, name)
    if found is None:
        raise BundleError(
            f"the bundle has no {kind} {name}",
            where=context.manifest.name,
            hint="build it for this ClusterConfiguration: slipway bundle build -f cluster.yaml -o DIR",
        )
    return found


def mirror(context: Context, board: Board, cancelled: Callable[[], bool]) -> int:
    """Push the bundle; number of images and artifacts copied."""
    from slipway.bundle.receipts import Notary, receipt_of

    if not isinstance(context.source, DirectorySource):
        raise BundleError(
            "the site registry does not hold the bundle, and no bundle was given",
            hint="slipway install --bundle DIR",
        )
    client = push_client(context.configuration, context.secrets, context.state)
    receipt = push(
        context.source.directory,
        client,
        progress=lambda text: board.task("site", text, "mirror/site/push"),
        cancelled=cancelled,
    )
    at = datetime.now(UTC).isoformat(timespec="seconds")
    notary = Notary(site_key(context.secrets))
    notary.write(context.state, receipt_of(context.source.manifest(), client.url, receipt, at))
    board.counts.images_copied += receipt.images_copied
    return receipt.images_copied + receipt.artifacts_copied
