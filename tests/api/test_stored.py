"""What is compared is what is stored: documents, by the file and by the object, through a real API server."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slipway.api import read
from slipway.bundle.site.source import DirectorySource
from slipway.cluster.own.configurations import Configurations
from slipway.cluster.own.settings import apply_settings
from slipway.cluster.rest.client import Client, connect
from slipway.engine.context import Context
from slipway.engine.merging import effective_configuration
from slipway.errors import ConflictError
from slipway.model.observed import LiveConfiguration, Observed
from slipway.model.plan import Change, Plan, StepKind
from slipway.model.record import StepRecord
from slipway.planning.plan import make_plan
from slipway.secrets import MappedSecrets
from slipway.settings import API_VERSION, NAMESPACE
from tests.apiserver import ApiServer
from tests.unit.planning import model

KEY = (NAMESPACE, "site")
ADDED = {"name": "worker-00", "address": "10.0.0.99", "roles": ["worker"]}
PATH = f"/apis/{API_VERSION}/namespaces/{NAMESPACE}/clusterconfigurations"
RECORD = StepRecord("sha256:0", {})

KEYS = st.sampled_from(["a", "b", "x.y", "example.org/rack", "~1", "1", "é", "\U0001f600"])
TEXTS = st.sampled_from(
    ["", "1", "true", "null", "a: b", "\\u0041", "\x85\u2028", "\x7f", "\U0001f600", "\ufeff"]
)
NUMBERS = st.one_of(
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([1.0, -0.0, 1e10, 1e20, 1e21, 1e22, 1e-7, 2.5e300, 12345678901234567168.0]),
)
TREES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda below: st.one_of(st.lists(below, max_size=2), st.dictionaries(KEYS, below, max_size=3)),
    max_leaves=8,
)
VALUES = st.dictionaries(KEYS, TREES, max_size=3)
LABELS = st.dictionaries(st.sampled_from(["a", "example.org/rack"]), st.sampled_from(["", "b"]), max_size=2)
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "labels": LABELS,
        "taints": st.sampled_from([[], [{"key": "a.b/c", "effect": "NoSchedule"}]]),
        "sysctl": st.dictionaries(st.sampled_from(["vm.swappiness", "net.core.somaxconn"]), st.just("9")),
        "dns": st.just({}),
    },
)
WELCOME = st.fixed_dictionaries({"enabled": st.just(True), "values": VALUES})
KUBELET = st.fixed_dictionaries({}, optional={"extraConfig": VALUES})
HOSTS = st.fixed_dictionaries(
    {"defaults": SETTINGS}, optional={"groups": st.dictionaries(st.just("g"), SETTINGS)}
)
PATCHES = st.fixed_dictionaries(
    {"modules": st.fixed_dictionaries({"welcome": WELCOME})},
    optional={
        "upgrade": st.sampled_from([{}, {"drainTimeout": "9m"}]),
        "kubernetes": st.fixed_dictionaries({"kubelet": KUBELET}),
        "hosts": HOSTS,
    },
)


@pytest.fixture(scope="module")
def client(apiserver: ApiServer) -> Iterator[Client]:
    apiserver.create_namespace(NAMESPACE)
    with connect(apiserver.kubeconfig) as client:
        apply_settings(client, model.base(), {}, record=RECORD)
        yield client


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("site")


def context(folder: Path, document: dict[str, Any], *, force: bool = False) -> Context:
    """What a command line opens, of a document in a file."""
    file = folder / "cluster.yaml"
    file.write_text(yaml.safe_dump(document))
    return Context(
        configuration=read.load(file),
        catalog=model.catalog(),
        source=DirectorySource(folder),
        secrets=MappedSecrets({}),
        state=folder,
        kubeconfig=None,
        document=read.document(file),
        force_conflicts=force,
    )


def put(client: Client, mine: Context, *, force: bool = False) -> LiveConfiguration:
    apply_settings(client, mine.live_document(), {}, record=RECORD, crds=(), force=force)
    return live(client)


def live(client: Client) -> LiveConfiguration:
    found = Configurations(client).get(KEY)
    assert found
    return found


def plans(mine: Context, there: LiveConfiguration, seen: Observed) -> tuple[Plan, Plan]:
    """That of the command line, with the file, and that of the operator, with the object."""
    seen = replace(seen, cluster=replace(seen.cluster, configurations=(there,)))
    ours = make_plan(
        effective_configuration(mine, seen), model.catalog(), model.bundle(), seen, mine.document
    )
    stored = read.parse_spec(there.spec, name=there.name, generation=there.generation)
    theirs = make_plan(stored, model.catalog(), model.bundle(), seen)
    return ours, theirs


def laid_over(below: Any, above: Any) -> Any:
    """Maps merged; null and empty maps of the upper one are values."""
    if not (isinstance(below, dict) and isinstance(above, dict) and above):
        return above
    return {**below, **{key: laid_over(below.get(key), value) for key, value in above.items()}}


def steps(plan: Plan) -> dict[str, tuple[str, bool]]:
    return {
        step.id: (step.digest, step.destructive) for step in plan.steps if step.kind is not StepKind.SETTINGS
    }


def check(mine: Context, there: LiveConfiguration) -> None:
    """Both sides plan the same, and nothing once that was carried out."""
    before = model.installed(model.base())
    ours, theirs = plans(mine, there, before)
    assert steps(ours) == steps(theirs)
    after = model.applied({**model.base(), "spec": there.spec}, ours, before)
    assert [plan.steps for plan in plans(mine, there, after)] == [(), ()]


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(patches=st.lists(PATCHES, min_size=2, max_size=2))
def test_by_the_file_or_by_the_object(
    apiserver: ApiServer, client: Client, folder: Path, patches: list[dict[str, Any]]
) -> None:
    apiserver.request("DELETE", f"{PATH}/site")
    for patch in patches:
        document = model.base()
        document["spec"] = laid_over(document["spec"], patch)
        mine = context(folder, document)
        check(mine, put(client, mine))
    apiserver.request("DELETE", f"{PATH}/site")
    status, answer = apiserver.request(
        "POST", f"{PATH}?fieldValidation=Strict&fieldManager=kubectl", document
    )
    assert status == 201, answer
    check(mine, live(client))
    assert put(client, mine).generation == live(client).generation == 1


def kubectl(apiserver: ApiServer, *operations: dict[str, Any]) -> None:
    patch = json.dumps(operations)
    arguments = ("patch", "cc", "site", "--type=json", "--field-manager=kubectl-edit", "-p", patch)
    apiserver.kubectl("-n", NAMESPACE, *arguments)


def test_a_host_a_label_and_a_sysctl_of_kubectl_stay_with_a_file_that_has_none_of_them(
    apiserver: ApiServer, client: Client, folder: Path
) -> None:
    apiserver.request("DELETE", f"{PATH}/site")
    base = model.base()
    put(client, context(folder, base))
    kubectl(
        apiserver,
        {"op": "add", "path": "/spec/hosts/items/1", "value": ADDED},
        {"op": "add", "path": "/spec/hosts/defaults", "value": {"sysctl": {"net.core.somaxconn": "9"}}},
        {"op": "add", "path": "/spec/hosts/items/2/settings", "value": {"labels": {"example.org/rack": "a"}}},
    )
    grown = live(client).spec
    mine = context(folder, base)
    check(mine, live(client))
    ours, _ = plans(mine, live(client), model.installed({**base, "spec": grown}))
    assert steps(ours) == {}
    assert put(client, mine).spec == grown


def test_what_the_file_gives_up_stays_for_whom_it_is_too(
    apiserver: ApiServer, client: Client, folder: Path
) -> None:
    apiserver.request("DELETE", f"{PATH}/site")
    base, grown = model.base(), model.base()
    put(client, context(folder, base))
    kubectl(apiserver, {"op": "add", "path": "/spec/hosts/items/-", "value": ADDED})
    grown["spec"]["hosts"]["items"].append(ADDED)
    put(client, context(folder, grown))
    mine = context(folder, base)
    check(mine, live(client))
    assert len(put(client, mine).spec["hosts"]["items"]) == len(base["spec"]["hosts"]["items"]) + 1


def test_what_both_set_otherwise_is_a_conflict_before_and_at_the_apply(
    apiserver: ApiServer, client: Client, folder: Path
) -> None:
    apiserver.request("DELETE", f"{PATH}/site")
    document = model.document({"hosts": {"defaults": {"sysctl": {"net.core.somaxconn": "1"}}}})
    mine = context(folder, document)
    put(client, mine)
    path = "/spec/hosts/defaults/sysctl/net.core.somaxconn"
    kubectl(apiserver, {"op": "replace", "path": path, "value": "9"})
    with pytest.raises(ConflictError) as planned:
        plans(mine, live(client), model.installed(document))
    with pytest.raises(ConflictError) as applied:
        put(client, mine)
    (before,), (after,) = planned.value.findings, applied.value.findings
    assert before.path == 'spec.hosts.defaults.sysctl["net.core.somaxconn"]'
    assert after.problem.endswith("by kubectl-edit")
    assert put(client, mine, force=True).spec["hosts"]["defaults"] == document["spec"]["hosts"]["defaults"]


def test_what_kubectl_took_away_or_set_otherwise_is_put_back_into_the_cluster_too(
    apiserver: ApiServer, client: Client, folder: Path
) -> None:
    """Else the command line installs what the cluster's ClusterConfiguration, and so the operator, does not want."""
    apiserver.request("DELETE", f"{PATH}/site")
    document = model.document({"modules": {"welcome": {"enabled": True}}})
    mine = context(folder, document, force=True)
    put(client, mine)
    before = model.installed(document)
    for edit in (
        {"op": "replace", "path": "/spec/modules/welcome/enabled", "value": False},
        {"op": "remove", "path": "/spec/modules/welcome"},
        {"op": "remove", "path": "/spec/hosts/items/2"},
    ):
        kubectl(apiserver, edit)
        ours, _ = plans(mine, live(client), before)
        (step,) = ours.steps
        assert (step.kind, step.change) == (StepKind.SETTINGS, Change.REPAIR)
        assert [plan.steps for plan in plans(mine, put(client, mine, force=True), before)] == [(), ()]


def test_a_host_that_the_file_gives_up_goes_with_what_others_set_of_it(
    apiserver: ApiServer, client: Client, folder: Path
) -> None:
    apiserver.request("DELETE", f"{PATH}/site")
    base = model.base()
    put(client, context(folder, base))
    value = {"labels": {"example.org/rack": "a"}}
    kubectl(apiserver, {"op": "add", "path": "/spec/hosts/items/2/settings", "value": value})
    before = live(client)
    del base["spec"]["hosts"]["items"][2]
    mine = context(folder, base)
    ours, _ = plans(mine, before, model.installed(model.base()))
    _, theirs = plans(mine, put(client, mine), model.installed(model.base()))
    assert steps(ours) == steps(theirs)
    assert steps(ours)["node/worker-02/remove"][1]
