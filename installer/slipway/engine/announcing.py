"""Before hosts are changed, the records of their Nodes say so.

That of a Node keeps a copy of its host's records, for whoever reads no host. From the moment a host's first intent
may be written until the copy is written anew, the copy is not what is there; the mark says so, also after a kill.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from slipway.engine.batches import StepState
from slipway.engine.board import Board
from slipway.engine.context import Context
from slipway.model.observed import Observed
from slipway.model.plan import StepId, StepKind

#: Nodes marked at once: each is two small reads and a write.
PARALLEL = 8


def announce(board: Board, context: Context, observed: Observed) -> None:
    """Mark the Nodes of hosts that this operation is about to change. Without an API nobody reads the copies.

    Raises:
        TransientError: the API does not answer any more, and no host was touched.
    """
    from slipway.cluster.own.noderecords import mark_begun

    marks = dict(_marks(board, observed))
    if not marks:
        return
    client = context.client()
    with ThreadPoolExecutor(max_workers=PARALLEL, thread_name_prefix="announce") as pool:
        list(pool.map(lambda name: mark_begun(client, name, board.operation, marks[name]), marks))


def _marks(board: Board, observed: Observed) -> Iterator[tuple[str, list[str]]]:
    """Node and roles, those included that an earlier operation began and did not end."""
    if not observed.cluster.reachable:
        return
    readable = (item for item in observed.cluster.nodes.items() if not item[1].unreadable)
    for name, node in readable:  # of the others nobody believes a copy
        mine = [
            step.action
            for step in board.plan.steps
            if step.kind is StepKind.HOST
            and step.target == name
            and board.states[step.id] is StepState.PENDING
        ]
        if mine:
            earlier = [StepId.parse(intent.step).action for intent in node.begun]
            yield name, [*dict.fromkeys([*mine, *earlier])]
