"""Whose a cluster is: the kubeconfig of somebody else's is not fetched, and hosts are in one ClusterConfiguration."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from slipway.api import read
from slipway.engine import prepare
from slipway.errors import ConfigurationError
from slipway.model.observed import HostObserved
from tests.cases import merge_patch
from tests.unit.planning import model

API = "https://api.site.internal:6443"


@pytest.mark.parametrize(
    ("cluster", "kubernetes", "ours"),
    [
        (model.SITE, API, True),
        (model.SITE, "", False),
        ("0" * 16, API, False),
        ("f" * 16, API, False),
        ("", API, False),
    ],
    ids=["ours", "ours, no member", "another's", "a third one's", "nobody's"],
)
def test_only_a_member_of_our_own_cluster_counts(
    monkeypatch: pytest.MonkeyPatch, cluster: str, kubernetes: str, ours: bool
) -> None:
    monkeypatch.setattr(prepare, "_site", lambda _context: model.SITE)
    context: Any = SimpleNamespace(configuration=read.parse(model.base()))
    plane = HostObserved("cp-01", cluster=cluster, kubernetes=kubernetes)
    assert prepare._member(context, {"cp-01": plane}) is ours


@pytest.mark.parametrize(
    ("hosts", "from_a_file", "refused"),
    [(True, True, True), (False, True, False), (True, False, False)],
    ids=["hosts in a file", "modules only", "the operator's own reading"],
)
def test_hosts_of_a_second_configuration_are_refused_before_anything_is_planned(
    hosts: bool, from_a_file: bool, refused: bool
) -> None:
    observed = model.installed(model.base())
    second = model.base() | {"metadata": {"name": "second", "namespace": "slipway-system"}}
    if not hosts:
        second["spec"] = {"modules": {"welcome": {"enabled": True}}}
    document = second if from_a_file else None
    context: Any = SimpleNamespace(configuration=read.parse(second), document=document)
    if not refused:
        prepare._refuse(context, observed.cluster)
        return
    with pytest.raises(ConfigurationError) as caught:
        prepare._refuse(context, observed.cluster)
    assert [finding.code for finding in caught.value.findings] == ["second-hosts"]


@pytest.mark.parametrize(
    ("patch", "path"),
    [({"novel": 1}, "spec.novel"), ({"kubernetes": {"version": 5}}, "spec.kubernetes.version")],
)
def test_an_object_of_another_release_is_no_fault(patch: dict[str, Any], path: str) -> None:
    document = model.base()
    observed = model.installed(document)
    live = replace(observed.cluster.configurations[0], spec=merge_patch(document["spec"], patch))
    context: Any = SimpleNamespace(configuration=read.parse(document), document=document)
    with pytest.raises(ConfigurationError, match="cannot read") as caught:
        prepare._refuse(context, replace(observed.cluster, configurations=(live,)))
    assert [finding.path for finding in caught.value.findings] == [path]
    assert "the release that wrote it" in caught.value.hint
