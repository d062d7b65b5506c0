"""All objects of a cluster by name: what a removal leaves is what came and did not go."""

from collections.abc import Iterator
from typing import NamedTuple

from slipway.catalog.modules import Module, Removal
from slipway.cluster.own import carried
from slipway.settings import MADE_SECRET_PREFIX, NAMESPACE
from tests.apiserver import ApiServer

#: What tells of others, and goes by itself.
PASSING = {"events", "leases", "operations", "clusterconfigurations", "endpoints", "endpointslices"}
#: What controllers put into each namespace.
EVERYWHERE = {("serviceaccounts", "default"), ("configmaps", "kube-root-ca.crt")}
CRDS = "customresourcedefinitions"


class Thing(NamedTuple):
    """One object."""

    kind: str
    """Plural, as URLs have it."""
    namespace: str
    name: str


def things_of(api: ApiServer) -> set[Thing]:
    """All that can be listed."""
    found = (thing for path, kind in _lists(api) if kind not in PASSING for thing in _listed(api, path, kind))
    return {one for one in found if (one.kind, one.name) not in EVERYWHERE and not _is_of_the_site(one)}


def _is_of_the_site(one: Thing) -> bool:
    """What Slipway keeps of a ClusterConfiguration, whichever modules it has: the spec that was carried out last."""
    return (one.kind, one.namespace) == ("configmaps", NAMESPACE) and one.name.startswith(carried.PREFIX)


def left(came: set[Thing], module: Module) -> set[Thing]:
    """What should have gone: all that came, but what the module says that a removal keeps."""
    kept = _kept(came, module.removal)
    spaces = {one.name for one in kept if one.kind == "namespaces"} | {one.namespace for one in kept}
    return {one for one in came - kept if not (one.kind == "namespaces" and one.name in spaces)}


def _kept(came: set[Thing], removal: Removal) -> set[Thing]:
    kinds = {"namespaces"} if removal.namespace == "retain" else set()
    kept = {one for one in came if one.kind in kinds}
    if removal.data == "retain":
        kept |= {one for one in came if one.kind in {"persistentvolumeclaims", "persistentvolumes"}}
        kept |= {
            one for one in came if one.namespace == NAMESPACE and one.name.startswith(MADE_SECRET_PREFIX)
        }
    if removal.crds == "retain":
        definitions = {one for one in came if one.kind == CRDS}
        groups = {one.name.partition(".")[2] for one in definitions}
        served = {one for one in came if one.kind == "apiservices" and one.name.partition(".")[2] in groups}
        kept |= definitions | served
    return kept


def _lists(api: ApiServer) -> Iterator[tuple[str, str]]:
    """URLs of lists of the versions that the API prefers, and what is in them."""
    groups = api.request("GET", "/apis")[1]["groups"]
    roots = ["/api/v1", *(f"/apis/{group['preferredVersion']['groupVersion']}" for group in groups)]
    for root in roots:
        status, answer = api.request("GET", root)
        for resource in answer["resources"] if status == 200 else ():
            if "list" in resource["verbs"] and "/" not in resource["name"]:
                yield f"{root}/{resource['name']}", resource["name"]


def _listed(api: ApiServer, path: str, kind: str) -> Iterator[Thing]:
    for item in api.items(path):
        meta = item["metadata"]
        yield Thing(kind, meta.get("namespace", ""), meta["name"])
