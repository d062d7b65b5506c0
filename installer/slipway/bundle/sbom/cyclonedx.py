"""A bundle as CycloneDX 1.6 has it, in JSON."""

import uuid
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from slipway.bundle.sbom.parts import Component, Item
from slipway.digests import json_digest
from slipway.model.bundle import ArtifactKind

_TYPES: Final[Mapping[ArtifactKind, str]] = MappingProxyType(
    {
        ArtifactKind.BINARY: "application",
        ArtifactKind.CHART: "application",
        ArtifactKind.IMAGE: "container",
        ArtifactKind.INSTALLER: "application",
        ArtifactKind.WHEEL: "library",
    }
)


def cyclonedx_document(name: str, version: str, items: Sequence[Item]) -> dict[str, Any]:
    """JSON-shaped. `name` of the bundle, `version` of the Slipway that built it; every part is described once."""
    root = {"type": "application", "bom-ref": "bundle", "name": name, "version": version}
    components: list[dict[str, Any]] = []
    depends: list[dict[str, Any]] = []
    known: dict[Component, str] = {}
    for number, item in enumerate(items):
        artifact, own = item.artifact, f"item-{number}"
        components.append(
            _component(
                _TYPES.get(artifact.kind, "file"),
                own,
                artifact.name,
                artifact.tag,
                item.purl,
                artifact.digest.removeprefix("sha256:"),
                artifact.licence,
            )
        )
        for part in item.parts:
            if part not in known:
                known[part] = f"part-{len(known)}"
                components.append(_of_part(known[part], part))
        inside = sorted({known[part] for part in item.parts})
        depends.append({"ref": own, **({"dependsOn": inside} if inside else {})})
    depends.insert(0, {"ref": "bundle", "dependsOn": [entry["ref"] for entry in depends]})
    tool = {"type": "application", "name": "slipway", "version": version}
    body = {
        "metadata": {"component": root, "tools": {"components": [tool]}},
        "components": components,
        "dependencies": depends,
    }
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": uuid.uuid5(uuid.NAMESPACE_URL, json_digest(body, escaped=True)).urn,
        "version": 1,
        **body,
    }


def _of_part(own: str, part: Component) -> dict[str, Any]:
    return _component("library", own, part.name, part.version, part.purl, part.digest, part.licence)


def _component(
    kind: str, own: str, name: str, version: str, purl: str, digest: str, licence: str
) -> dict[str, Any]:
    return {
        "type": kind,
        "bom-ref": own,
        "name": name,
        "version": version,
        **({"hashes": [{"alg": "SHA-256", "content": digest}]} if digest else {}),
        **({"licenses": [{"expression": licence}]} if licence else {}),
        "purl": purl,
    }
