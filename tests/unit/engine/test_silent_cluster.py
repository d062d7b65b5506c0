"""A cluster that does not answer is not planned for as if there were none."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from slipway.api import read
from slipway.cluster.rest.client import connect
from slipway.engine import prepare
from slipway.errors import ConfigurationError, TransientError
from slipway.model.modulehealth import NO_EXPECTATIONS
from tests.unit.planning import model

#: Nobody listens there.
SERVER = "https://127.0.0.1:1"
MODULES_ONLY = model.base() | {"spec": {"modules": {"welcome": {"enabled": True}}}}


def context(directory: Path, document: dict[str, Any], *, kubeconfig: bool) -> Any:
    path = directory / "kubeconfig"
    if kubeconfig:
        cluster = {"name": "c", "cluster": {"server": SERVER}}
        one = {"name": "c", "context": {"cluster": "c", "user": "u"}}
        user = {"name": "u", "user": {"token": "t"}}
        config = {"clusters": [cluster], "contexts": [one], "users": [user], "current-context": "c"}
        path.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", **config}))
    return SimpleNamespace(
        configuration=read.parse(document),
        kubeconfig=path,
        client=lambda: connect(path),
        catalog=SimpleNamespace(expectations=NO_EXPECTATIONS),
    )


def test_with_hosts_it_is_told_and_they_are_read(tmp_path: Path) -> None:
    seen = prepare._cluster(context(tmp_path, model.base(), kubeconfig=True), drift=False)
    assert not seen.reachable
    assert "does not answer" in seen.error


def test_without_hosts_nothing_is_planned(tmp_path: Path) -> None:
    with pytest.raises(TransientError) as caught:
        prepare._cluster(context(tmp_path, MODULES_ONLY, kubeconfig=True), drift=False)
    assert SERVER in caught.value.where
    assert "does not answer" in caught.value.why
    assert caught.value.hint


def test_without_hosts_and_without_a_kubeconfig_there_is_nothing_to_plan_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no kubeconfig") as caught:
        prepare._cluster(context(tmp_path, MODULES_ONLY, kubeconfig=False), drift=False)
    assert caught.value.where == str(tmp_path / "kubeconfig")
