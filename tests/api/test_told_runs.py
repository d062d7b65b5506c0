"""What a command line tells of its run, beside a cluster that is not there yet, or does not answer."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from slipway.api import read
from slipway.api.crd import crds
from slipway.bundle.site.source import DirectorySource
from slipway.cluster.own.operations import OPERATION
from slipway.cluster.rest.client import connect
from slipway.engine import apply as loop
from slipway.engine.batches import Batch
from slipway.engine.chronicle.scribe import apply_told
from slipway.engine.context import Context
from slipway.engine.run import Run
from slipway.errors import StepError
from slipway.model.observed import Observed, Scope
from slipway.model.operation import OperationResult, Outcome
from slipway.secrets import MappedSecrets
from slipway.settings import NAMESPACE
from tests.apiserver import ApiServer
from tests.unit.engine.plans import plan, step
from tests.unit.planning import model

FIRST, SECOND = "node/cp-01/metadata", "node/cp-02/metadata"


def run(
    directory: Path, monkeypatch: pytest.MonkeyPatch, work: Callable[[str, Path], None]
) -> OperationResult:
    """Two steps, the second needs the first; no host, and no cluster when it begins, so there is nothing to lock.

    `work` is told which step it is and where a kubeconfig would be.
    """
    kubeconfig = directory / "kubeconfig"

    def execute(batch: Batch, running: Run) -> None:
        for one in batch.steps:
            running.board.begin(one.id)
            try:
                work(one.id, kubeconfig)
            except StepError as error:
                running.board.fail_with(one.id, error)
            else:
                running.board.succeed(one.id)

    monkeypatch.setattr(loop, "execute", execute)
    document = model.base()
    context = Context(
        configuration=read.parse(document),
        catalog=model.catalog(),
        source=DirectorySource(directory),
        secrets=MappedSecrets({}),
        state=directory,
        kubeconfig=kubeconfig,
        document=document,
    )
    made = plan(step(FIRST), step(SECOND, FIRST))
    observed = Observed(Scope.RECORDS, "")
    return apply_told(made, context, observed, progress=lambda _: None, cancelled=lambda: False)


def test_a_first_install_is_told_whole_once_there_is_a_cluster(
    apiserver: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apiserver.install_crds(*crds())
    apiserver.create_namespace(NAMESPACE)

    def work(name: str, kubeconfig: Path) -> None:
        if name == SECOND:
            kubeconfig.write_bytes(apiserver.kubeconfig.read_bytes())
            raise StepError("no room", where="cp-02", why="it is full", hint="make some")

    result = run(tmp_path, monkeypatch, work)
    assert result.outcome is Outcome.FAILED
    with connect(apiserver.kubeconfig) as client:
        found = client.get(*OPERATION, result.operation, NAMESPACE)
        assert found
        assert [one["step"] for one in found["spec"]["steps"]] == [FIRST, SECOND]
        status = found["status"]
        assert [(one["step"], one["outcome"]) for one in status["steps"]] == [
            (FIRST, "succeeded"),
            (SECOND, "failed"),
        ]
        parts = {"what": "no room", "where": "cp-02", "why": "it is full", "hint": "make some"}
        assert status["failure"] == {"step": SECOND, **parts, "retryable": False}
        client.delete(*OPERATION, result.operation, NAMESPACE)


@pytest.mark.parametrize(
    "silent", [False, True], ids=["nobody is there", "it takes requests and answers none"]
)
def test_an_api_that_does_not_answer_holds_no_run_up(
    silent: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection is refused at once; a silent one is given up after seconds, twice: the Operation and the spec."""
    with ApiServer(tmp_path / "api") as server:
        (server.hang_api if silent else server.kill_api)()

        def work(_name: str, kubeconfig: Path) -> None:
            kubeconfig.write_bytes(server.kubeconfig.read_bytes())

        began = time.monotonic()
        result = run(tmp_path, monkeypatch, work)
        took = time.monotonic() - began
    assert result.outcome is Outcome.SUCCEEDED
    assert took < (40 if silent else 10)
