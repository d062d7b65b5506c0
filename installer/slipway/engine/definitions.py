"""Definitions that a plan changes: read out of the charts of modules that are there and that it changes."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

from slipway.engine.artifacts import program_path, required_chart
from slipway.engine.context import Context
from slipway.errors import SlipwayError
from slipway.model.observed import ClusterObserved, DefinitionChange
from slipway.model.plan import Action, Plan, Step, StepKind
from slipway.planning.requests.codec import module_request

#: Helm programs at once.
_PARALLEL: Final = 3


def definitions_of_changes(
    context: Context, plan: Plan, cluster: ClusterObserved
) -> dict[str, dict[str, DefinitionChange]]:
    """Module -> definition -> what becomes another one of it.

    A module that is new changes none. Where a chart cannot be had or rendered now, its step says so when it comes.
    """
    steps = [
        step
        for step in plan.steps
        if step.kind is StepKind.MODULE and step.action == Action.APPLY and step.target in cluster.modules
    ]
    if not steps or not cluster.reachable:
        return {}
    with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="definitions") as pool:
        found = zip(steps, pool.map(partial(_changes, context), steps), strict=True)
        return {step.target: changes for step, changes in found if changes}


def _changes(context: Context, step: Step) -> dict[str, DefinitionChange]:
    from slipway.cluster.lifecycle.definitions.carried import definitions_in, mentions_definitions
    from slipway.cluster.lifecycle.definitions.changes import changed_definitions
    from slipway.cluster.lifecycle.helm import Helm

    found: dict[str, DefinitionChange] = {}
    try:
        for item in module_request(step.inputs).releases:
            chart = context.source.path(required_chart(context, step.target, item.chart.name))
            if mentions_definitions(chart):
                helm = Helm(program_path(context, "helm"), None)
                kubernetes = context.client().version()
                text = helm.template(item.name, chart, item.values, item.namespace, kubernetes=kubernetes)
                found |= changed_definitions(context.client(), definitions_in(text))
    except SlipwayError:
        return {}
    return found
