"""playbooks/modules.yml through the real runner: modules as hosts, on a real API server with a real Helm."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slipway.cluster.lifecycle.turns import Turns
from slipway.cluster.own import records
from slipway.cluster.own.settings import ensure_namespace
from slipway.cluster.rest.client import connect
from slipway.model.bundle import chart_name
from slipway.planning.requests.codec import as_variables
from slipway.planning.requests.request import ModuleTurn, RemovalRequest
from slipway.runner.events import EventKind, RunnerEvent
from slipway.runner.run import RunnerResult, run
from slipway.settings import NAMESPACE
from tests.api.modules.test_modules import CATALOG, request_for
from tests.apiserver import ApiServer
from tests.binaries import binary

ENDS = {
    EventKind.STEP_BEGUN,
    EventKind.STEP_DONE,
    EventKind.STEP_BLOCKED,
    EventKind.STEP_SUPERSEDED,
    EventKind.FAILED,
}
CHART = CATALOG.modules["welcome"].directory / "chart"


def module(name: str, *, needs: tuple[str, ...] = (), action: str = "apply", **values: Any) -> ModuleTurn:
    """A copy of welcome under another name, in a namespace of its own."""
    request = request_for("welcome")
    (release,) = request.releases
    release = replace(release, name=name, namespace=f"{name}-space", values={**release.values, **values})
    applied = replace(request, name=name, releases=(release,))
    return ModuleTurn(
        request=RemovalRequest(name, request.removal) if action == "remove" else applied,
        step=f"module/{name}/{action}",
        digest=f"digest-{name}",
        needs=tuple(f"module/{need}/{action}" for need in needs),
    )


def carry_out(server: ApiServer, directory: Path, *turns: ModuleTurn, **how: Any) -> Any:
    events: list[RunnerEvent] = []
    hosts = {
        turn.request.name: {
            "slipway_module_request": as_variables(turn),
            "slipway_local_artifacts": {
                "helm": str(binary("helm")),
                chart_name(turn.request.name, "welcome"): str(CHART),
            },
            "slipway_kubeconfig": str(server.kubeconfig),
            "slipway_run_directory": str(directory / "modules"),
            "slipway_operation": "op-1",
            "slipway_epoch": 3,
            "slipway_holder": "test",
        }
        for turn in turns
    }
    result = run(
        "modules.yml",
        hosts=hosts,
        directory=directory,
        secrets=lambda _: "",
        on_event=events.append,
        **how,
    )
    return result, events


def states(events: list[RunnerEvent]) -> dict[str, list[str]]:
    """Module -> the states that its events told, in order."""
    told: dict[str, list[str]] = {}
    for event in events:
        if event.kind in ENDS:
            told.setdefault(event.data["slipway_module"], []).append(event.data["state"])
    return told


@pytest.fixture(scope="module")
def server(cluster_api: ApiServer) -> ApiServer:
    cluster_api.create_node("playbook-1")
    with connect(cluster_api.kubeconfig) as client:
        ensure_namespace(client, NAMESPACE)
    return cluster_api


def test_modules_go_side_by_side_and_failures_stay_where_they_are(server: ApiServer, tmp_path: Path) -> None:
    result, events = carry_out(
        server,
        tmp_path / "one",
        module("after", needs=("base",)),
        module("base"),
        module("blocked", needs=("broken",)),
        module("broken", replicas="many"),
    )
    assert states(events) == {
        "base": ["begin", "done"],
        "after": ["begin", "done"],
        "broken": ["begin", "failed"],
        "blocked": ["blocked"],
    }
    assert_failure(result)
    order = [event.data["slipway_module"] for event in events if event.data.get("state") == "done"]
    assert order == ["base", "after"]
    with connect(server.kubeconfig) as client:
        found, _ = records.read_modules(client)
    phases = {name: found[name].phase for name in ("base", "after", "broken")}
    assert phases == {"base": "Healthy", "after": "Healthy", "broken": "Failed"}
    assert found["broken"].intent is None
    assert "blocked" not in found

    removed = [module(name, action="remove") for name in ("after", "broken")]
    removed.append(module("base", needs=("after",), action="remove"))
    result, events = carry_out(server, tmp_path / "two", *removed)
    assert result.ok
    assert set(map(tuple, states(events).values())) == {("begin", "done")}
    with connect(server.kubeconfig) as client:
        assert not {"base", "after", "broken"} & set(records.read_modules(client)[0])


def assert_failure(result: RunnerResult) -> None:
    """The failing module alone, in the API's own words."""
    assert not result.ok
    assert [failure.host for failure in result.failures] == ["broken"]
    assert "replicas" in (result.failures[0].message + result.failures[0].why)


def test_a_module_that_stands_costs_no_helm_call(server: ApiServer, tmp_path: Path) -> None:
    carry_out(server, tmp_path / "one", module("same"))
    _, events = carry_out(server, tmp_path / "two", module("same"))
    done = next(event for event in events if event.data.get("state") == "done")
    assert done.data["helm_calls"] == 0
    carry_out(server, tmp_path / "three", module("same", action="remove"))


def test_an_edit_ends_waits_and_what_it_leaves_as_it_is_goes_on(server: ApiServer, tmp_path: Path) -> None:
    stuck = module("stuck", nodeSelector={"disk": "slow"})
    after = module("after-stuck", needs=("stuck",))
    with connect(server.kubeconfig) as client:

        def edited() -> bool:
            """As the engine asks whether to cancel: an edit comes once the one waits for its pod."""
            record = records.read_module(client, "stuck")
            if record and record.objects:
                Turns(tmp_path / "one" / "modules").give_up()
            return False

        result, events = carry_out(server, tmp_path / "one", stuck, after, cancelled=edited)
        assert result.ok
        assert states(events) == {"stuck": ["begin", "superseded"], "after-stuck": ["superseded"]}
        record = records.read_module(client, "stuck")
        assert record is not None
        assert record.intent is not None
        assert (record.phase, record.intent.digest) == ("Applying", "digest-stuck")
        assert records.read_module(client, "after-stuck") is None

    server.kubectl("label", "node", "playbook-1", "disk=slow")
    result, events = carry_out(server, tmp_path / "two", stuck, after)
    assert result.ok
    done = {event.step: event.data["helm_calls"] for event in events if event.data.get("state") == "done"}
    assert done == {"module/stuck/apply": 0, "module/after-stuck/apply": 1}
    gone = module("after-stuck", action="remove")
    carry_out(server, tmp_path / "three", gone, module("stuck", needs=("after-stuck",), action="remove"))


def test_check_mode_changes_nothing(server: ApiServer, tmp_path: Path) -> None:
    result, _ = carry_out(server, tmp_path, module("dry"), check=True)
    assert result.ok
    with connect(server.kubeconfig) as client:
        assert records.read_module(client, "dry") is None
