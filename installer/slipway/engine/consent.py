"""What a yes is given to: one plan, now, with all that it destroys by name. Read here, put into the plan's digest."""

from slipway.engine.context import Context
from slipway.engine.journal import operation_names
from slipway.model.observed import ClusterObserved
from slipway.model.plan import Action, Plan, StepKind
from slipway.model.record import ObjectRef
from slipway.planning.requests.codec import removal_request


def turn_of(context: Context, cluster: ClusterObserved) -> str:
    """A word for the last operation before now, so that a yes to the same plan earlier is none to this one.

    By the cluster's own count; before there is one, or while it is silent, by the journal beside the file.
    """
    from slipway.cluster.locks.lease import newest_turn

    if cluster.reachable:
        return newest_turn(context.client(), context.configuration.lease)
    return next(iter(operation_names(context.state / "operations")), "")


def losses_of_removals(
    context: Context, plan: Plan, cluster: ClusterObserved
) -> dict[str, tuple[ObjectRef, ...]]:
    """What cannot be made again of each module that the plan removes."""
    from slipway.cluster.lifecycle.losses import losses_of

    return {
        step.target: losses_of(
            context.client(), cluster.modules[step.target], removal_request(step.inputs).removal
        )
        for step in plan.steps
        if step.kind is StepKind.MODULE and step.action == Action.REMOVE
    }
