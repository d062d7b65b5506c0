"""What every executor of a running operation gets."""

from collections.abc import Callable
from dataclasses import dataclass, field

from slipway.engine.board import Board
from slipway.engine.context import Context
from slipway.engine.locking import Locks
from slipway.model.observed import Observed


@dataclass(frozen=True, slots=True)
class Run:
    """What every executor gets."""

    board: Board
    context: Context
    observed: Observed
    locks: Locks
    cancelled: Callable[[], bool]
    """Ends what runs."""
    held: Callable[[], bool] = lambda: False
    """An edit came: waits are given up, nothing more is begun, and what works on something ends by itself."""
    pythons: set[str] = field(default_factory=set)
    """Hosts that got the bundle's own Python in this run."""
