"""Claims of modules whose upgrade takes snapshots of them first."""

from slipway.engine.context import Context
from slipway.model.observed import ClaimObserved, ClusterObserved
from slipway.model.plan import Action, Plan, StepKind
from slipway.planning.upgrading import saves_claims


def claims_of_upgrades(
    context: Context, plan: Plan, cluster: ClusterObserved
) -> dict[str, tuple[ClaimObserved, ...]]:
    """Module -> its claims that have a volume."""
    from slipway.cluster.lifecycle.upgrading.claims import claims_of

    modules, records = context.catalog.modules, cluster.modules
    wanted = [
        step.target
        for step in plan.steps
        if step.kind is StepKind.MODULE
        and step.action == Action.APPLY
        and saves_claims(modules[step.target], records.get(step.target))
    ]
    if not wanted or not cluster.reachable:
        return {}
    return {name: claims_of(context.client(), records[name]) for name in wanted}
