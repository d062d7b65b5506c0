"""All Secrets written anew as they are: the API server encrypts each by the key that writes now.

An empty patch is enough. What is stored by another key counts as stale there, and is stored again though nothing of it
changes; what has the key already costs no write. So a rewrite that was cut off goes on where it was.
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from slipway.cluster.rest.client import MERGE, Client, Object, retry_conflicts
from slipway.cluster.rest.kinds import KNOWN, object_path
from slipway.errors import Interrupted, SlipwayError
from slipway.settings import FIELD_MANAGER

#: Patches at once: an API server that just came back serves others as well.
PARALLEL = 8


def rewrite_secrets(client: Client, cancelled: Callable[[], bool]) -> int:
    """How many there were; one that goes meanwhile needs nothing.

    Raises:
        SlipwayError: one was refused, which is named.
        Interrupted: it was cancelled.
    """
    kind = ("v1", "Secret")
    listed, _ = client.list_at(*kind, metadata_only=True, kept=_named)
    refused: list[SlipwayError] = []
    stop = threading.Event()

    def rewrite(item: Object) -> None:
        if stop.is_set() or cancelled():
            return
        path = object_path("v1", KNOWN[kind], item["namespace"], item["name"])
        query = {"fieldManager": FIELD_MANAGER}
        try:
            retry_conflicts(
                lambda: client.call("PATCH", path, body={}, content=MERGE, query=query, missing=None)
            )
        except SlipwayError as error:
            error.where = f"Secret/{item['namespace']}/{item['name']}"
            refused.append(error)
            stop.set()

    with ThreadPoolExecutor(max_workers=PARALLEL, thread_name_prefix="rewrite") as pool:
        list(pool.map(rewrite, listed))
    if refused:
        raise refused[0]
    if cancelled():
        raise Interrupted("the rewrite of Secrets was stopped", where="kubernetes")
    return len(listed)


def _named(item: Object) -> Object:
    """Its place alone is kept."""
    return {key: item["metadata"][key] for key in ("namespace", "name")}
