"""Snapshots of a module's claims, taken before an upgrade that asks for them."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from slipway.catalog.relations.succession import SNAPSHOT
from slipway.model.observed import ClaimObserved
from slipway.model.plan import Because, Hold, Reason
from slipway.planning.requests.request import UpgradeStepRequest

#: Seconds for all of them to be ready to use.
SECONDS: Final = 900


def snapshot_step(claims: Iterable[ClaimObserved], version: str) -> UpgradeStepRequest | None:
    """One of each claim that a class makes snapshots of; None: of no claim. `version`: that which comes."""
    word = re.sub(r"[^a-z0-9.-]+", "-", version.lower()).strip("-.")
    objects = tuple(
        {
            "apiVersion": "snapshot.storage.k8s.io/v1",
            "kind": "VolumeSnapshot",
            "metadata": {"name": f"{claim.name}-before-{word}", "namespace": claim.namespace},
            "spec": {
                "volumeSnapshotClassName": claim.snapshot_class,
                "source": {"persistentVolumeClaimName": claim.name},
            },
        }
        for claim in claims
        if claim.snapshot_class
    )
    return UpgradeStepRequest(SNAPSHOT, objects, SECONDS, kept=True) if objects else None


def snapshot_reasons(claims: Iterable[ClaimObserved], *, taken: bool) -> Iterator[Reason]:
    """What is saved, and what cannot be: somebody has to agree to that. `taken`: it has been already."""
    for claim in claims:
        if taken and claim.snapshot_class:
            text = f"took a snapshot of {claim} before (class {claim.snapshot_class})"
        elif claim.snapshot_class:
            text = f"takes a snapshot of {claim} before (class {claim.snapshot_class})"
        elif claim.driver:
            text = f"takes NO snapshot of {claim}: no VolumeSnapshotClass is for {claim.driver}"
        else:
            text = f"takes NO snapshot of {claim}: its volume is of no CSI driver"
        yield Reason(Because.EFFECT, text)


def unread_hold(module: str) -> Hold:
    """Nobody has looked what snapshots are to be taken of."""
    return Hold(
        what=f"the claims of module {module} were not read",
        where=f"module/{module}/apply",
        why="its upgrade takes snapshots of them first",
        hint="run it again while the cluster answers",
    )
