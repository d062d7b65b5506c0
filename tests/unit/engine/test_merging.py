"""The user's file against what others set in the cluster."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slipway.api import read
from slipway.bundle.site.source import DirectorySource
from slipway.cluster.own import configurations
from slipway.engine.context import Context, Edit
from slipway.engine.merging import effective_configuration
from slipway.errors import ConflictError
from slipway.model.observed import Observed
from slipway.secrets import MappedSecrets
from tests.cases import merge_patch
from tests.unit.planning import model

OPERATOR = {"f:modules": {"f:operator": {"f:enabled": {}}}}
ENABLED, OTHER = ("modules", "operator", "enabled"), ("modules", "welcome", "enabled")
SYSCTL = {"f:hosts": {"f:defaults": {"f:sysctl": {"f:net.core.somaxconn": {}}}}}


def context(
    tmp_path: Path,
    document: dict[str, Any],
    *,
    force: bool = False,
    edit: Edit | None = None,
) -> Context:
    return Context(
        configuration=read.parse(document),
        catalog=model.catalog(),
        source=DirectorySource(tmp_path),
        secrets=MappedSecrets({}),
        state=tmp_path,
        kubeconfig=None,
        document=document,
        force_conflicts=force,
        edit=edit,
    )


def live(patch: dict[str, Any], theirs: dict[str, Any]) -> Observed:
    """`theirs` is what kubectl-edit owns below spec, as `fieldsV1` says it."""
    metadata = {
        "name": "site",
        "namespace": "slipway-system",
        "generation": 7,
        "managedFields": [{"manager": "kubectl-edit", "operation": "Update", "fieldsV1": {"f:spec": theirs}}],
    }
    configuration = configurations.live_configuration(
        {"metadata": metadata, "spec": merge_patch(model.base()["spec"], patch)}
    )
    observed = model.fresh(read.parse(model.base()))
    return replace(
        observed, cluster=replace(observed.cluster, reachable=True, configurations=(configuration,))
    )


def test_with_nobody_else_the_file_is_what_counts(tmp_path: Path) -> None:
    seen = live({"modules": {"welcome": {"enabled": True}}}, {})
    assert "welcome" not in effective_configuration(context(tmp_path, model.base()), seen).spec.modules


def test_what_the_file_does_not_mention_stays_as_somebody_else_set_it(tmp_path: Path) -> None:
    seen = live(
        {"modules": {"welcome": {"enabled": True}}}, {"f:modules": {"f:welcome": {".": {}, "f:enabled": {}}}}
    )
    merged = effective_configuration(context(tmp_path, model.base()), seen)
    assert merged.spec.modules["welcome"].enabled is True
    assert merged.generation == 7


def test_what_both_set_otherwise_is_a_conflict_that_names_field_and_manager(tmp_path: Path) -> None:
    seen = live({"modules": {"operator": {"enabled": False}}}, OPERATOR)
    with pytest.raises(ConflictError) as caught:
        effective_configuration(context(tmp_path, model.base()), seen)
    assert caught.value.hint.endswith("slipway apply --force-conflicts")
    (finding,) = caught.value.findings
    assert (finding.path, finding.problem, finding.expected) == (
        "spec.modules.operator.enabled",
        "is False in the cluster, set by kubectl-edit",
        "True",
    )


def test_forced_the_file_wins(tmp_path: Path) -> None:
    seen = live({"modules": {"operator": {"enabled": False}}}, OPERATOR)
    merged = effective_configuration(context(tmp_path, model.base(), force=True), seen)
    assert merged.spec.modules["operator"].enabled is True


def test_a_command_edits_what_the_cluster_has_as_the_file_had_it(tmp_path: Path) -> None:
    """Switched on and off again with kubectl, then on by `module enable`: nobody wants it otherwise."""
    before = model.document({"modules": {"operator": {"enabled": False}}})
    seen = live({"modules": {"operator": {"enabled": False}}}, OPERATOR)
    merged = effective_configuration(context(tmp_path, model.base(), edit=Edit(before, ENABLED)), seen)
    assert merged.spec.modules["operator"].enabled is True


def test_a_command_does_not_take_what_the_file_knew_nothing_of(tmp_path: Path) -> None:
    seen = live({"modules": {"operator": {"enabled": False}}}, OPERATOR)
    with pytest.raises(ConflictError):
        effective_configuration(context(tmp_path, model.base(), edit=Edit(model.base(), OTHER)), seen)


def test_the_field_that_a_command_was_told_to_set_is_its_own(tmp_path: Path) -> None:
    """Off with kubectl, then `module enable` over a file that never said otherwise: the last word counts."""
    seen = live({"modules": {"operator": {"enabled": False}}}, OPERATOR)
    merged = effective_configuration(context(tmp_path, model.base(), edit=Edit(model.base(), ENABLED)), seen)
    assert merged.spec.modules["operator"].enabled is True


def test_what_both_set_alike_is_no_conflict(tmp_path: Path) -> None:
    seen = live({}, OPERATOR)
    assert (
        effective_configuration(context(tmp_path, model.base()), seen).spec.modules["operator"].enabled
        is True
    )


def test_the_operators_own_reading_is_never_merged(tmp_path: Path) -> None:
    mine = context(tmp_path, model.base())
    mine.document = None
    seen = live({"modules": {"operator": {"enabled": False}}}, OPERATOR)
    assert effective_configuration(mine, seen) is mine.configuration


def test_a_key_with_dots_takes_part(tmp_path: Path) -> None:
    seen = live({"hosts": {"defaults": {"sysctl": {"net.core.somaxconn": "4096"}}}}, SYSCTL)
    merged = effective_configuration(context(tmp_path, model.base()), seen)
    assert merged.hosts[0].settings.sysctl == {"net.core.somaxconn": "4096"}
    mine = model.document({"hosts": {"defaults": {"sysctl": {"net.core.somaxconn": "1024"}}}})
    with pytest.raises(ConflictError) as caught:
        effective_configuration(context(tmp_path, mine), seen)
    assert [finding.path for finding in caught.value.findings] == [
        'spec.hosts.defaults.sysctl["net.core.somaxconn"]'
    ]
    forced = effective_configuration(context(tmp_path, mine, force=True), seen)
    assert forced.hosts[0].settings.sysctl == {"net.core.somaxconn": "1024"}


def test_a_host_that_was_added_with_kubectl_stays_and_takes_the_files_settings(tmp_path: Path) -> None:
    base = model.base()["spec"]["hosts"]["items"]
    added = {"name": "worker-00", "address": "10.0.0.99", "roles": ["worker"]}
    fields = {".": {}, "f:name": {}, "f:address": {}, "f:roles": {'v:"worker"': {}}}
    theirs = {"f:hosts": {"f:items": {'k:{"name":"worker-00"}': fields}}}
    seen = live({"hosts": {"items": [base[0], added, *base[1:]]}}, theirs)
    mine = model.document({"hosts": {"defaults": {"labels": {"a": "b"}}}})
    merged = effective_configuration(context(tmp_path, mine), seen)
    assert [host.name for host in merged.hosts] == ["cp-01", "worker-00", "worker-01", "worker-02"]
    assert (merged.hosts[1].address, merged.hosts[1].settings.labels) == ("10.0.0.99", {"a": "b"})


def test_what_the_file_gives_up_and_somebody_else_has_too_stays(tmp_path: Path) -> None:
    seen = live({"upgrade": {"drainTimeout": "20m"}}, {"f:upgrade": {"f:drainTimeout": {}}})
    assert effective_configuration(context(tmp_path, model.base()), seen).spec.upgrade.drain_timeout == "20m"


def test_a_host_that_the_file_gives_up_goes_with_what_others_set_of_it(tmp_path: Path) -> None:
    base = model.base()
    del base["spec"]["hosts"]["items"][2]
    theirs = {"f:settings": {"f:labels": {".": {}, "f:example.org/rack": {}}}}
    fields = {"f:hosts": {"f:items": {'k:{"name":"worker-02"}': theirs}}}
    items = model.base()["spec"]["hosts"]["items"]
    items[2]["settings"] = {"labels": {"example.org/rack": "a"}}
    seen = live({"hosts": {"items": items}}, fields)
    assert len(effective_configuration(context(tmp_path, base), seen).hosts) == 2
    assert effective_configuration(context(tmp_path, model.base()), seen).hosts[2].settings.labels == {
        "example.org/rack": "a"
    }
