"""A connection of its own for what is told beside the work: it waits for nothing long."""

from typing import TYPE_CHECKING, Final

from slipway.engine.context import Context
from slipway.engine.foreign import refuse_other_key

if TYPE_CHECKING:
    from slipway.cluster.rest.client import Client

#: Seconds to connect and to wait for an answer: a run that has ended waits for no more than that.
TIMEOUT: Final = (2.0, 5.0)


def has_cluster(context: Context) -> bool:
    """Whether there is something to ask: a command line has a kubeconfig once its cluster has been made."""
    return context.kubeconfig is None or context.kubeconfig.exists()


def brief_client(context: Context) -> "Client":
    """The cluster's API, to be closed by who asked for it.

    Raises:
        ForeignClusterError: for a command line, it is another site's cluster.
    """
    from slipway.cluster.rest.client import connect

    client = connect(context.kubeconfig, timeout=TIMEOUT)
    if context.document is not None and context.kubeconfig:
        refuse_other_key(client, context.secrets, context.kubeconfig)
    return client
