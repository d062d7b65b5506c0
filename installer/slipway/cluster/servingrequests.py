"""CertificateSigningRequests of kubelets: read, and approved."""

import base64
import logging
from collections.abc import Iterator
from typing import Any, Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from slipway.clock import utc_text
from slipway.cluster.rest.client import Client, Object
from slipway.planning.serving import SIGNER, ServingRequest

log = logging.getLogger(__name__)

REQUEST: Final = ("certificates.k8s.io/v1", "CertificateSigningRequest")
#: Bytes of a request that are read at most: one has some hundred.
_MOST: Final = 1 << 16


def undecided(document: Object) -> bool:
    """Whether a kubelet waits for it, and nobody has said yes or no."""
    decided = {one.get("type") for one in document.get("status", {}).get("conditions", ())}
    return document.get("spec", {}).get("signerName") == SIGNER and not decided & {
        "Approved",
        "Denied",
        "Failed",
    }


def serving_requests(client: Client) -> Iterator[tuple[ServingRequest, str]]:
    """All that wait, each with the version at which it was read; one that cannot be read is nobody's."""
    for document in client.list(*REQUEST, fields=f"spec.signerName={SIGNER}"):
        if undecided(document):
            try:
                found = _request(document), document["metadata"]["resourceVersion"]
            except Exception as exc:
                log.info("%s cannot be read: %r", document["metadata"]["name"], exc)
                continue
            yield found


def approve(client: Client, request: ServingRequest, version: str) -> None:
    """Say yes to what was read, unless it is another by now (ConflictError)."""
    condition = {
        "type": "Approved",
        "status": "True",
        "reason": "PlannedHost",
        "message": "It names a host of the ClusterConfiguration and no other.",
        "lastUpdateTime": utc_text(),
    }
    patch = {"metadata": {"resourceVersion": version}, "status": {"conditions": [condition]}}
    client.merge(*REQUEST, request.name, patch, subresource="approval")


def _request(document: Object) -> ServingRequest:
    spec = document["spec"]
    asked = x509.load_pem_x509_csr(_pem(spec))
    names = asked.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    dns_names = frozenset(names.get_values_for_type(x509.DNSName))
    addresses = frozenset(str(address) for address in names.get_values_for_type(x509.IPAddress))
    common = [str(part.value) for part in asked.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    organizations = asked.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return ServingRequest(
        name=document["metadata"]["name"],
        user=spec["username"],
        groups=frozenset(spec.get("groups", ())),
        usages=frozenset(spec.get("usages", ())),
        common_name=common[0] if len(common) == 1 else "",
        organizations=tuple(str(part.value) for part in organizations),
        dns_names=dns_names,
        addresses=addresses,
        other_names=len(names) > len(dns_names) + len(addresses) or not asked.is_signature_valid,
    )


def _pem(spec: dict[str, Any]) -> bytes:
    text = spec["request"]
    if len(text) > _MOST:
        raise ValueError("larger than any request")
    return base64.b64decode(text)
