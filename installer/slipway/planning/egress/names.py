"""Names that were asked for: without what a resolver's search list put behind them, and where pods speak of them."""

import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

from slipway.catalog.images.names import parse
from slipway.model.egress import PodSeen


class AskedName(NamedTuple):
    """`namespace`: of the pod that asked, where its search list told; `inside`: it is one of the cluster itself."""

    name: str
    namespace: str = ""
    inside: bool = False


def folded(asked: str, domain: str, searches: Collection[str], namespaces: Collection[str]) -> AskedName:
    """What was meant by a name.

    A pod's resolver tries NAME.NAMESPACE.svc.DOMAIN, NAME.svc.DOMAIN, NAME.DOMAIN and the host's search domains
    before NAME itself.
    """
    name = asked.lower().rstrip(".")
    rest = name.removesuffix(f".{domain}")
    if rest == name:
        host = next((name.removesuffix(f".{one}") for one in searches if name.endswith(f".{one}")), name)
        return AskedName(host if "." in host else name)
    meant, svc, _ = rest.rpartition(".svc")
    if not svc or not rest.endswith(".svc"):
        return AskedName(rest) if "." in rest and not rest.endswith(".pod") else AskedName(name, inside=True)
    before, _, last = meant.rpartition(".")
    if last not in namespaces:  # NAME.svc.DOMAIN, where NAME is no service of a namespace that there is
        return AskedName(meant) if "." in meant and namespaces else AskedName(name, inside=True)
    service = "." not in before or before.rpartition(".")[2] in namespaces
    return AskedName(name, inside=True) if service else AskedName(before, last)


def registry_of(image: str) -> str:
    """The host of an image's reference, without a port."""
    return parse(image).name.partition("/")[0].partition(":")[0]


def mentioned(pod: PodSeen, name: str) -> Iterator[tuple[str, str]]:
    """Where a pod's spec speaks of a name or an address, and the image of the container that does."""
    whole = re.compile(rf"(?<![\w.-]){re.escape(name)}(?![\w-]|\.\w)", re.IGNORECASE)
    for mention in pod.mentions:
        if whole.search(mention.text):
            yield mention.where, mention.image
