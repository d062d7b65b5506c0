"""What is looked at before a module is changed: whose its definitions are, whether Helm can keep its releases."""

from collections.abc import Collection, Mapping

from slipway.cluster.lifecycle.definitions.applying import present_definitions
from slipway.cluster.lifecycle.definitions.carried import Carried, definitions_in, mentions_definitions
from slipway.cluster.lifecycle.definitions.owners import foreign_owners, refuse_foreign
from slipway.cluster.lifecycle.sizes import own_files, refuse_too_large, that_is_small
from slipway.cluster.lifecycle.work import Work
from slipway.model.record import ModuleRecord
from slipway.planning.requests.request import ModuleRequest, ReleaseRequest


def definitions_of(
    work: Work, request: ModuleRequest, record: ModuleRecord, todo: Collection[str]
) -> Mapping[str, tuple[Carried, ...]]:
    """The definitions of each release that is to be changed. `record`: the module as it is.

    Raises:
        StepError: a definition belongs to somebody else, a release is too large for Helm to keep, or a chart
            cannot be rendered.
    """
    changing = [item for item in request.releases if item.name in todo]
    carried = {item.name: _prepared(work, request.name, item) for item in changing}
    everything = [one for those in carried.values() for one in those]
    if everything:
        present = present_definitions(work.client, everything)
        releases = {*record.extra.releases, *(item.name for item in request.releases)}
        refuse_foreign(request.name, foreign_owners(work.client, request.name, releases, present))
    return carried


def _prepared(work: Work, module: str, item: ReleaseRequest) -> tuple[Carried, ...]:
    """One release's definitions, each once. Helm is started only where there is something to be seen."""
    chart = work.artifact_path(item.chart)
    files = dict(own_files(chart))
    defines = mentions_definitions(chart)
    if not defines and that_is_small(files):
        return ()
    with work.slot():
        text = work.helm.template(
            item.name, chart, item.values, item.namespace, kubernetes=work.client.version()
        )
    refuse_too_large(module, item.name, files, text)
    found = {one.name: one for one in definitions_in(text)} if defines else {}
    return tuple(found.values())
