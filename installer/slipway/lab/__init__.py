"""Disposable nodes on one Linux machine, with no way out, for rehearsals and tests.

`Lab` is the face of this room; the modules beside it are its parts: `rootfs` (what a node starts from),
`disk` (what is the node's own), `cgroups` and `supervisor` (its processes), `network` and `resolver` (the
site around it).
"""

from slipway.lab.egress import Egress
from slipway.lab.lab import Lab
from slipway.lab.machine import LabError
from slipway.lab.state import LabNode
from slipway.lab.status import LabStatus, NodeStatus

__all__ = ["Egress", "Lab", "LabError", "LabNode", "LabStatus", "NodeStatus"]
