"""Whether the cluster that answers is this site's: a kubeconfig may be another one's, copied or left where it was."""

import hmac
from pathlib import Path
from typing import TYPE_CHECKING

from slipway.errors import ConfigurationError, SlipwayError, TransientError
from slipway.secrets import SITE_KEY, Secrets, site_key
from slipway.settings import NAMESPACE

if TYPE_CHECKING:
    from slipway.cluster.rest.client import Client


class ForeignClusterError(ConfigurationError):
    """Another site's cluster: what is there is neither read as ours nor changed."""


def refuse_other_key(client: "Client", secrets: Secrets, kubeconfig: Path) -> None:
    """Refuse a cluster that keeps another site key; one that keeps none yet, or shows it to nobody, may be ours.

    Raises:
        ForeignClusterError: it is another site's.
        TransientError: the API does not say.
    """
    from slipway.cluster.own.secretstore import SecretReader

    if not secrets.exists(SITE_KEY):
        return
    try:
        kept = SecretReader(client)
        same = not kept.exists(SITE_KEY) or hmac.compare_digest(site_key(kept), site_key(secrets))
    except TransientError:
        raise
    except SlipwayError:  # who may not read Secrets
        return
    if not same:
        raise _foreign(kubeconfig, f"its site key is another one than that of secrets/{SITE_KEY}")


def refuse_other_name(client: "Client", name: str, kubeconfig: Path | None) -> None:
    """Refuse a cluster whose hosts are those of another ClusterConfiguration, which may have our key.

    Raises:
        ForeignClusterError: it is another one's.
    """
    from slipway.cluster.own.configurations import Configurations

    owners = [
        f"{live.namespace}/{live.name}"
        for live in Configurations(client, NAMESPACE).list()
        if live.host_items
    ]
    if owners and f"{NAMESPACE}/{name}" not in owners:
        raise _foreign(kubeconfig, f"its hosts are those of ClusterConfiguration {owners[0]}, not of {name}")


def _foreign(kubeconfig: Path | None, why: str) -> ForeignClusterError:
    return ForeignClusterError(
        "the kubeconfig is of another cluster",
        where=str(kubeconfig or ""),
        why=why,
        hint="move it away, then: slipway kubeconfig; if the cluster is ours: bring back the secrets that made it",
    )
