"""The settings step: CRDs, Secrets and the ClusterConfiguration into the cluster, by a run or before a handover."""

from slipway.engine.context import Context
from slipway.engine.hostkeys import share_host_keys
from slipway.model.plan import Step
from slipway.model.record import StepRecord
from slipway.settings import NAMESPACE


def put_settings(context: Context, step: Step) -> None:
    """Carry the step out, its record last.

    Raises:
        ConflictError: fields that somebody else set otherwise.
    """
    from slipway.cluster.own import settings

    catalog = context.catalog
    settings.ensure_namespace(context.client(), NAMESPACE)
    share_host_keys(context)  # before the ClusterConfiguration: whoever follows it goes to its hosts
    settings.apply_settings(
        context.client(),
        context.live_document(),
        {reference: context.secrets.read(reference) for reference in step.inputs["secrets"]},
        record=StepRecord(step.digest, step.parts, catalog=catalog.digest, version=catalog.version),
        # Fields that somebody else changed have refused the plan; those that this command edits are to be taken.
        force=context.force_conflicts or context.edit is not None,
    )
