"""What changed since the ClusterConfiguration was carried out last: shown by plans, kept where an operation ends."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from slipway.engine.chronicle.reach import brief_client, has_cluster
from slipway.engine.context import Context
from slipway.engine.merging import effective_spec
from slipway.errors import SlipwayError
from slipway.model.observed import Observed
from slipway.model.operation import StepResult
from slipway.model.plan import Plan
from slipway.planning.changes import carried_after, with_changes


def shown_changes(context: Context, observed: Observed, plan: Plan) -> Plan:
    """The plan with the changed fields behind its steps. One request, and none where there is nothing to do.

    Where nothing is known of what was carried out last, the ClusterConfiguration of the cluster stands for it.
    """
    from slipway.cluster.own.carried import read_carried

    mine, live = context.configuration, context.live(observed)
    if plan.empty or live is None:
        return plan
    before: Mapping[str, Any] = live.spec
    try:
        before = read_carried(context.client(), mine.namespace, mine.name) or before
    except SlipwayError:  # a plan is as good without
        return plan
    return with_changes(plan, before, live.spec, effective_spec(context, live))


def keep_carried(
    context: Context,
    observed: Observed,
    plan: Plan,
    results: Iterable[StepResult],
    note: Callable[[str], None],
) -> None:
    """What is carried out now, for the next plan. A cluster that does not take it shows no values then."""
    from slipway.cluster.own.carried import read_carried, write_carried

    if not has_cluster(context):
        return
    mine, live = context.configuration, context.live(observed)
    try:
        with brief_client(context) as client:
            before = read_carried(client, mine.namespace, mine.name)
            after = carried_after(before, effective_spec(context, live), plan, results)
            if after is not None and after != before:
                write_carried(client, mine.namespace, mine.name, after)
    except SlipwayError as error:
        note(f"what was carried out is not kept for the next plan: {error.what}")
