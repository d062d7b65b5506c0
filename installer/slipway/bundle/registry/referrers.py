"""What hangs at a manifest in a registry: signatures, attestations, lists of parts.

Some is found by tags of the manifest's digest (cosign's), some names the manifest itself in its field `subject` (OCI
distribution 1.1). A registry lists the latter; for one that does not, clients keep the list, as an index under a tag.
"""

import re
import threading
from collections.abc import Iterator
from typing import Any, Final

from slipway.bundle.form.layout import DEPTH, MANIFESTS, OCI_INDEX, StoredManifest
from slipway.bundle.registry import answers
from slipway.bundle.registry.client import RegistryClient, RegistryError
from slipway.digests import canonical_json, is_digest
from slipway.errors import BundleError
from slipway.model.codes import RefusalCode

#: Behind a digest, in the tag under which cosign has its signatures.
SIGNATURES: Final = ".sig"
#: Behind a digest, in the tags by which cosign finds what it has put beside an image.
SUFFIXES: Final = (SIGNATURES, ".att", ".sbom")
#: Referrers of one manifest, with all of theirs.
MOST: Final = 1000
_TAG: Final = re.compile(r"sha256-([0-9a-f]{64})(?:\.(?:sig|att|sbom))?")


def tags_beside(digest: str) -> tuple[str, ...]:
    """Tags beside a manifest that may have what hangs at it; the list of referrers is none of them."""
    return tuple(f"{list_tag(digest)}{suffix}" for suffix in SUFFIXES)


def list_tag(digest: str) -> str:
    """The tag of the list that clients keep."""
    return digest.replace(":", "-")


def subject_of(tag: str) -> str:
    """Digest of the manifest beside which a tag stands; empty: it is a tag of its own."""
    found = _TAG.fullmatch(tag)
    return f"sha256:{found[1]}" if found else ""


def referrers_of(client: RegistryClient, repository: str, digest: str) -> list[dict[str, Any]]:
    """Descriptors of a manifest's referrers, by the registry's list, else by the one that clients keep.

    Raises:
        BundleError: the list is none.
    """
    try:
        listed = client.referrers(repository, digest)
        found = _kept(client, repository, digest) if listed is None else listed
        return [{**item, "digest": str(item["digest"])} for item in found]
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        where = f"{client.url}/{repository}@{digest}"
        raise BundleError("the list of its referrers cannot be read", where=where, why=str(exc)) from exc


def referrer_tree(client: RegistryClient, repository: str, digest: str) -> Iterator[tuple[str, str]]:
    """(subject, digest) of all referrers of a manifest, and of theirs, as of a signature of an attestation.

    Left out is what no bundle carries: manifests of former drafts of the standard, other digests than SHA-256.

    Raises:
        BundleError: there are more of them, or of theirs, than anybody makes.
    """
    yield from _tree(client, repository, digest, {digest}, DEPTH)


def _tree(
    client: RegistryClient, repository: str, digest: str, met: set[str], depth: int
) -> Iterator[tuple[str, str]]:
    """The same below one; a registry may say that they are in a circle, or ever more."""
    for item in referrers_of(client, repository, digest):
        found = item["digest"]
        if item.get("mediaType") not in MANIFESTS or not is_digest(found) or found in met:
            continue
        met.add(found)
        if not depth or len(met) > MOST:
            where = f"{client.url}/{repository}@{digest}"
            raise BundleError("its referrers do not end", where=where, why=f"{len(met)} were listed")
        yield digest, found
        yield from _tree(client, repository, found, met, depth - 1)


class Listing:
    """Which referrers one registry lists, and what is to be written where it keeps no lists; for several threads."""

    def __init__(self, client: RegistryClient) -> None:
        self._client = client
        self._new: dict[tuple[str, str], list[StoredManifest]] = {}
        self._lock = threading.Lock()

    @property
    def subjects(self) -> tuple[tuple[str, str], ...]:
        """(repository, digest) of those whose lists are to be written."""
        return tuple(self._new)

    def has(self, repository: str, node: StoredManifest) -> bool:
        """Whether it is found at its subject; what has none needs no list."""
        found = referrers_of(self._client, repository, node.subject) if node.subject else ()
        return not node.subject or node.digest in {item["digest"] for item in found}

    def add(self, repository: str, node: StoredManifest) -> None:
        """Remember one that the registry does not list itself."""
        with self._lock:
            self._new.setdefault((repository, node.subject), []).append(node)

    def write(self, place: tuple[str, str]) -> None:
        """Let the list of a subject name them, besides all that it names and that is there."""
        repository, subject = place
        new = {node.digest: _descriptor(node) for node in self._new[place]}
        kept = [
            item
            for item in referrers_of(self._client, repository, subject)
            if item["digest"] not in new and self._client.head_manifest(repository, item["digest"])
        ]
        manifests = sorted([*kept, *new.values()], key=lambda item: str(item["digest"]))
        data = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests}
        text = canonical_json(data, escaped=True).encode()
        self._client.put_manifest(repository, list_tag(subject), text, OCI_INDEX)


def _kept(client: RegistryClient, repository: str, digest: str) -> list[dict[str, Any]]:
    """The list that clients keep."""
    try:
        text, _ = client.get_manifest(repository, list_tag(digest))
    except RegistryError as error:
        if error.code is not RefusalCode.NOT_FOUND:
            raise
        return []
    where = f"{client.url}/{repository}@{digest}"
    return answers.listed(answers.object_in(text, where), "manifests", dict, where)


def _descriptor(node: StoredManifest) -> dict[str, Any]:
    """As a registry would list it: by its type, with its annotations."""
    data = node.data
    kind = data.get("artifactType") or data.get("config", {}).get("mediaType")
    told = {"artifactType": kind, "annotations": data.get("annotations")}
    place = {"mediaType": node.media_type, "digest": node.digest, "size": len(node.text)}
    return place | {name: value for name, value in told.items() if value}
