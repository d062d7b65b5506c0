"""The end of a container's log: what a program said before it ended. Text, and no object of the API."""

from typing import Final

from slipway.cluster.rest import kinds, transport
from slipway.cluster.rest.client import Client

#: Bytes read of a log's end; of a longer line the end.
_BYTES: Final = 2048


def last_log_line(client: Client, namespace: str, pod: str, container: str, *, previous: bool) -> str:
    """The last line that says something, of the run before this one with `previous`; empty where nobody gives one."""
    path = kinds.object_path("v1", kinds.KNOWN["v1", "Pod"], namespace, pod, "log")
    query = {"container": container, "tailLines": "20", "limitBytes": str(_BYTES)}
    query |= {"previous": "true"} if previous else {}
    with transport.send(client.api, "GET", path, query=query, accept="*/*") as answer:
        text = answer.data()
    if answer.status >= transport.REFUSED or not isinstance(text, str):
        return ""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
