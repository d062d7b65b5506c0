"""A lab and its nodes as they are now."""

from dataclasses import dataclass
from enum import StrEnum


class NodeState(StrEnum):
    """Whether a node runs."""

    RUNNING = "running"
    STOPPED = "stopped"
    BROKEN = "broken"
    """Half of its processes are left."""


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """A node and whether it runs."""

    name: str
    address: str
    os: str
    state: NodeState


@dataclass(frozen=True, slots=True)
class LabStatus:
    """A lab as it is now."""

    name: str
    subnet: str
    network: bool
    resolver: bool
    private_key: str
    known_hosts: str
    disk_free: int
    """Bytes left on the disk below all nodes."""
    disk_full: bool
    """Too few of them for nodes to work."""
    nodes: tuple[NodeStatus, ...]
