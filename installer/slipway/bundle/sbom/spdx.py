"""A bundle as SPDX 2.3 has it, in JSON."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from slipway.bundle.sbom.parts import REFERENCE, REFERENCES, Component, Item
from slipway.digests import json_digest
from slipway.model.bundle import ArtifactKind

_NONE: Final = "NOASSERTION"
_ROOT: Final = "SPDXRef-bundle"
#: As images have it: a document of the same things is the same.
_CREATED: Final = "1970-01-01T00:00:00Z"
_PURPOSES: Final[Mapping[ArtifactKind, str]] = MappingProxyType(
    {
        ArtifactKind.BINARY: "APPLICATION",
        ArtifactKind.CATALOG: "SOURCE",
        ArtifactKind.CHART: "APPLICATION",
        ArtifactKind.IMAGE: "CONTAINER",
        ArtifactKind.INSTALLER: "INSTALL",
        ArtifactKind.MODULE: "SOURCE",
        ArtifactKind.PACKAGES: "ARCHIVE",
        ArtifactKind.WHEEL: "LIBRARY",
    }
)


def spdx_document(name: str, version: str, items: Sequence[Item]) -> dict[str, Any]:
    """JSON-shaped. `name` of the bundle, `version` of the Slipway that built it; every part is described once."""
    root = _package(_ROOT, name, version, f"pkg:generic/{name}@{version}")
    packages, relations = [root], [_relation("SPDXRef-DOCUMENT", "DESCRIBES", _ROOT)]
    known: dict[Component, str] = {}
    for number, item in enumerate(items):
        artifact, own = item.artifact, f"SPDXRef-item-{number}"
        packages.append(
            _package(
                own,
                artifact.name,
                artifact.tag,
                item.purl,
                artifact.digest.removeprefix("sha256:"),
                artifact.licence,
                _PURPOSES.get(artifact.kind, "OTHER"),
            )
        )
        relations.append(_relation(_ROOT, "CONTAINS", own))
        for part in item.parts:
            if part not in known:
                known[part] = f"SPDXRef-part-{len(known)}"
                packages.append(_of_part(known[part], part))
            relations.append(_relation(own, "CONTAINS", known[part]))
    body = {"packages": packages, "relationships": relations}
    referred = _references(packages)
    extracted = {"hasExtractedLicensingInfos": referred} if referred else {}
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": name,
        "documentNamespace": f"https://installer.slipway.dev/spdx/{name}-{json_digest(body, escaped=True)[7:]}",
        "creationInfo": {"created": _CREATED, "creators": [f"Tool: slipway-{version}"]},
        **body,
        **extracted,
    }


def _of_part(own: str, part: Component) -> dict[str, Any]:
    return _package(own, part.name, part.version, part.purl, part.digest, part.licence, "LIBRARY")


def _package(
    own: str, name: str, version: str, purl: str, digest: str = "", licence: str = "", purpose: str = ""
) -> dict[str, Any]:
    reference = {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl}
    return {
        "SPDXID": own,
        "name": name,
        "versionInfo": version,
        "downloadLocation": _NONE,
        "filesAnalyzed": False,
        **({"checksums": [{"algorithm": "SHA256", "checksumValue": digest}]} if digest else {}),
        "licenseConcluded": _NONE,
        "licenseDeclared": licence or _NONE,
        "copyrightText": _NONE,
        "externalRefs": [reference],
        **({"primaryPackagePurpose": purpose} if purpose else {}),
    }


def _relation(one: str, kind: str, other: str) -> dict[str, str]:
    return {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}


def _references(packages: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """What stands for licences that SPDX has not, with a text for each."""
    found = {name for package in packages for name in REFERENCE.findall(package["licenseDeclared"])}
    return [
        {"licenseId": name, "name": name, "extractedText": REFERENCES.get(name, "See the item itself.")}
        for name in sorted(found)
    ]
