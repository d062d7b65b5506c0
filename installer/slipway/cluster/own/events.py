"""Events (`events.k8s.io/v1`) on ClusterConfigurations: what people see in `kubectl describe cc`."""

import logging
import os
import secrets
import socket
from typing import Final

from slipway.clock import exact_text, utc_now
from slipway.cluster.rest.client import Client
from slipway.errors import SlipwayError
from slipway.harmless import plain
from slipway.model.observed import LiveConfiguration
from slipway.settings import API_GROUP, API_VERSION

log = logging.getLogger(__name__)

#: Characters of a note that the API takes.
NOTE_LIMIT: Final = 1024


def this_instance() -> str:
    """This process among all replicas: the pod's name, else host and process."""
    return os.environ.get("POD_NAME", f"{socket.gethostname()}-{os.getpid()}")


def emit_event(
    client: Client, about: LiveConfiguration, reason: str, note: str, *, warning: bool = False
) -> None:
    """Create one Event; a failure is logged and nothing more, since Events are for people."""
    note = plain(note)
    now = exact_text(utc_now())
    event = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": f"{about.name}.{secrets.token_hex(8)}", "namespace": about.namespace},
        "eventTime": now,
        "type": "Warning" if warning else "Normal",
        "reason": reason,
        "action": "Reconcile",
        "note": note if len(note) <= NOTE_LIMIT else note[: NOTE_LIMIT - 1] + "…",
        "reportingController": f"{API_GROUP}/operator",
        "reportingInstance": this_instance()[:128],
        "regarding": {
            "apiVersion": API_VERSION,
            "kind": "ClusterConfiguration",
            "name": about.name,
            "namespace": about.namespace,
            "uid": about.uid,
        },
    }
    try:
        client.create(event)
    except SlipwayError as error:
        log.warning("event %s not written: %s", reason, error)
