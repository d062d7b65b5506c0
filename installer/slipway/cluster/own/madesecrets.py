"""What Slipway made for modules' secrets: a Secret of slipway-system for each, of which that of the charts is a copy.

The name says whose it is, an annotation for which rotation it was made. It is made by one request, so that of two who
make it one does; what is there is kept until another rotation is asked for.
"""

import base64
import secrets
from collections.abc import Iterable, Mapping
from typing import Final

from slipway.cluster.rest.client import Client, Object, retry_conflicts
from slipway.errors import StepError
from slipway.model.modulesecrets import KeyRule, Making, SecretRequest
from slipway.model.record import ObjectRef
from slipway.settings import API_GROUP, MADE_SECRET_PREFIX, NAMESPACE

#: On all Secrets of modules, wherever they are: the module's name, and the entry's.
MODULE_SECRET: Final = f"{API_GROUP}/module-secret"
ENTRY: Final = f"{API_GROUP}/secret-entry"
#: On the same: the rotation of what was made.
ROTATION: Final = f"{API_GROUP}/rotation"

SECRET: Final = ("v1", "Secret")


def made_name(module: str, entry: str) -> str:
    """Name of the Secret that keeps what was made. No `secretRef` can be it: it has dots."""
    return f"{MADE_SECRET_PREFIX}{module}.{entry}"


def labels_of(module: str, entry: str) -> dict[str, str]:
    """Labels of a Secret of a module."""
    return {MODULE_SECRET: module, ENTRY: entry}


def is_kept(ref: ObjectRef) -> bool:
    """Whether an object keeps what was made, and is no copy."""
    kind = (ref.api_version, ref.kind) == SECRET
    return kind and ref.namespace == NAMESPACE and ref.name.startswith(MADE_SECRET_PREFIX)


def secrets_of(client: Client, module: str, namespaces: Iterable[str]) -> tuple[ObjectRef, ...]:
    """The Secrets of a module in these namespaces, by their labels; their content is not read."""
    return tuple(
        ObjectRef(*SECRET, meta["name"], meta["namespace"], meta["uid"])
        for namespace in sorted({*namespaces})
        for found in client.list(*SECRET, namespace, labels=f"{MODULE_SECRET}={module}", metadata_only=True)
        for meta in [found["metadata"]]
    )


def made_values(
    client: Client, module: str, request: SecretRequest, copy: Object | None, *, lost: bool
) -> dict[str, bytes]:
    """What was made of a secret; made now where it never was, or for another rotation.

    `copy`: the Secret of the charts that Slipway wrote, from which a kept one that is gone is taken again. `lost`: with
    neither of them a value that is in use is gone, and another one would be wrong.

    Raises:
        StepError: it is lost.
    """

    def settled() -> dict[str, bytes]:
        found = client.get(*SECRET, made_name(module, request.entry), NAMESPACE)
        before = found or (copy if _has_made(copy, request) else None)
        if before is None and lost:
            raise _lost(module, request)
        values = _renewed(before, request)
        if found is None:
            client.create(_kept(module, request, values))
        elif values != values_of(found) or _rotation(found) != request.rotation:
            version = found["metadata"]["resourceVersion"]
            client.replace(_kept(module, request, values, version))
        return values

    return {key: value for key, value in retry_conflicts(settled).items() if key in request.made}


def values_of(secret: Object | None) -> dict[str, bytes]:
    """Key -> value of a Secret; empty where there is none."""
    data: Mapping[str, str] = (secret or {}).get("data") or {}
    return {key: base64.b64decode(value) for key, value in data.items()}


def document(
    name: str, namespace: str, module: str, request: SecretRequest, values: Mapping[str, bytes]
) -> Object:
    """A Secret with these values, marked as the module's."""
    return {
        "apiVersion": SECRET[0],
        "kind": SECRET[1],
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": labels_of(module, request.entry),
            "annotations": {ROTATION: str(request.rotation)},
        },
        "type": "Opaque",
        "data": {key: base64.b64encode(value).decode() for key, value in sorted(values.items())},
    }


def random_value(rule: KeyRule) -> bytes:
    """A fresh value by its rule."""
    match rule.make:
        case Making.TEXT:
            return "".join(secrets.choice(rule.alphabet) for _ in range(rule.length)).encode()
        case Making.HEX:
            return secrets.token_hex(rule.length).encode()
        case Making.BASE64:
            return base64.b64encode(secrets.token_bytes(rule.length))
        case Making.GIVEN:
            raise ValueError("a value that only the site gives is not made")


def _renewed(before: Object | None, request: SecretRequest) -> dict[str, bytes]:
    """What stays, and what is missing of this rotation made anew. Keys that are asked for no more stay as well."""
    kept = values_of(before)
    if _rotation(before) != request.rotation:
        kept = {key: value for key, value in kept.items() if key not in request.made}
    fresh = {key: random_value(rule) for key, rule in request.made.items() if key not in kept}
    return kept | fresh


def _has_made(copy: Object | None, request: SecretRequest) -> bool:
    return bool(request.made.keys() & values_of(copy).keys())


def _rotation(found: Object | None) -> int:
    noted = ((found or {}).get("metadata", {}).get("annotations") or {}).get(ROTATION, "")
    return int(noted) if noted.isdecimal() else 0


def _kept(module: str, request: SecretRequest, values: Mapping[str, bytes], version: str = "") -> Object:
    made = document(made_name(module, request.entry), NAMESPACE, module, request, values)
    if version:
        made["metadata"]["resourceVersion"] = version
    return made


def _lost(module: str, request: SecretRequest) -> StepError:
    kept = f"{NAMESPACE}/{made_name(module, request.entry)}"
    return StepError(
        f"the secret {request.entry} of module {module} is gone",
        where=f"secret/{kept}",
        why=f"it was made once and is in use; neither {kept} nor {request.namespace}/{request.name} is there",
        hint=f"put one of them back from a backup; to have another one made, which all who use it have to take: "
        f"slipway module rotate-secret {module} {request.entry}",
    )
