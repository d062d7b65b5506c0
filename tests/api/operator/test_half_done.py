"""What a failure, a kill or a taken back edit leaves of a module is settled before its record counts again."""

import base64
import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from slipway.clock import utc_text
from slipway.cluster.lifecycle.helm import Deployed, Helm
from slipway.cluster.lifecycle.modules import apply_module
from slipway.cluster.lifecycle.removal import remove_module
from slipway.cluster.lifecycle.work import Work
from slipway.cluster.observe import observe
from slipway.cluster.own import records
from slipway.cluster.own.noderecords import apply_node, mark_begun
from slipway.cluster.own.settings import ensure_namespace
from slipway.cluster.rest.client import Client, connect
from slipway.engine.announcing import announce
from slipway.engine.board import Board
from slipway.errors import Interrupted, StepError
from slipway.model.modulehealth import Health
from slipway.model.observed import Observed, Scope
from slipway.model.record import Intent, ModuleRecord
from slipway.planning.requests.request import ChartRef, ModuleRequest, ReleaseRequest, RemovalRequest
from slipway.settings import NAMESPACE
from tests.apiserver import ApiServer
from tests.binaries import binary
from tests.unit.engine.plans import plan, step

ADDRESS = "10.0.0.9"
#: Mode b has an object more; mode c, too, and a Service that the API refuses once the others are changed.
CHART = """
apiVersion: v1
kind: ConfigMap
metadata: {name: conf}
data: {mode: {{ .Values.mode }}}
{{- if ne .Values.mode "a" }}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: further}
{{- end }}
---
apiVersion: v1
kind: Service
metadata: {name: page}
spec:
  selector: {app: page}
  ports: [{port: {{ ternary 99999 80 (eq .Values.mode "c") }}}]
"""


@pytest.fixture(scope="module")
def client(cluster_api: ApiServer) -> Iterator[Client]:
    with connect(cluster_api.kubeconfig) as client:
        ensure_namespace(client, NAMESPACE)
        yield client


@pytest.fixture
def work(client: Client, cluster_api: ApiServer, tmp_path: Path) -> Iterator[Work]:
    """With a chart of one mode; nothing of it is there afterwards."""
    chart = tmp_path / "page"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: page\nversion: 0.1.0\n")
    (chart / "templates" / "all.yaml").write_text(CHART)
    made = Work(client, Helm(binary("helm"), cluster_api.kubeconfig), lambda _: chart)
    yield made
    remove_module(made, REMOVAL, intent("gone", "remove"))
    assert client.get("v1", "Namespace", "page") is None


REMOVAL = RemovalRequest("page")


def request_for(mode: str) -> ModuleRequest:
    chart = ChartRef("page", "sha256:1")
    release = ReleaseRequest("page", "page", chart, {"mode": mode})
    return ModuleRequest("page", "1", (release,), Health(timeout=30))


def intent(digest: str, action: str = "apply") -> Intent:
    return Intent("op-1", f"module/page/{action}", digest, 1, "test", utc_text())


def applied(work: Work, mode: str) -> ModuleRecord:
    return apply_module(work, request_for(mode), intent(mode))


def there(client: Client) -> tuple[str, bool, list[str]]:
    """The mode that the cluster is in, whether it has the further object, and the state of Helm's newest revision."""
    conf = client.get("v1", "ConfigMap", "conf", "page") or {"data": {"mode": ""}}
    further = client.get("v1", "ConfigMap", "further", "page") is not None
    found = client.list("v1", "Secret", "page", labels="owner=helm,name=page", metadata_only=True)
    labels = [item["metadata"]["labels"] for item in found]
    newest = sorted(labels, key=lambda item: int(item["version"]))[-1:]
    return conf["data"]["mode"], further, [item["status"] for item in newest]


def set_state(client: Client, state: str) -> None:
    """Helm's newest revision as a SIGKILL at that moment leaves it."""
    found = client.list("v1", "Secret", "page", labels="owner=helm,name=page")
    secret = max(found, key=lambda item: int(item["metadata"]["labels"]["version"]))
    release = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(secret["data"]["release"]))))
    release["info"]["status"] = state
    packed = base64.b64encode(base64.b64encode(gzip.compress(json.dumps(release).encode()))).decode()
    patch = {"data": {"release": packed}, "metadata": {"labels": {"status": state}}}
    client.merge("v1", "Secret", secret["metadata"]["name"], patch, "page")


class Dying:
    """The real Helm in a run that is killed as soon as Helm has changed the objects."""

    def __init__(self, helm: Helm, at_death: Callable[[], None]) -> None:
        self._helm, self._at_death = helm, at_death

    def install_or_upgrade(self, *arguments: Any, **options: Any) -> Deployed:
        self._helm.install_or_upgrade(*arguments, **options)
        self._at_death()
        raise Interrupted("killed")


def killed_in(work: Work, mode: str, state: str) -> None:
    dying: Any = Dying(work.helm, lambda: set_state(work.client, state))
    with pytest.raises(Interrupted):
        applied(replace(work, helm=dying), mode)


def test_a_refused_upgrade_goes_back_and_the_edit_back_finds_all_as_it_was(work: Work) -> None:
    applied(work, "a")
    with pytest.raises(StepError, match="helm refused") as caught:
        applied(work, "c")
    assert "rolled back and is healthy again" in caught.value.hint
    assert there(work.client) == ("a", False, ["deployed"])
    with pytest.raises(StepError) as again:
        applied(work, "c")
    assert "rolled back" in again.value.hint
    done = applied(work, "a")
    assert (done.phase, done.digest) == ("Healthy", "a")
    assert there(work.client) == ("a", False, ["deployed"])


@pytest.mark.parametrize("state", ["pending-upgrade", "failed", "deployed"])
def test_a_killed_upgrade_and_the_edit_taken_back(work: Work, state: str) -> None:
    applied(work, "a")
    killed_in(work, "b", state)
    assert there(work.client) == ("b", True, [state])
    record = records.read_module(work.client, "page")
    assert record is not None
    assert record.extra.releases["page"].half_done
    done = applied(work, "a")
    assert (done.phase, done.digest) == ("Healthy", "a")
    assert there(work.client) == ("a", False, ["deployed"])
    assert {ref.name for ref in done.objects} == {"conf", "page"}


def test_a_killed_upgrade_is_continued_and_its_failure_goes_back_to_what_was_good(work: Work) -> None:
    applied(work, "a")
    killed_in(work, "b", "pending-upgrade")
    with pytest.raises(StepError) as caught:
        applied(work, "c")
    assert "rolled back" in caught.value.hint
    assert there(work.client) == ("a", False, ["deployed"])
    killed_in(work, "b", "pending-upgrade")
    assert applied(work, "b").digest == "b"
    assert there(work.client) == ("b", True, ["deployed"])


def test_a_killed_first_install_and_another_edit(work: Work) -> None:
    killed_in(work, "b", "pending-install")
    assert applied(work, "a").phase == "Healthy"
    assert there(work.client) == ("a", False, ["deployed"])


def test_an_object_of_somebody_else_is_never_surplus(work: Work) -> None:
    applied(work, "a")
    killed_in(work, "b", "pending-upgrade")
    work.client.delete("v1", "ConfigMap", "further", "page")
    mine = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "further", "namespace": "page"}}
    work.client.create(mine)
    applied(work, "a")
    assert there(work.client) == ("a", True, ["deployed"])
    work.client.delete("v1", "ConfigMap", "further", "page")


def test_a_removal_that_was_cut_off_and_taken_back_installs_again(work: Work) -> None:
    applied(work, "a")
    hold = {"metadata": {"finalizers": ["example.com/hold"]}}
    work.client.merge("v1", "Service", "page", hold, "page")
    with pytest.raises(Interrupted):
        remove_module(replace(work, cancelled=lambda: True), REMOVAL, intent("gone", "remove"))
    work.client.merge("v1", "Service", "page", {"metadata": {"finalizers": None}}, "page")
    record = records.read_module(work.client, "page")
    assert record is not None
    assert (record.phase, record.digest) == ("Removing", "")
    done = applied(work, "a")
    assert (done.phase, done.digest) == ("Healthy", "a")
    assert there(work.client) == ("a", False, ["deployed"])
    assert work.client.get("v1", "Service", "page", "page") is not None


def test_a_node_says_what_was_begun_until_its_copy_is_written_anew(
    client: Client, cluster_api: ApiServer
) -> None:
    cluster_api.create_node("begun-1")
    apply_node(client, "begun-1", labels={}, taints=[], records={}, address=ADDRESS)
    mark_begun(client, "begun-1", "op-7", ["kubernetes_node", "container_runtime"])
    mark_begun(client, "no-such-node", "op-7", ["kubernetes_node"])
    told = observe(client).nodes["begun-1"].begun
    assert [(one.operation, one.step) for one in told] == [
        ("op-7", "host/begun-1/container_runtime"),
        ("op-7", "host/begun-1/kubernetes_node"),
    ]
    assert apply_node(client, "begun-1", labels={}, taints=[], records={}, address=ADDRESS)
    assert observe(client).nodes["begun-1"].begun == ()


def test_an_operation_marks_the_nodes_of_the_hosts_that_it_is_about_to_change(
    client: Client, cluster_api: ApiServer
) -> None:
    cluster_api.create_node("begun-2")
    cluster_api.create_node("begun-3")
    earlier = [step("host/begun-2/node_prepare"), step("host/begun-9/node_prepare")]
    for operation, steps in (("op-1", earlier), ("op-2", [step("host/begun-2/container_runtime")])):
        board = Board(operation, plan(*steps), lambda _event: None)
        context: Any = SimpleNamespace(client=lambda: client)
        announce(board, context, Observed(Scope.RECORDS, "", cluster=observe(client)))
    nodes = observe(client).nodes
    assert {one.step for one in nodes["begun-2"].begun} == {
        "host/begun-2/container_runtime",
        "host/begun-2/node_prepare",
    }
    assert nodes["begun-3"].begun == ()
