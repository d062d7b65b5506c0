"""Host keys as the cluster keeps them, for all who go to its hosts: one Secret, seeded by a command line.

The operator believes these and nothing else. A command line adds what it met first; it replaces a key only where a
person said so, or the ClusterConfiguration pins another.
"""

import base64
from collections.abc import Callable

from slipway.cluster.rest.client import Client, Object, retry_conflicts
from slipway.model.hostkeys import HostKeys, Keys, parse, text_of
from slipway.settings import NAMESPACE, bastion_keys_name

#: Name of the Secret.
HOST_KEYS_SECRET = "slipway-host-keys"  # noqa: S105 - a name
_HOSTS = "known_hosts"
_BASTION = bastion_keys_name(_HOSTS)


def read_host_keys(client: Client) -> HostKeys:
    """All that are kept; none where nobody has put any there."""
    return _keys(client.get("v1", "Secret", HOST_KEYS_SECRET, NAMESPACE))


def change_host_keys(client: Client, change: Callable[[HostKeys], HostKeys]) -> None:
    """Keep what `change` makes of what is kept, whoever changes it at the same moment."""

    def attempt() -> None:
        found = client.get("v1", "Secret", HOST_KEYS_SECRET, NAMESPACE)
        before = _keys(found)
        after = change(before)
        if (set(after.hosts), set(after.bastion)) == (set(before.hosts), set(before.bastion)):
            return
        data = {_HOSTS: _coded(after.hosts), _BASTION: _coded(after.bastion)}
        if found:
            client.replace({**found, "data": data})
        else:
            meta = {"name": HOST_KEYS_SECRET, "namespace": NAMESPACE}
            client.create(
                {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": "Opaque", "data": data}
            )

    retry_conflicts(attempt)


def _keys(found: Object | None) -> HostKeys:
    data = (found or {}).get("data") or {}
    return HostKeys(_decoded(data.get(_HOSTS)), _decoded(data.get(_BASTION)))


def _decoded(text: str | None) -> Keys:
    return tuple(parse(base64.b64decode(text or "").decode(errors="replace").splitlines()))


def _coded(keys: Keys) -> str:
    return base64.b64encode(text_of(keys).encode()).decode()
