"""Which serving certificate a kubelet may have: its own host's, and nobody else's. Pure.

A kubelet asks the API for it under the name that its client certificate gives it. kube-controller-manager signs what
somebody approved; what is not approved waits, and ends after a day.
"""

from dataclasses import dataclass
from typing import Final

from slipway.model.configuration import Configuration

#: Who signs it.
SIGNER: Final = "kubernetes.io/kubelet-serving"
#: What it may be used for; keys that are no RSA keys encipher none.
_USAGES: Final = (
    frozenset({"digital signature", "server auth"}),
    frozenset({"digital signature", "key encipherment", "server auth"}),
)
_GROUP: Final = "system:nodes"
_USER: Final = "system:node:"


@dataclass(frozen=True, slots=True)
class ServingRequest:
    """A CertificateSigningRequest, as it was read."""

    name: str
    user: str
    """Who asked, as the API server knows them; their groups."""
    groups: frozenset[str]
    usages: frozenset[str]
    common_name: str
    organizations: tuple[str, ...]
    dns_names: frozenset[str]
    addresses: frozenset[str]
    other_names: bool
    """Whether it asks for e-mail addresses, URIs or the like."""


def objection(request: ServingRequest, configuration: Configuration) -> str:
    """Why it is not approved; empty: it is what the kubelet of a planned host has a right to."""
    node = request.user.removeprefix(_USER)
    host = next((host for host in configuration.hosts if host.name == node), None)
    if not request.user.startswith(_USER) or _GROUP not in request.groups:
        return f"{request.user} is no kubelet"
    if host is None:
        return f"no host is named {node}"
    if (request.common_name, request.organizations) != (request.user, (_GROUP,)):
        return f"its subject is that of {request.common_name}"
    if request.usages not in _USAGES:
        return f"it is for {', '.join(sorted(request.usages))}"
    foreign = sorted(
        (request.addresses - set(host.all_addresses)) | (request.dns_names - {host.name, *host.all_addresses})
    )
    if foreign or request.other_names:
        return f"{node} has not the name {foreign[0] if foreign else 'of a person or a place'}"
    return "" if request.addresses or request.dns_names else "it has no name"
