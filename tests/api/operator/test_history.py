"""`slipway operation`: what this machine did and what the operator did are one history."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from slipway.api import read
from slipway.api.crd import crds
from slipway.cli import operation
from slipway.cli.views.output import Format
from slipway.cluster.own.operations import write_operation
from slipway.cluster.rest.client import Client, connect
from slipway.engine.enquiry.history import HERE, OPERATOR, Done, StepDone, history
from slipway.engine.journal import Journal
from slipway.errors import ConfigurationError
from slipway.model.operation import Progress, ProgressKind
from slipway.settings import NAMESPACE, Workspace
from tests.apiserver import ApiServer
from tests.unit.planning import model

OURS, THEIRS, OTHERS = "op-20260101-000000-a", "op-20260102-000000-b", "op-20260103-000000-c"
STEP = {
    "step": "module/welcome/apply",
    "outcome": "failed",
    "seconds": 2.5,
    "changed": 0,
    "message": "no\nroom",
}


@pytest.fixture(scope="module")
def client(apiserver: ApiServer) -> Iterator[Client]:
    apiserver.install_crds(*crds())
    apiserver.create_namespace(NAMESPACE)
    with connect(apiserver.kubeconfig) as client:
        status = {"phase": "Failed", "seconds": 3.0, "steps": [STEP], "counts": {"planned": 4}}
        for name, configuration in ((THEIRS, "site"), (OTHERS, "another")):
            spec = {"configuration": configuration, "plan": "sha256:p", "catalog": "sha256:c"}
            write_operation(client, name, NAMESPACE, spec=spec.copy, status=status)
        yield client


@pytest.fixture
def file(apiserver: ApiServer, client: Client, tmp_path: Path) -> Path:
    """A workspace whose journal has one operation."""
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


def test_the_newest_first_whoever_carried_it_out(file: Path) -> None:
    found = history(file, read.load(file))
    assert found.unread == ""
    assert found.done == (
        Done(THEIRS, OPERATOR, "failed", 4, 3.0, (StepDone(STEP["step"], "failed", 2.5, "no room"),)),  # type: ignore[arg-type]
        Done(OURS, HERE, "succeeded", 1, 0.0, (StepDone("a", "succeeded", 1.0),)),
    )


def test_the_name_that_an_apply_printed_is_found(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    operation.show(THEIRS, file, Format.TEXT)
    by_name = capsys.readouterr().out
    operation.show("", file, Format.TEXT)
    assert capsys.readouterr().out == by_name
    assert by_name.splitlines()[0] == f"{THEIRS} by the operator: failed"
    assert by_name.splitlines()[2].split() == ["module/welcome/apply", "failed", "2.5", "no", "room"]
    with pytest.raises(ConfigurationError) as caught:
        operation.logs(THEIRS, file, Format.TEXT)
    assert caught.value.hint.endswith(f"slipway operation show {THEIRS}")
    operation.logs("", file, Format.TEXT)
    assert "step-finished" in capsys.readouterr().out


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
    assert told.err.startswith("note: operations of the operator are not shown: ")
    with pytest.raises(ConfigurationError) as caught:
        operation.show(THEIRS, file, Format.TEXT)
    assert "those of the operator could not be read" in caught.value.why
