"""One batch, carried out over the edge of its kind. Reports to the board; raises only what fails the whole batch."""

import threading
from collections.abc import Callable

from slipway.engine import artifacts
from slipway.engine.batches import Batch
from slipway.engine.hosts import run_hosts
from slipway.engine.kubeconfig import fetch_kubeconfig
from slipway.engine.modules import run_modules
from slipway.engine.removal import let_in, remove_node, take_out
from slipway.engine.run import Run
from slipway.engine.settling import put_settings
from slipway.errors import SlipwayError, TransientError
from slipway.model.plan import Action, Step, StepKind
from slipway.model.record import StepRecord

_FETCHING = threading.Lock()


def execute(batch: Batch, run: Run) -> None:
    """Carry out a batch; returns when all of it has ended."""
    if batch.kind is StepKind.HOST:
        run_hosts(batch.steps, run)
    elif batch.kind is StepKind.MODULE:
        run_modules(batch.steps, run)
    else:
        (step,) = batch.steps
        run.board.begin(step.id)
        changed = _SINGLE[batch.kind](step, run)
        run.board.succeed(step.id, changed=changed)


def _mirror(step: Step, run: Run) -> int:
    return artifacts.mirror(step, run.context, run.board, run.cancelled)


def _settings(step: Step, run: Run) -> int:
    """CRDs, Secrets, ClusterConfiguration; with them the Lease becomes possible, so take it."""
    _reach_cluster(run)
    client = run.context.client()
    before = client.writes
    put_settings(run.context, step)
    run.locks.take_lease()
    return client.writes - before


def _admission(step: Step, run: Run) -> int:
    from slipway.cluster.own.admission import apply_admission, remove_admission

    _reach_cluster(run)
    client = run.context.client()
    before = client.writes
    if step.action == Action.REMOVE:
        remove_admission(client)
    else:
        apply_admission(client, step.inputs["documents"], step.digest)
    return client.writes - before


def _rewrite(step: Step, run: Run) -> int:
    from slipway.cluster.own.rewriting import rewrite_secrets

    del step
    _reach_cluster(run)
    return rewrite_secrets(run.context.client(), run.cancelled)


def _node(step: Step, run: Run) -> int:
    if step.action in _NODE:
        return _NODE[step.action](step, run)
    from slipway.cluster.own.noderecords import apply_node

    context = run.context
    _reach_cluster(run)
    records = {role: StepRecord(**entry) for role, entry in step.inputs["records"].items()}
    changed = apply_node(
        context.client(),
        step.target,
        labels=step.inputs["labels"],
        taints=step.inputs["taints"],
        records=records,
        address=step.inputs["address"],
    )
    return int(changed)


def _reach_cluster(run: Run) -> None:
    """A cluster that this run has made is reached by the kubeconfig that it has made, fetched once."""
    context = run.context
    with _FETCHING:
        if run.observed.cluster.reachable or run.board.operation == context.fetched_by:
            return
        refused: list[SlipwayError] = []
        if not fetch_kubeconfig(context, refused.append):
            raise TransientError(
                "no control plane gives a kubeconfig",
                why="; ".join(f"{error.where}: {error.what}: {error.why}" for error in refused),
                hint="see whether the control planes answer: slipway preflight",
            )
        context.fetched_by = run.board.operation


_NODE: dict[str, Callable[[Step, Run], int]] = {
    Action.REMOVE: remove_node,
    Action.DRAIN: take_out,
    Action.UNCORDON: let_in,
}
_SINGLE: dict[StepKind, Callable[[Step, Run], int]] = {
    StepKind.MIRROR: _mirror,
    StepKind.SETTINGS: _settings,
    StepKind.NODE: _node,
    StepKind.ADMISSION: _admission,
    StepKind.ENCRYPTION: _rewrite,
}
