"""The spec of a ClusterConfiguration as it was carried out last: what a plan shows changes against."""

import json
from collections.abc import Mapping
from typing import Any, Final

from slipway.cluster.own.kept import KEY
from slipway.cluster.rest.client import Client
from slipway.digests import canonical_json
from slipway.settings import NAMESPACE
from slipway.smallfiles import json_in

#: Of the ConfigMap in slipway-system; NAMESPACE.NAME of the ClusterConfiguration follows.
PREFIX: Final = "slipway-carried-out-"
#: Bytes of one; a longer one is not kept, and a plan then shows no values: etcd takes 1.5 MiB.
LIMIT: Final = 900 * 1024


def read_carried(client: Client, namespace: str, name: str) -> Mapping[str, Any] | None:
    """The spec; None where none is kept, or what is kept is none."""
    found = client.get("v1", "ConfigMap", _named(namespace, name), NAMESPACE)
    try:
        kept = json_in(((found or {}).get("data") or {}).get(KEY, ""))
        json.dumps(kept, ensure_ascii=False).encode()
    except ValueError:
        return None
    return kept if isinstance(kept, dict) else None


def write_carried(client: Client, namespace: str, name: str, spec: Mapping[str, Any]) -> None:
    """Keep it as a whole; one that is too long is forgotten."""
    text = canonical_json(spec, escaped=True)
    if len(text) > LIMIT:
        client.delete("v1", "ConfigMap", _named(namespace, name), NAMESPACE)
        return
    meta = {"name": _named(namespace, name), "namespace": NAMESPACE}
    client.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {KEY: text}}, force=True)


def _named(namespace: str, name: str) -> str:
    return f"{PREFIX}{namespace}.{name}"
