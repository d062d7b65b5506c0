"""The rule for image names in the cluster: what stands there, put there, taken away."""

from collections.abc import Mapping, Sequence
from typing import Any

from slipway.cluster.rest.client import Client, Object
from slipway.errors import TransientError
from slipway.model.observed import AdmissionObserved
from slipway.settings import ADMISSION_API, ADMISSION_KINDS, ADMISSION_NAME, DIGEST_ANNOTATION


def read_admission(client: Client) -> AdmissionObserved:
    """The rule as it stands; empty where there is none, or where the API server serves no such rules."""
    found = [client.get(ADMISSION_API, kind, ADMISSION_NAME) for kind in ADMISSION_KINDS]
    objects = {kind: item for kind, item in zip(ADMISSION_KINDS, found, strict=True) if item}
    digests = [_annotations(item).get(DIGEST_ANNOTATION, "") for item in objects.values()]
    return AdmissionObserved(
        digest=digests[0] if digests else "",
        specs={kind: item["spec"] for kind, item in objects.items()},
    )


def apply_admission(client: Client, documents: Sequence[Mapping[str, Any]], digest: str) -> None:
    """Put the rule there as a whole; what somebody else set in it is put right.

    Raises:
        TransientError: the API server does not serve such rules yet.
    """
    for document in documents:
        kind = document["kind"]
        if client.resource(ADMISSION_API, kind) is None:
            raise TransientError(
                f"the API server does not serve {kind}",
                where=f"kubernetes/{ADMISSION_API}",
                hint="look at the flags feature-gates and runtime-config of each kube-apiserver",
            )
        meta = {**document["metadata"], "annotations": {DIGEST_ANNOTATION: digest}}
        _put(client, {**document, "metadata": meta})


def remove_admission(client: Client) -> bool:
    """Take it away, the binding first, so that it is in force or not there. False: it was not there."""
    gone = [client.delete(ADMISSION_API, kind, ADMISSION_NAME) for kind in reversed(ADMISSION_KINDS)]
    return any(gone)


def _put(client: Client, wanted: Object) -> None:
    """Applied; once more as a replacement where fields of others are in it, which an apply would leave."""
    there = client.apply(wanted, force=True)
    if there["spec"] != wanted["spec"]:
        client.replace({**there, "spec": wanted["spec"]})


def _annotations(item: Object) -> Mapping[str, str]:
    return item["metadata"].get("annotations") or {}
