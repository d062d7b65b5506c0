"""Who there is, by address: pods, and the nodes behind whose addresses pods may hide."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from slipway.catalog.images.names import parse
from slipway.model.egress import Candidate, PodSeen, Surroundings

#: Last parts of image names of programs that ask for others: who asks them is not seen behind them.
_NAME_SERVERS: Final = frozenset({"coredns", "k8s-dns-node-cache"})


@dataclass(frozen=True, slots=True)
class Sender:
    """Whose address it is: a pod's own, or a node's, or nobody's that is known."""

    who: str
    pod: PodSeen | None = None
    node: str = ""

    @property
    def image(self) -> str:
        """Of the pod; empty where it is none."""
        return images(self.pod) if self.pod else ""


class Crowd:
    """Pods and nodes, looked up."""

    def __init__(self, around: Surroundings) -> None:
        self.around = around
        self.pods = around.pods or ()
        self._nodes = {pod.node_address: pod.node for pod in self.pods if pod.node_address} | around.nodes
        self._by_address = {pod.address: pod for pod in self.pods if pod.address and not pod.host_network}

    @property
    def namespaces(self) -> frozenset[str]:
        """Of all pods."""
        return frozenset(pod.namespace for pod in self.pods)

    def source(self, address: str) -> Sender:
        """Who has an address now."""
        pod = self._by_address.get(address)
        if pod:
            return Sender(f"pod {pod.full_name}", pod=pod)
        node = self._nodes.get(address, "")
        return Sender(f"node {node}", node=node) if node else Sender(f"address {address}")

    def pod_at(self, address: str) -> PodSeen | None:
        """The pod with an address of its own."""
        return self._by_address.get(address)

    def on(self, node: str) -> tuple[PodSeen, ...]:
        """Pods of a node; empty: of all of them."""
        return tuple(pod for pod in self.pods if not node or pod.node == node)


def images(pod: PodSeen) -> str:
    """All of a pod's images, in one text."""
    return ", ".join(pod.images)


def is_name_server(pod: PodSeen) -> bool:
    """Whether it asks on behalf of others."""
    return any(parse(one).name.rpartition("/")[2] in _NAME_SERVERS for one in pod.images)


def candidate(pod: PodSeen, why: str, image: str = "") -> Candidate:
    """A pod, and why it may have been the one."""
    return Candidate(pod.full_name, image or images(pod), pod.node, why)


def once(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Each pod with the first, which is the best, of its reasons."""
    first: dict[tuple[str, str], Candidate] = {}
    for one in candidates:
        first.setdefault((one.pod, one.node if not one.pod else ""), one)
    return tuple(first.values())
