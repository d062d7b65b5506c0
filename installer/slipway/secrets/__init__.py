"""The secret store: `secrets/NAME/KEY` files beside cluster.yaml, and what Slipway itself puts there.

Every edge reads secrets here; nobody else opens these files. A value never enters a log, a plan or an argv.
"""

from slipway.secrets.site import (
    REGISTRY,
    SITE_KEY,
    ensure_encryption_key,
    ensure_key,
    ensure_site,
    site_id,
    site_key,
)
from slipway.secrets.store import MappedSecrets, Secrets, SecretStore, digests_of, text_of

__all__ = [
    "REGISTRY",
    "SITE_KEY",
    "MappedSecrets",
    "SecretStore",
    "Secrets",
    "digests_of",
    "ensure_encryption_key",
    "ensure_key",
    "ensure_site",
    "site_id",
    "site_key",
    "text_of",
]
