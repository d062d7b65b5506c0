"""Images that the cluster's workloads name, those that are scaled to nothing or wait for their hour among them."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from slipway.cluster.rest.client import Client

#: Kinds that have containers -> where in their spec a pod's is.
KINDS: Final = (
    ("v1", "Pod", ()),
    ("apps/v1", "DaemonSet", ("template", "spec")),
    ("apps/v1", "Deployment", ("template", "spec")),
    ("apps/v1", "StatefulSet", ("template", "spec")),
    ("batch/v1", "CronJob", ("jobTemplate", "spec", "template", "spec")),
    ("batch/v1", "Job", ("template", "spec")),
)
CONTAINERS: Final = ("initContainers", "containers", "ephemeralContainers")


def named_images(client: Client) -> frozenset[str]:
    """References as they stand there."""
    return frozenset(
        image
        for api_version, kind, path in KINDS
        for found in client.list(api_version, kind)
        for image in _images(found["spec"], path)
    )


def _images(spec: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    for name in path:
        spec = spec[name]
    for kind in CONTAINERS:
        for container in spec.get(kind) or ():
            if container.get("image"):
                yield container["image"]
