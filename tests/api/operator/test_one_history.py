"""A run of the command line is an Operation as the operator's are: plan, progress, failure, who began it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slipway.api import read
from slipway.cluster.own.operations import OPERATION
from slipway.cluster.rest.client import Client, connect
from slipway.engine.chronicle import reach, scribe
from slipway.engine.chronicle.annals import Annals
from slipway.engine.chronicle.course import Running as Course
from slipway.engine.enquiry.history import INTERRUPTED, Where, history
from slipway.model.operation import Origin, Outcome, StartedBy
from slipway.model.plan import FieldChange
from slipway.settings import NAMESPACE
from tests.api.operator.recording import Running
from tests.api.typed import Desk
from tests.api.working import Site, working_site
from tests.apiserver import ApiServer, until
from tests.unit.engine.plans import plan, step

ROOT = Path(__file__).resolve().parents[3]
SOON = 120
STRANGER = StartedBy(Origin.COMMAND_LINE, "bob@far", "slipway@far:9+00000000000000ff.9.9")


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with ApiServer(tmp_path_factory.mktemp("history-api"), controllers=True, kwok=True) as server:
        yield server


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("history")


@pytest.fixture(scope="module")
def site(api: ApiServer, modules: Path) -> Iterator[Site]:
    with working_site(modules, api, ("page", "mail", "note")) as made:
        yield made


@pytest.fixture
def client(api: ApiServer) -> Iterator[Client]:
    with connect(api.kubeconfig) as made:
        yield made


@pytest.fixture(scope="module")
def desk(api: ApiServer, site: Site, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk.at(tmp_path_factory.mktemp("desk"), api.kubeconfig, site.release)


def want(site: Site, desk: Desk, **nodes: str) -> None:
    desk.write(
        site.registry.url,
        {name: {"enabled": True, "settings": {"node": node}} for name, node in nodes.items()},
    )


def operations(api: ApiServer) -> dict[str, dict[str, Any]]:
    """As a console reads them."""
    listed = api.kubectl("-n", NAMESPACE, "get", "op", "-o", "json").stdout
    return {one["metadata"]["name"]: one for one in json.loads(listed)["items"]}


def test_an_apply_is_an_operation_with_plan_progress_and_who_began_it(
    api: ApiServer, site: Site, desk: Desk
) -> None:
    """The first one writes the definitions of Operations itself: it is there whole all the same."""
    api.kubectl("delete", "crd", "operations.installer.slipway.dev")
    want(site, desk, page="here")
    result = desk.apply()
    assert result.outcome is Outcome.SUCCEEDED
    told = operations(api)[result.operation]
    by = told["spec"]["startedBy"]
    assert by["origin"] == "command-line"
    assert "@" in by["name"]
    assert told["status"]["phase"] == "Succeeded"
    assert told["status"]["progress"] == {"planned": 2, "ended": 2, "running": []}
    assert [one["step"] for one in told["spec"]["steps"]] == ["settings/tools/apply", "module/page/apply"]
    table = api.kubectl("-n", NAMESPACE, "get", "op").stdout
    assert by["name"] in table


def test_an_edit_is_told_with_what_was_and_what_is_wanted(api: ApiServer, site: Site, desk: Desk) -> None:
    api.create_node("works-2", labels={"works": "there"})
    want(site, desk, page="there")
    change = FieldChange("spec.modules.page.settings.node", "here", "there")
    shown = {step.id: step.changes for step in desk.plan().steps}
    assert shown == {"settings/tools/apply": (change,), "module/page/apply": (change,)}
    result = desk.apply()
    assert result.outcome is Outcome.SUCCEEDED
    steps = {one["step"]: one for one in operations(api)[result.operation]["spec"]["steps"]}
    assert steps["module/page/apply"]["changes"] == [
        {"path": "spec.modules.page.settings.node", "before": "here", "after": "there"}
    ]
    assert steps["module/page/apply"]["reasons"][0]["cause"] == "field"
    found = history(desk.file, read.load(desk.file))
    assert [one.operation for one in found.done].count(result.operation) == 1
    assert found.find(result.operation).where is Where.HERE


def test_another_workstation_sees_the_same(
    api: ApiServer, site: Site, desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = history(desk.file, read.load(desk.file)).done
    monkeypatch.setenv("SLIPWAY_STATE", str(tmp_path / "state"))
    other = Desk.at(tmp_path, api.kubeconfig, site.release)
    other.file.write_text(desk.file.read_text())
    theirs = history(other.file, read.load(other.file)).done
    assert [one.operation for one in mine] == [one.operation for one in theirs]
    assert {one.where for one in theirs} == {Where.ELSEWHERE}
    assert [one.by for one in mine] == [one.by for one in theirs]
    assert [one.changes for one in mine] == [one.changes for one in theirs]


def test_a_killed_command_line_is_interrupted_by_the_next_look(
    api: ApiServer, site: Site, desk: Desk, modules: Path
) -> None:
    before = operations(api).keys()
    want(site, desk, page="there", mail="nowhere")
    command = [sys.executable, "-m", "tests.api.typed", str(desk.file), str(modules / "modules")]
    with subprocess.Popen(command, cwd=ROOT, env=dict(os.environ), stderr=subprocess.DEVNULL) as process:
        try:
            until(lambda: waiting(api, before), seconds=SOON, what="its module waits, by its Operation")
            (name,) = operations(api).keys() - before
            running = operations(api)[name]["status"]
            assert running["phase"] == "Running"
            assert running["progress"] == {"planned": 2, "ended": 1, "running": ["module/mail/apply"]}
        finally:
            process.kill()
    assert operations(api)[name]["status"]["phase"] == "Running"
    assert history(desk.file, read.load(desk.file)).find(name).outcome == INTERRUPTED
    left = operations(api)[name]["status"]
    assert left["phase"] == "Interrupted"
    assert left["failure"]["what"] == "its process ended before it did"
    assert left["steps"][0]["outcome"] == "succeeded"
    assert left["progress"]["running"] == []
    shown = {step.id: step.changes for step in desk.plan().steps}
    assert FieldChange("spec.modules.mail.settings.node", None, "nowhere") in shown["module/mail/apply"]


def waiting(api: ApiServer, before: Any) -> bool:
    new = [one for name, one in operations(api).items() if name not in before]
    return bool(new and (new[0].get("status") or {}).get("waiting"))


def left_open(client: Client, name: str) -> None:
    """By somebody of another machine, who was killed."""
    Annals(client, NAMESPACE, "tools", STRANGER).running(
        plan(step("module/page/apply")), Course(name, "2026-01-01T00:00:00Z")
    )


def test_whoever_has_the_locks_next_closes_what_another_machine_left(
    api: ApiServer, site: Site, desk: Desk, client: Client
) -> None:
    left_open(client, "op-20260101-000000-far")
    want(site, desk, page="there")
    result = desk.apply()
    assert result.outcome is Outcome.SUCCEEDED
    found = operations(api)
    assert found["op-20260101-000000-far"]["status"]["phase"] == "Interrupted"
    assert found[result.operation]["status"]["phase"] == "Succeeded"


def test_a_failure_is_told_in_its_parts(api: ApiServer, site: Site, desk: Desk) -> None:
    """A Deployment of somebody else is where the module's would be."""
    api.create_namespace("note")
    api.kubectl("-n", "note", "create", "deployment", "note", "--image=registry.test/pause:1")
    want(site, desk, page="there", note="here")
    result = desk.apply()
    assert result.outcome is Outcome.FAILED
    status = operations(api)[result.operation]["status"]
    assert status["phase"] == "Failed"
    (failed,) = (one for one in status["steps"] if one["outcome"] == "failed")
    (said,) = (one.failure for one in result.steps if one.failure)
    parts = {name: text for name in ("what", "where", "why", "hint") if (text := getattr(said, name))}
    assert failed["failure"].keys() == {*parts, "retryable"}
    assert failed["failure"]["what"] == said.what
    assert status["failure"] == {"step": "module/note/apply", **failed["failure"]}
    shown = {step.id: step.changes for step in desk.plan().steps}
    assert FieldChange("spec.modules.note.enabled", None, True) in shown["module/note/apply"]
    want(site, desk, page="there")
    assert desk.apply().outcome is Outcome.SUCCEEDED


def test_an_operator_closes_what_a_killed_command_line_left(
    site: Site, client: Client, api: ApiServer
) -> None:
    left_open(client, "op-20260102-000000-far")
    with Running(site.runtime()):
        site.edit(page="there")
        until(
            lambda: operations(api)["op-20260102-000000-far"]["status"]["phase"] == "Interrupted",
            seconds=SOON,
            what="it is closed",
        )


def test_a_run_costs_the_api_little(
    api: ApiServer, site: Site, desk: Desk, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two requests more for the first write, one a second, and at the end one and the list of names."""
    assert (scribe.PAUSE, reach.TIMEOUT) == (1.0, (2.0, 5.0))
    calls: list[str] = []
    ordinary = Client.call

    def counted(self: Client, method: str, path: str, **how: Any) -> Any:
        if "/operations" in path:
            calls.append(method)
        return ordinary(self, method, path, **how)

    monkeypatch.setattr(Client, "call", counted)
    annals = Annals(client, NAMESPACE, "tools", STRANGER)
    course = Course("op-20260103-000000-far", "2026-01-01T00:00:00Z")
    made = plan(step("module/page/apply"))
    for _ in range(3):
        annals.running(made, replace(course))
    assert calls == ["GET", "POST", "PATCH", "PATCH", "PATCH"]
    client.delete(*OPERATION, course.operation, NAMESPACE)
