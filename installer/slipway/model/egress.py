"""What left the site as it was counted, who there is that may have sent it, and the explanation of both."""

from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Annotated

from pydantic import AfterValidator, Field

Text = Annotated[str, AfterValidator(str.lower)]
IPAddress = Annotated[str, AfterValidator(lambda text: str(ip_address(text)))]
Count = Annotated[int, Field(ge=1)]
PacketPort = Annotated[int, Field(ge=0, le=65535)]


@dataclass(frozen=True, slots=True)
class Sent:
    """Packets from one address to another. `port`: of the destination; 0 where the protocol has none."""

    source: IPAddress
    destination: IPAddress
    protocol: Text
    count: Count
    port: PacketPort = 0


@dataclass(frozen=True, slots=True)
class Asked:
    """Questions for one name, from the address that the name server saw."""

    source: IPAddress
    name: Text
    type: str
    count: Count


@dataclass(frozen=True, slots=True)
class EgressRecords:
    """What was counted. `packets`, `questions`: in all; what they have more than the parts is of an unknown source."""

    sent: tuple[Sent, ...]
    asked: tuple[Asked, ...]
    packets: Annotated[int, Field(ge=0)] = 0
    questions: Annotated[int, Field(ge=0)] = 0


@dataclass(frozen=True, slots=True)
class Mention:
    """A text of a pod's spec that may hold a name. `where`: as `environment URL`; what it says is never shown."""

    where: str
    text: str
    image: str = ""


@dataclass(frozen=True, slots=True)
class PodSeen:
    """A pod, as far as it may have to do with what left the site.

    `waiting`: images that its kubelet could not get. `cluster_dns` false: it asks the node's name servers itself.
    """

    namespace: str
    name: str
    node: str = ""
    address: str = ""
    node_address: str = ""
    host_network: bool = False
    cluster_dns: bool = True
    images: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    mentions: tuple[Mention, ...] = ()

    @property
    def full_name(self) -> str:
        """`NAMESPACE/NAME`."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Flow:
    """A connection in a node's table, with the address it had before the node put its own in place of it."""

    node: str
    source: str
    destination: str
    protocol: str
    port: int = 0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Who there is. `nodes`: address -> name; `ranges`: of pods and services; `searches`: the hosts' search domains.

    `pods` None: the cluster was not read.
    """

    pods: tuple[PodSeen, ...] | None = None
    nodes: dict[str, str] = field(default_factory=dict)
    flows: tuple[Flow, ...] = ()
    ranges: tuple[str, ...] = ()
    domain: str = "cluster.local"
    searches: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """Who it may have been, and why that is thought."""

    pod: str
    image: str
    node: str
    why: str


@dataclass(frozen=True, slots=True)
class EgressRow:
    """One thing that left the site.

    `who`: `pod NS/NAME`, `node NAME` or `address A`, whichever the source is; `what`: packets or questions; `port`: as
    `tcp/443`, or the types asked for; `outside` false: it is the cluster's own and only missed its way.
    """

    who: str
    source: str
    image: str
    what: str
    target: str
    port: str
    count: int
    cause: str
    outside: bool = True
    candidates: tuple[Candidate, ...] = ()
