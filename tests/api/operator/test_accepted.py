"""The bundle that a site took last, as the cluster keeps it for every machine and for the operator."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from slipway import catalog as catalogs
from slipway.bundle.site.source import DirectorySource
from slipway.bundle.verify.signing import keygen, sign
from slipway.cluster.rest.client import connect
from slipway.engine.context import Context
from slipway.engine.freshness import KEY, RECORD, accepted_in, take_bundle, tell_cluster
from slipway.errors import BundleError
from slipway.settings import NAMESPACE
from tests.apiserver import ApiServer
from tests.bundles import small_bundle

OLD, NEW = 1_700_000_000, 1_800_000_000


def opened(apiserver: ApiServer, place: Path, machine: str, serial: int, reason: str = "") -> Context:
    """As one machine opens the bundle of that serial."""
    directory, state = place / f"bundle-{serial}", place / machine
    small_bundle(directory, files=1, size=1000, seed=serial)
    sign(directory, place / "key", serial)
    state.mkdir(exist_ok=True)
    named: Any = SimpleNamespace(name="plant")
    named.site = named
    return Context(
        configuration=named,
        catalog=catalogs.load(),
        source=DirectorySource(directory, ((place / "key.pub").read_text(),)),
        secrets=cast("Any", None),
        state=state,
        kubeconfig=apiserver.kubeconfig,
        allow_older=reason,
    )


def take(context: Context) -> list[str]:
    """As an operation does that plans, carries out and ends."""
    said: list[str] = []
    context.learn_accepted(accepted_in(context.client()))
    tell_cluster(context, take_bundle(context, said.append), said.append)
    return said


def test_another_machine_knows_what_was_taken(apiserver: ApiServer, tmp_path: Path) -> None:
    keygen(tmp_path / "key", "test")
    first = opened(apiserver, tmp_path, "one", NEW)
    assert take(first) == []  # there is no slipway-system yet
    apiserver.create_namespace(NAMESPACE)
    assert take(first) == []
    with pytest.raises(BundleError, match="older than the one that this site took last"):
        take(opened(apiserver, tmp_path, "two", OLD))
    assert take(opened(apiserver, tmp_path, "two", OLD, "NEW does not start")) == [
        "a bundle older than the last one is taken: NEW does not start"
    ]
    assert take(opened(apiserver, tmp_path, "one", OLD)) == []  # which refused it before
    with connect(apiserver.kubeconfig) as client:
        kept = accepted_in(client)
        assert (kept.serial, [waiver.reason for waiver in kept.waivers]) == (NEW, ["NEW does not start"])
        client.merge("v1", "ConfigMap", RECORD, {"data": {KEY: "{"}}, NAMESPACE)
        with pytest.raises(BundleError, match="cannot be read") as caught:
            accepted_in(client)
    assert caught.value.where == f"configmap/{NAMESPACE}/{RECORD}"
