"""The bundle that a site took last, remembered where no bundle can write: in the local state and in slipway-system.

Only of bundles that somebody signed: an unsigned one says nothing that could not be forged.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from slipway.bundle.verify.freshness import Accepted, unreadable
from slipway.clock import utc_text
from slipway.errors import SlipwayError
from slipway.landing import PRIVATE, land
from slipway.settings import NAMESPACE
from slipway.smallfiles import text_of

if TYPE_CHECKING:
    from slipway.cluster.rest.client import Client
    from slipway.engine.context import Context

#: In the local state.
FILE: Final = "accepted.json"
#: ConfigMap in slipway-system, and its key.
RECORD: Final = "slipway-bundle"
KEY: Final = "record"


def accepted_here(state: Path) -> Accepted:
    """What this machine knows of; BundleError where that cannot be read."""
    path = state / FILE
    try:
        text = text_of(path)
    except FileNotFoundError:
        return Accepted()
    except (OSError, ValueError) as exc:
        raise unreadable(str(path), exc) from exc
    return Accepted.read(text, str(path))


def accepted_in(client: "Client") -> Accepted:
    """What the cluster knows of."""
    found = client.get("v1", "ConfigMap", RECORD, NAMESPACE)
    text = ((found or {}).get("data") or {}).get(KEY, "")
    return Accepted.read(text, f"configmap/{NAMESPACE}/{RECORD}") if text else Accepted()


def take_bundle(context: "Context", note: Callable[[str], None]) -> Accepted | None:
    """What is known from now on; written before anything of the bundle is used, so that a kill forgets nothing."""
    bundle = context.signed
    if bundle is None:
        return None
    if context.accepted.is_newer(bundle):
        note(f"a bundle older than the last one is taken: {context.allow_older}")
    taken = context.accepted.after(bundle, utc_text(), context.allow_older)
    if taken != accepted_here(context.state):
        land(context.state / FILE, taken.dump(), mode=PRIVATE)
    return taken


def tell_cluster(context: "Context", taken: Accepted | None, note: Callable[[str], None]) -> None:
    """The same for all other machines, and for the operator. A cluster that does not answer is told the next time."""
    if taken is None or (context.kubeconfig and not context.kubeconfig.exists()):
        return
    client = context.client()
    try:
        if client.get("v1", "Namespace", NAMESPACE) is None or accepted_in(client) == taken:
            return
        meta = {"name": RECORD, "namespace": NAMESPACE}
        document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {KEY: taken.dump()}}
        client.apply(document, force=True)
    except SlipwayError as error:
        note(f"which bundle was taken could not be written into the cluster: {error}")
