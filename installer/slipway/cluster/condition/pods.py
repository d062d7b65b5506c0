"""The cluster's pods, and every text in them that may hold a name: for who explains what left the site.

Of Secrets only that there are some: their content is never read.
"""

from collections.abc import Iterator, Mapping

from slipway.cluster.rest.client import Client, Object
from slipway.model.egress import Mention, PodSeen

_CONTAINERS = ("initContainers", "containers", "ephemeralContainers")
_STATUSES = ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")
_NOT_PULLED = frozenset({"ErrImagePull", "ImagePullBackOff"})
#: An ended pod's address may be another one's by now.
_ENDED = frozenset({"Succeeded", "Failed"})

#: (namespace, name) of a ConfigMap -> all that it says.
Texts = Mapping[tuple[str, str], str]


def read_pods(client: Client) -> tuple[PodSeen, ...]:
    """All pods, with the ConfigMaps that they use."""
    maps = {_key(found): _said(found) for found in client.list("v1", "ConfigMap")}
    return tuple(pod_seen(pod, maps) for pod in client.list("v1", "Pod"))


def pod_seen(pod: Object, maps: Texts) -> PodSeen:
    """One Pod as data."""
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    policy = spec.get("dnsPolicy", "ClusterFirst")
    on_host = bool(spec.get("hostNetwork"))
    namespace, name = _key(pod)
    return PodSeen(
        namespace=namespace,
        name=name,
        node=spec.get("nodeName", ""),
        address="" if status.get("phase") in _ENDED else status.get("podIP", ""),
        node_address=status.get("hostIP", ""),
        host_network=on_host,
        cluster_dns=policy == "ClusterFirstWithHostNet" or (policy == "ClusterFirst" and not on_host),
        images=tuple(dict.fromkeys(one["image"] for one in _containers(spec) if "image" in one)),
        waiting=tuple(dict.fromkeys(_waiting(status))),
        mentions=tuple(_mentions(pod, maps)),
    )


def _key(found: Object) -> tuple[str, str]:
    return found["metadata"].get("namespace", ""), found["metadata"]["name"]


def _said(config: Object) -> str:
    return "\n".join(map(str, (config.get("data") or {}).values()))


def _containers(spec: Object) -> Iterator[Object]:
    for kind in _CONTAINERS:
        yield from spec.get(kind) or ()


def _waiting(status: Object) -> Iterator[str]:
    for kind in _STATUSES:
        for one in status.get(kind) or ():
            reason = ((one.get("state") or {}).get("waiting") or {}).get("reason")
            if reason in _NOT_PULLED:
                yield one["image"]


def _mentions(pod: Object, maps: Texts) -> Iterator[Mention]:
    """The most telling first."""
    spec, namespace = pod.get("spec") or {}, _key(pod)[0]
    for container in _containers(spec):
        yield from _of_container(container, namespace, maps)
    for name in dict.fromkeys(_mounted(spec)):
        yield Mention(f"ConfigMap {name}", maps.get((namespace, name), ""))
    for key, text in (pod["metadata"].get("annotations") or {}).items():
        yield Mention(f"annotation {key}", str(text))


def _of_container(container: Object, namespace: str, maps: Texts) -> Iterator[Mention]:
    image = container.get("image", "")
    yield Mention("image", image, image)
    for one in container.get("env") or ():
        yield Mention(f"environment {one['name']}", str(one.get("value") or ""), image)
    for where in ("command", "args"):
        yield Mention(where, " ".join(container.get(where) or ()), image)
    for name in dict.fromkeys(_of_environment(container)):
        yield Mention(f"ConfigMap {name}", maps.get((namespace, name), ""), image)


def _of_environment(container: Object) -> Iterator[str]:
    """ConfigMaps from which variables come."""
    for one in container.get("envFrom") or ():
        yield from _named(one.get("configMapRef"))
    for one in container.get("env") or ():
        yield from _named((one.get("valueFrom") or {}).get("configMapKeyRef"))


def _mounted(spec: Object) -> Iterator[str]:
    """ConfigMaps that are files in the pod."""
    for volume in spec.get("volumes") or ():
        yield from _named(volume.get("configMap"))
        for source in (volume.get("projected") or {}).get("sources") or ():
            yield from _named(source.get("configMap"))


def _named(reference: Object | None) -> Iterator[str]:
    if reference and reference.get("name"):
        yield reference["name"]
