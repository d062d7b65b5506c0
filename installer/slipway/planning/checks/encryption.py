"""The key by which a cluster's Secrets are encrypted: with another one nobody reads them any more."""

from collections.abc import Iterator
from typing import Final

from slipway.errors import Finding
from slipway.findings import FindingCode
from slipway.model.configuration import Configuration
from slipway.model.observed import Observed
from slipway.planning import hardening
from slipway.planning.digests import parts
from slipway.planning.roles.kubernetes import CONTROL_PLANE
from slipway.settings import ENCRYPTION_KEY

_PART: Final = f"{CONTROL_PLANE.name}_encryption"


def encryption_findings(configuration: Configuration, observed: Observed) -> Iterator[Finding]:
    """Whether a control plane has been given another key than the one that is here."""
    kubernetes = configuration.spec.kubernetes
    if kubernetes is None or not kubernetes.encrypt_secrets:
        return
    here = parts({_PART: hardening.encryption()}, observed.secrets)[_PART]
    for plane in configuration.control_planes:
        seen = observed.hosts.get(plane.name)
        record = seen.records.get(CONTROL_PLANE.name) if seen else None
        if record and record.parts.get(_PART, here) != here:
            yield Finding(
                f"host/{plane.name}",
                f"has another key for the cluster's Secrets than secrets/{ENCRYPTION_KEY}",
                expected="the key with which the cluster was made",
                hint=f"bring it back: it lies in {hardening.ENCRYPTION} on control planes, and in the Secret "
                f"{ENCRYPTION_KEY.partition('/')[0]} of the cluster",
                code=FindingCode.ENCRYPTION_KEY,
            )
