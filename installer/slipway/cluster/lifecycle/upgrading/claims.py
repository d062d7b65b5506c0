"""Claims of a module that have a volume, and what makes snapshots of them."""

from typing import Final

from slipway.cluster.lifecycle.attempts import CLAIM, VOLUME
from slipway.cluster.lifecycle.losses import of_claims
from slipway.cluster.rest.client import Client, Object
from slipway.model.observed import ClaimObserved
from slipway.model.record import ModuleRecord

CLASS: Final = ("snapshot.storage.k8s.io/v1", "VolumeSnapshotClass")
_DEFAULT: Final = "snapshot.storage.kubernetes.io/is-default-class"


def claims_of(client: Client, record: ModuleRecord) -> tuple[ClaimObserved, ...]:
    """Those of its charts and of its StatefulSets, by name."""
    refs = [ref for ref in record.objects if (ref.api_version, ref.kind) == CLAIM]
    places = sorted({(ref.namespace, ref.name) for ref in (*refs, *of_claims(client, record))})
    classes = _classes(client) if places else {}
    found = []
    for namespace, name in places:
        claim = client.get(*CLAIM, name, namespace)
        volume = ((claim or {}).get("spec") or {}).get("volumeName")
        if volume:
            driver = _driver(client.get(*VOLUME, volume))
            found.append(ClaimObserved(namespace, name, driver, classes.get(driver, "")))
    return tuple(found)


def _driver(volume: Object | None) -> str:
    return str((((volume or {}).get("spec") or {}).get("csi") or {}).get("driver", ""))


def _classes(client: Client) -> dict[str, str]:
    """Driver -> the class for it: the one that is the default, else the first by name."""
    found: dict[str, str] = {}
    items = client.list(*CLASS)
    for item in sorted(items, key=lambda item: (not _is_default(item), item["metadata"]["name"])):
        found.setdefault(item.get("driver", ""), item["metadata"]["name"])
    return found


def _is_default(item: Object) -> bool:
    return (item["metadata"].get("annotations") or {}).get(_DEFAULT) == "true"
