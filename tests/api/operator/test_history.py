"""`slipway operation`: what this machine, other machines and the operator did are one history, each told once."""

import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway.api import read
from slipway.api.crd import crds
from slipway.cli import operation
from slipway.cli.views.output import Format
from slipway.cluster.own.operations import OPERATION
from slipway.cluster.rest.client import Client, connect
from slipway.engine.chronicle.annals import Annals
from slipway.engine.chronicle.course import Running
from slipway.engine.enquiry.history import Done, StepDone, Where, history
from slipway.engine.journal import Journal
from slipway.errors import ConfigurationError
from slipway.model.operation import (
    Counts,
    Failure,
    OperationResult,
    Origin,
    Outcome,
    Progress,
    ProgressKind,
    StartedBy,
    StepResult,
)
from slipway.model.plan import FieldChange
from slipway.settings import NAMESPACE, Workspace
from tests.apiserver import ApiServer
from tests.unit.engine.plans import plan, step
from tests.unit.planning import model

OURS, THEIRS, OTHERS, REMOTE = (
    f"op-2026010{day}-000000-{letter}" for day, letter in enumerate("abcd", start=1)
)
OPERATOR = StartedBy(Origin.OPERATOR, "operator/pod-1", "operator/pod-1+0123456789abcdef.1.1")
ANN = StartedBy(Origin.COMMAND_LINE, "ann@desk", "slipway@desk:7+0123456789abcdef.7.7")
CHANGE = FieldChange("spec.modules.welcome.settings.text", None, "hello")
PLAN = plan(replace(step("module/welcome/apply"), changes=(CHANGE,)), step("module/other/apply"))
NO_ROOM = Failure("no\nroom", "pod/welcome", "no node", "add one", retryable=True)
BEGAN = "2026-01-01T00:00:00Z"


@pytest.fixture(scope="module")
def client(apiserver: ApiServer) -> Iterator[Client]:
    apiserver.install_crds(*crds())
    apiserver.create_namespace(NAMESPACE)
    failed = StepResult("module/welcome/apply", Outcome.FAILED, 2.5, failure=NO_ROOM)
    result = OperationResult(THEIRS, PLAN.digest, Outcome.FAILED, (failed,), Counts(planned=4), 3.0)
    with connect(apiserver.kubeconfig) as client:
        for name, configuration in ((THEIRS, "site"), (OTHERS, "another")):
            annals = Annals(client, NAMESPACE, configuration, OPERATOR)
            annals.finished(PLAN, replace(result, operation=name), BEGAN)
        running = Running(
            REMOTE, BEGAN, steps=frozenset({"module/welcome/apply"}), says={"module/welcome/apply": "a pod"}
        )
        Annals(client, NAMESPACE, "site", ANN).running(PLAN, running)
        done = OperationResult(OURS, PLAN.digest, Outcome.SUCCEEDED, counts=Counts(planned=1))
        Annals(client, NAMESPACE, "site", ANN).finished(PLAN, done, BEGAN)
        yield client


@pytest.fixture
def file(apiserver: ApiServer, client: Client, tmp_path: Path) -> Path:
    """A workspace whose journal has one operation, which the cluster has too."""
    assert client
    path = tmp_path / "cluster.yaml"
    path.write_text(yaml.safe_dump(model.base()))
    workspace = Workspace(path, "site")
    journal = Journal(workspace.state / "operations", OURS)
    journal.write(Progress(ProgressKind.STARTED, OURS, time.time(), data={"steps": ["a"]}))
    data = {"outcome": "succeeded", "seconds": 1.0}
    journal.write(Progress(ProgressKind.STEP_FINISHED, OURS, time.time(), "a", data=data))
    journal.write(Progress(ProgressKind.FINISHED, OURS, time.time(), data={"outcome": "succeeded"}))
    journal.close()
    shutil.copy(apiserver.kubeconfig, workspace.kubeconfig)
    return path


def test_one_list_the_newest_first_each_once_whoever_carried_it_out(file: Path) -> None:
    found = history(file, read.load(file))
    assert found.unread == ""
    said = "module/welcome/apply: no room; no node; next: add one"
    steps = (StepDone("module/welcome/apply", "failed", 2.5, said, NO_ROOM),)
    assert found.done == (
        Done(
            REMOTE,
            Where.ELSEWHERE,
            "running",
            2,
            0.0,
            by="ann@desk",
            running=("module/welcome/apply",),
            waiting={"module/welcome/apply": "a pod"},
            changes=(CHANGE,),
        ),
        Done(THEIRS, Where.OPERATOR, "failed", 4, 3.0, steps, "operator/pod-1", changes=(CHANGE,)),
        Done(
            OURS,
            Where.HERE,
            "succeeded",
            1,
            0.0,
            (StepDone("a", "succeeded", 1.0),),
            by="ann@desk",
            changes=(CHANGE,),
        ),
    )


def test_the_name_that_an_apply_printed_is_found(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    operation.show(THEIRS, file, Format.TEXT)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{THEIRS} by operator/pod-1 (the operator): failed"
    assert lines[2].split()[:4] == ["module/welcome/apply", "failed", "2.5", "module/welcome/apply:"]
    assert lines[3] == 'changed spec.modules.welcome.settings.text: not set -> "hello"'
    operation.show("", file, Format.TEXT)
    assert capsys.readouterr().out.splitlines()[0] == f"{REMOTE} by ann@desk (from another machine): running"


def test_logs_of_what_ran_elsewhere_are_what_the_cluster_has(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    operation.logs(THEIRS, file, Format.TEXT)
    told = capsys.readouterr()
    assert told.out.startswith("failed     module/welcome/apply (2.5s)")
    assert "kubectl -n slipway-system logs deploy/slipway-operator" in told.err
    operation.logs(OURS, file, Format.TEXT)
    assert "step-finished" in capsys.readouterr().out
    operation.logs(REMOTE, file, Format.TEXT)
    assert f"on desk: slipway operation logs {REMOTE}" in capsys.readouterr().err


def test_one_that_runs_elsewhere_is_followed_to_its_end(
    file: Path, client: Client, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    annals = Annals(client, NAMESPACE, "site", ANN)
    turns: Iterator[Any] = iter(
        (
            lambda: annals.running(
                PLAN,
                Running(
                    REMOTE,
                    BEGAN,
                    {"module/welcome/apply": StepResult("module/welcome/apply", Outcome.SUCCEEDED, 1.0)},
                    frozenset({"module/other/apply"}),
                ),
            ),
            lambda: annals.finished(
                PLAN,
                OperationResult(
                    REMOTE,
                    PLAN.digest,
                    Outcome.FAILED,
                    (
                        StepResult("module/welcome/apply", Outcome.SUCCEEDED, 1.0),
                        StepResult("module/other/apply", Outcome.FAILED, failure=Failure("no image")),
                    ),
                ),
                BEGAN,
            ),
        )
    )
    monkeypatch.setattr("slipway.engine.enquiry.following.time.sleep", lambda _: next(turns)())
    assert operation.follow(REMOTE, file, Format.TEXT) == 1
    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines()] == [
        ["module/welcome/apply", "..."],
        ["module/other/apply", "..."],
        ["succeeded", "module/welcome/apply"],
        ["failed", "module/other/apply"],
        [REMOTE, "by"],
    ]
    assert operation.follow(OURS, file, Format.TEXT) == 0


def test_one_whose_lock_nobody_keeps_is_followed_no_longer(
    file: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "op-20260105-000000-e"
    Annals(client, NAMESPACE, "site", ANN).running(PLAN, Running(name, BEGAN))
    looks = []
    monkeypatch.setattr("slipway.engine.enquiry.following.time.sleep", looks.append)
    assert operation.follow(name, file, Format.JSON) == 1
    assert len(looks) == 19
    client.delete(*OPERATION, name, NAMESPACE)


def test_without_an_answer_those_of_this_machine_are_left(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kubeconfig = Workspace(file, "site").kubeconfig
    document = yaml.safe_load(kubeconfig.read_text())
    document["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:9"
    kubeconfig.write_text(yaml.safe_dump(document))
    operation.list_(file, Format.TEXT)
    told = capsys.readouterr()
    assert [line.split()[0] for line in told.out.splitlines()] == ["OPERATION", OURS]
    assert told.err.startswith("note: those in the cluster are not shown: ")
    with pytest.raises(ConfigurationError) as caught:
        operation.show(THEIRS, file, Format.TEXT)
    assert "those in the cluster could not be read" in caught.value.why
