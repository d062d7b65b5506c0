"""Images that cosign and notation really signed, recorded, and put into a registry again.

`scripts/record_signatures.py` made tests/signatures/ with keys of its own, which it threw away.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from slipway.bundle.registry.client import RegistryClient
from tests.upstreams import digest_of

PLACE = Path(__file__).with_name("signatures")
REPOSITORY = "group/tool"
#: COSE is no text.
BYTES = "latin-1"


@dataclass(frozen=True)
class Recording:
    """What a registry held: manifests by tag or digest, each with its type; blobs, with a letter for each byte."""

    tool: str
    manifests: dict[str, tuple[str, str]]
    blobs: tuple[str, ...]

    def play(self, client: RegistryClient, repository: str = REPOSITORY) -> None:
        """Put it there."""
        for blob in self.blobs:
            client.put_blob(repository, digest_of(blob.encode(BYTES)), blob.encode(BYTES))
        for reference, (kind, text) in self.manifests.items():
            client.put_manifest(repository, reference, text.encode(), kind)

    @property
    def layers(self) -> list[tuple[dict[str, object], str]]:
        """Layers of the signatures, as manifests name them, with their contents."""
        blobs = {digest_of(blob.encode(BYTES)): blob for blob in self.blobs}
        manifests = [json.loads(text) for _, text in self.manifests.values()]
        return [(layer, blobs[layer["digest"]]) for item in manifests for layer in item.get("layers", ())]


def recording(name: str) -> Recording:
    """One of tests/signatures, by its name."""
    data = json.loads((PLACE / f"{name}.json").read_text(encoding="utf-8"))
    manifests = {reference: (kind, text) for reference, (kind, text) in data["manifests"].items()}
    return Recording(data["tool"], manifests, tuple(data["blobs"]))
