"""What a site has: `bundle inventory` writes it down, `bundle build --since` leaves it out on the other side."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from slipway.bundle.form.packing import EMPTY_DIGEST, manifests_of, root_digest
from slipway.bundle.ground.crew import Crew
from slipway.bundle.ground.disk import guarded
from slipway.bundle.registry.client import RegistryClient
from slipway.errors import BundleError
from slipway.landing import land
from slipway.model.bundle import Artifact, BundleManifest
from slipway.smallfiles import json_of

INVENTORY_FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class Inventory:
    """`bundle`: digest of the bundle that the site has. `blobs`: digests, each with a repository that has it."""

    bundle: str
    blobs: Mapping[str, str]

    def write(self, path: Path) -> None:
        """As JSON, by rename."""
        data = {"format": INVENTORY_FORMAT, "bundle": self.bundle, "blobs": dict(sorted(self.blobs.items()))}
        with guarded(path):
            land(path, json.dumps(data, indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> "Inventory":
        """Of a file.

        Raises:
            BundleError: it is none.
        """
        try:
            data = json_of(path)
            known = data["format"] == INVENTORY_FORMAT
            blobs = {str(digest): str(repository) for digest, repository in data["blobs"].items()}
            found = cls(str(data["bundle"]), blobs)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
            why = f"{type(exc).__name__}: {exc}"
            raise BundleError("this is no inventory", where=str(path), why=why, hint=_HINT) from exc
        if not known:
            raise BundleError("the inventory has another format", where=str(path), hint=_HINT)
        return found


_HINT = "take one at the site: slipway bundle inventory -f cluster.yaml -o FILE"


def inventory_of(client: RegistryClient, manifest: BundleManifest, parallel: int = 8) -> Inventory:
    """What the registry really has of its bundle: of what is not there under its tag, nothing counts."""
    with Crew(parallel, "inventory") as crew:
        found = crew.each(lambda artifact: list(_blobs(client, artifact)), manifest.artifacts)
    blobs: dict[str, str] = {}
    for artifact, digests in zip(manifest.artifacts, found, strict=True):
        for digest in digests:
            blobs.setdefault(digest, artifact.repository)
    blobs.pop(EMPTY_DIGEST, None)
    return Inventory(manifest.digest, blobs)


def _blobs(client: RegistryClient, artifact: Artifact) -> Iterator[str]:
    if client.head_manifest(artifact.repository, artifact.tag) != root_digest(artifact):
        return
    for node in manifests_of(artifact, lambda digest: client.get_manifest(artifact.repository, digest)[0]):
        yield from node.blobs
