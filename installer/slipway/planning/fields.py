"""Which field of the ClusterConfiguration stands behind each input of a step: the `why` of a plan."""

from slipway.model.host.items import Host
from slipway.planning.roles import FIELDS as _OF_ROLES
from slipway.planning.roles.base import SETTINGS

#: Input -> field path. `{host}` is replaced by the host's name.
FIELDS = {
    **_OF_ROLES,
    "labels": f"{SETTINGS}.labels",
    "taints": f"{SETTINGS}.taints",
    "records": "host records",
    "crds": "this release's CustomResourceDefinitions",
    "secrets": "secrets",
}


def field_of(part: str, target: str | Host) -> str:
    """Field path behind a part; a part without one stands for itself."""
    host = target.name if isinstance(target, Host) else target
    name, _, key = part.partition(".")
    path = FIELDS.get(part) or (f"{FIELDS[name]}.{key}" if key and name in FIELDS else part)
    return path.replace("{host}", host).replace("…", f".items[{host}].")
