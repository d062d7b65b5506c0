"""Names that were asked for: whose pods speak of them.

A pod asks the cluster's DNS, which asks the site's name server from its own pod, so the source says little. A node with
a pod of the cluster's DNS may ask for anybody; another one for its container runtime, its own programs, and the pods
that use its name servers.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from slipway.catalog import outside
from slipway.model.egress import Asked, Candidate, EgressRow, PodSeen
from slipway.planning.egress.crowd import Crowd, Sender, candidate, is_name_server, once
from slipway.planning.egress.names import AskedName, folded, mentioned, registry_of

_PULL = "pulls an image that the site's mirror did not answer for"
_REGISTRY = "asks a registry, of which no image is there: for a pod that is gone, or for a program in one"
_PROGRAM = "a program in the pod asks a registry itself: only container runtimes know the site's mirror"
_NAMED = "pods name it in what they are started with"
_FROM_NAMESPACE = (
    "a pod of this namespace, none of which names it: it is built into a program, or in a Secret"
)
_NOWHERE = (
    "no pod that may have asked names it: it is built into a program, or in a Secret or a node's settings"
)
_UNREAD = "who is not known: the cluster's pods could not be read"
_OWN = "a name of the cluster itself that was asked beyond its DNS"


class Evidence(NamedTuple):
    """Pods that may have asked, by what speaks for it."""

    waiting: tuple[Candidate, ...] = ()
    named: tuple[Candidate, ...] = ()
    pulled: tuple[Candidate, ...] = ()
    near: tuple[Candidate, ...] = ()

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """The surest first."""
        return once([*self.waiting, *self.named, *self.pulled, *self.near])


def question_rows(asked: Iterable[Asked], crowd: Crowd) -> Iterator[EgressRow]:
    """A row for each name that one source asked for, with the variants of its search list in it."""
    around, spaces = crowd.around, crowd.namespaces
    groups: dict[tuple[str, str], list[tuple[Asked, AskedName]]] = defaultdict(list)
    for one in asked:
        name = folded(one.name, around.domain, around.searches, spaces)
        groups[one.source, name.name].append((one, name))
    for (source, _), variants in groups.items():
        yield _row(crowd.source(source), variants, crowd)


def _row(source: Sender, variants: Sequence[tuple[Asked, AskedName]], crowd: Crowd) -> EgressRow:
    asked, names = zip(*variants, strict=True)
    name: AskedName = names[0]
    spaces = {one.namespace for one in names} - {""}
    asker = source.pod if source.pod and not is_name_server(source.pod) else None
    nothing = asker or name.inside
    evidence = Evidence() if nothing else _evidence(source, name.name, spaces, crowd)
    return EgressRow(
        who=source.who,
        source=asked[0].source,
        image=source.image,
        what="questions",
        target=name.name,
        port=", ".join(sorted({one.type for one in asked})),
        count=sum(one.count for one in asked),
        cause=_OWN if name.inside else _cause(name.name, asker, evidence, crowd),
        outside=not name.inside,
        candidates=evidence.candidates,
    )


def _cause(name: str, asker: PodSeen | None, evidence: Evidence, crowd: Crowd) -> str:
    if _registries(name, crowd):
        return _cause_at_registry(asker, evidence, crowd)
    purpose = outside.purpose(name)
    if purpose or asker:
        return purpose or "what for is not known"
    if crowd.around.pods is None:
        return _UNREAD
    return _NAMED if evidence.named else _FROM_NAMESPACE if evidence.near else _NOWHERE


def _cause_at_registry(asker: PodSeen | None, evidence: Evidence, crowd: Crowd) -> str:
    if asker:
        return _PROGRAM
    if evidence.waiting or crowd.around.pods is None:
        return _PULL
    return _NAMED if evidence.named else _PULL if evidence.pulled else _REGISTRY


def _registries(name: str, crowd: Crowd) -> set[str]:
    """Registries of image names for whose images this host is asked."""
    known = outside.registry_asked(name)
    own = {registry_of(image) for pod in crowd.pods for image in pod.images}
    return {one for one in (known, name) if one and (one == known or one in own)}


def _evidence(source: Sender, name: str, spaces: set[str], crowd: Crowd) -> Evidence:
    registries, residents = _registries(name, crowd), crowd.on(source.node)
    reach = [pod for pod in _reach(source, crowd) if not spaces or pod.namespace in spaces]
    return Evidence(
        waiting=tuple(_pulling(residents, registries)),
        named=tuple(_naming(reach, name)),
        pulled=tuple(_from(residents, registries)),
        near=tuple(candidate(pod, "asked from its namespace") for pod in reach if spaces),
    )


def _naming(pods: Iterable[PodSeen], name: str) -> Iterator[Candidate]:
    """By anything but an image: images are not pulled by the pod itself."""
    for pod in pods:
        for where, image in mentioned(pod, name):
            if where != "image":
                yield candidate(pod, f"named in its {where}", image)


def _pulling(pods: Iterable[PodSeen], registries: set[str]) -> Iterator[Candidate]:
    for pod in pods:
        for image in pod.waiting:
            if registry_of(image) in registries:
                yield candidate(pod, "waits for this image", image)


def _from(pods: Iterable[PodSeen], registries: set[str]) -> Iterator[Candidate]:
    for pod in pods:
        for image in pod.images:
            if registry_of(image) in registries:
                yield candidate(pod, "its image is of this registry", image)


def _reach(source: Sender, crowd: Crowd) -> tuple[PodSeen, ...]:
    """Pods for which this source may have asked."""
    residents = crowd.on(source.node)
    if source.node and not any(is_name_server(pod) for pod in residents):
        return tuple(pod for pod in residents if not pod.cluster_dns)
    return crowd.pods
