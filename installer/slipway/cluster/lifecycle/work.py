"""What it takes to work on modules."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from slipway.cluster.lifecycle.helm import Helm
from slipway.cluster.rest import credentials
from slipway.cluster.rest.client import Client
from slipway.model.modulehealth import Kinds
from slipway.planning.requests.request import ChartRef


@dataclass(frozen=True, slots=True)
class Work:
    """The edges of one run. `slot` bounds how many Helm programs run at once."""

    client: Client
    helm: Helm
    artifact_path: Callable[[ChartRef], Path]
    cancelled: Callable[[], bool] = lambda: False
    progress: Callable[[str], None] = lambda _: None
    slot: Callable[[], AbstractContextManager[object]] = field(default=nullcontext)
    kinds: Kinds = field(default_factory=dict)
    """What modules declare of the status of kinds."""


def preload() -> None:
    """Import the heavy libraries now: what Ansible's workers find in the process that they are forked from."""
    credentials.import_library()
    import pyhelm3.command  # noqa: F401
