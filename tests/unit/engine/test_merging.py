"""The user's file against what others set in the cluster."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slipway.api import read
from slipway.bundle.site.source import DirectorySource
from slipway.engine.context import Context
from slipway.engine.merging import effective
from slipway.errors import ConflictError
from slipway.model.observed import LiveConfiguration, Observed
from slipway.secrets import MappedSecrets
from tests.cases import merge_patch
from tests.unit.planning import model


def context(tmp_path: Path, document: dict[str, Any], *, force: bool = False) -> Context:
    return Context(
        configuration=read.parse(document),
        catalog=model.catalog(),
        source=DirectorySource(tmp_path),
        secrets=MappedSecrets({}),
        state=tmp_path,
        kubeconfig=None,
        document=document,
        force_conflicts=force,
    )


def live(patch: dict[str, Any], managers: dict[str, str]) -> Observed:
    spec = merge_patch(model.base()["spec"], patch)
    configuration = LiveConfiguration("site", "slipway-system", 7, spec, managers=managers)
    observed = model.fresh(read.parse(model.base()))
    return replace(
        observed, cluster=replace(observed.cluster, reachable=True, configurations=(configuration,))
    )


def test_with_nobody_else_the_file_is_what_counts(tmp_path: Path) -> None:
    seen = live({"modules": {"welcome": {"enabled": True}}}, {})
    assert "welcome" not in effective(context(tmp_path, model.base()), seen).spec.modules


def test_what_the_file_does_not_mention_stays_as_somebody_else_set_it(tmp_path: Path) -> None:
    seen = live({"modules": {"welcome": {"enabled": True}}}, {"modules.welcome.enabled": "kubectl-edit"})
    merged = effective(context(tmp_path, model.base()), seen)
    assert merged.spec.modules["welcome"].enabled is True
    assert merged.generation == 7


def test_what_both_set_otherwise_is_a_conflict_that_names_field_and_manager(tmp_path: Path) -> None:
    seen = live({"modules": {"operator": {"enabled": False}}}, {"modules.operator.enabled": "kubectl-edit"})
    with pytest.raises(ConflictError) as caught:
        effective(context(tmp_path, model.base()), seen)
    (finding,) = caught.value.findings
    assert (finding.path, finding.problem, finding.expected) == (
        "spec.modules.operator.enabled",
        "is False in the cluster, set by kubectl-edit",
        "True",
    )


def test_forced_the_file_wins(tmp_path: Path) -> None:
    seen = live({"modules": {"operator": {"enabled": False}}}, {"modules.operator.enabled": "kubectl-edit"})
    merged = effective(context(tmp_path, model.base(), force=True), seen)
    assert merged.spec.modules["operator"].enabled is True


def test_what_both_set_alike_is_no_conflict(tmp_path: Path) -> None:
    seen = live({}, {"modules.operator.enabled": "kubectl-edit"})
    assert effective(context(tmp_path, model.base()), seen).spec.modules["operator"].enabled is True


def test_the_operators_own_reading_is_never_merged(tmp_path: Path) -> None:
    mine = context(tmp_path, model.base())
    mine.document = None
    seen = live({"modules": {"operator": {"enabled": False}}}, {"modules.operator.enabled": "kubectl-edit"})
    assert effective(mine, seen) is mine.configuration
