"""The settings step: CRDs, Secrets and the ClusterConfiguration into the cluster, by a run or before a handover."""

from slipway.engine.context import Context
from slipway.model.plan import Step
from slipway.model.record import StepRecord


def put_settings(context: Context, step: Step) -> None:
    """Carry the step out, its record last.

    Raises:
        ConflictError: fields that somebody else set otherwise.
    """
    from slipway.cluster import settings

    catalog = context.catalog
    settings.apply_settings(
        context.client(),
        context.live_document(),
        {reference: context.secrets.read(reference) for reference in step.inputs["secrets"]},
        record=StepRecord(step.digest, step.parts, catalog=catalog.digest, version=catalog.version),
        # Fields that somebody else changed have refused the plan; those that this command edits are to be taken.
        force=context.force_conflicts or context.edit is not None,
    )
