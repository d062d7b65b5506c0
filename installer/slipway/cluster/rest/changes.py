"""What arrives on a watch, line by line, and whether it is what an API server sends."""

import json
from collections.abc import Iterator
from typing import Any

from slipway.cluster.rest import transport
from slipway.errors import TransientError


def changes_on(answer: transport.Answer) -> Iterator[dict[str, Any]]:
    """The changes of a watch, each a line of JSON.

    Raises:
        TransientError: what arrives is no event, as the page of a proxy, or says that there will be no more.
    """
    for line in answer.lines():
        event = _event(line)
        if event["type"] == "ERROR":
            status = event["object"]
            code = status.get("code")
            transport.raise_refusal(code if isinstance(code, int) else 0, status, "watch")
            raise TransientError(
                "the Kubernetes API ended the watch", where="kubernetes", why=str(status.get("message", ""))
            )
        yield event


def _event(line: bytes) -> dict[str, Any]:
    """One line, with all that is read of it: its type, and the version of its object where it is no error."""
    try:
        event = json.loads(line)
        if event["type"] == "ERROR":
            dict(event["object"])
        else:
            str(event["object"]["metadata"]["resourceVersion"])
    except (ValueError, TypeError, KeyError) as exc:
        raise TransientError(
            "what arrived on a watch is no event", where="kubernetes", why=line[:200].decode(errors="replace")
        ) from exc
    checked: dict[str, Any] = event
    return checked
