"""What the cluster keeps of ours and somebody edited is an error that says where it is and how it is taken away."""

import base64
import json
from typing import Any

import pytest

from slipway.cluster.own.kept import module_record, node_record, owner_of, settings_record
from slipway.cluster.own.records import encode_module
from slipway.errors import PreflightError
from slipway.model.record import GoodRevision, NodeRecord, StepRecord

MODULE: dict[str, Any] = {"format": 1, "name": "x", "phase": "Healthy", "objects": []}
#: No text of ours, whatever it is a text of.
ODD = ("[]", "5", "null", "{", '"a"', "[" * 100_000, "\x00")
ODD_MODULES = (
    "",
    "{}",
    *(
        json.dumps(MODULE | change)
        for change in (
            {"objects": None},
            {"objects": ["a"]},
            {"objects": [{"kind": "Pod"}]},
            {"intent": {"a": 1}},
            {"parts": []},
            {"extra": 5},
            {"extra": {"generations": 5}},
            {"extra": {"releases": {"page": {}}}},
            {"extra": {"releases": {"page": {"namespace": "n", "good": {"revision": "many"}}}}},
            {"extra": {"waited": "long"}},
            {"message": "\ud800"},
            {"releases": 5},
            {"digest": None},
            {"name": "y"},
            {"name": 5},
            {"phase": None},
            {"phase": "Helthy"},
            {"revision": "many"},
        )
    ),
)
NODE: dict[str, Any] = {"metadata": {"name": "n", "uid": "u-1"}}
OF_NODE: dict[str, Any] = {"format": 1, "name": "n", "address": "10.0.0.9", "steps": {"a": {"digest": "d"}}}
ODD_STEPS = ("{}", '{"digest": 5}', '{"digest": "d", "parts": []}', '{"digest": "d", "time": {}}')


def module(text: str) -> Any:
    return module_record({"metadata": {"name": "slipway-module-x"}, "data": {"record": text}})


def settings(text: str) -> Any:
    data = {"record": base64.b64encode(text.encode()).decode()}
    return settings_record({"metadata": {"name": "slipway-settings"}, "data": data})


def node(text: str, **changes: Any) -> Any:
    document = {"metadata": {"ownerReferences": [owner_of(NODE)]}, "data": {"record": text}}
    return node_record({"metadata": {**NODE["metadata"], **changes}}, document)


def node_text(**changes: Any) -> str:
    return json.dumps(OF_NODE | changes)


def refused(read: Any, text: str) -> PreflightError:
    with pytest.raises(PreflightError) as caught:
        read(text)
    assert caught.value.why
    return caught.value


@pytest.mark.parametrize("text", [*ODD, *ODD_MODULES])
def test_a_module_s_record(text: str) -> None:
    if text == "{}":
        with pytest.raises(PreflightError, match="format 0"):
            module(text)
        return
    error = refused(module, text)
    assert error.where == "configmap/slipway-system/slipway-module-x"
    assert error.hint.startswith("kubectl -n slipway-system delete configmap slipway-module-x")


@pytest.mark.parametrize("text", [*ODD, *ODD_STEPS])
def test_the_record_of_settings(text: str) -> None:
    assert "kubectl -n slipway-system delete secret slipway-settings" in refused(settings, text).hint


@pytest.mark.parametrize(
    "text",
    [
        *ODD,
        *(node_text(steps={"a": json.loads(one)}) for one in ODD_STEPS),
        *(node_text(**{key: value}) for key in OF_NODE for value in (5.5, [1], {"a": 1}) if key != "format"),
        *(node_text(**{key: 5}) for key in ("labels", "taints", "begun", "operation")),
        node_text(drained="perhaps"),
        node_text(name="other"),
        node_text(address=""),
        node_text(address="-oProxyCommand=id"),
        node_text(address="a b"),
    ],
)
def test_what_is_kept_of_a_node(text: str) -> None:
    error = refused(node, text)
    assert error.where == "configmap/slipway-system/slipway-node-n"
    assert error.hint.startswith("kubectl -n slipway-system delete configmap slipway-node-n")


def test_a_record_says_nothing_of_a_later_node_of_that_name() -> None:
    assert node(node_text()).address == "10.0.0.9"
    assert node(node_text(), uid="u-2") == NodeRecord("n")


def test_a_newer_format_is_refused() -> None:
    for read, text in ((node, node_text(format=9)), (module, json.dumps(MODULE | {"format": 9}))):
        with pytest.raises(PreflightError, match="format 9"):
            read(text)


def test_what_another_release_wrote_besides_is_passed_over() -> None:
    found = module(
        json.dumps(
            MODULE | {"novel": 1, "objects": [{"api_version": "v1", "kind": "A", "name": "a", "novel": 1}]}
        )
    )
    assert (found.name, found.objects[0].kind) == ("x", "A")
    assert settings('{"digest": "d", "novel": 1, "made": [{"kind": "file", "name": "/x"}]}') == StepRecord(
        "d"
    )
    assert node(node_text(novel=1)).steps == {"a": StepRecord("d")}


def test_nothing_kept_is_nothing_known() -> None:
    assert node_record(NODE, None) == NodeRecord("n")
    assert settings_record({"metadata": {"name": "slipway-settings"}}) is None


#: As former releases of Slipway wrote it: one that stands, one half done, one whose place alone is known.
FORMER: dict[str, Any] = {
    "releases": {
        "page": {
            "namespace": "n",
            "own_namespace": True,
            "revision": 3,
            "digest": "sha256:1",
            "good": {"revision": 2, "digest": "sha256:0"},
        },
        "next": {"namespace": "n", "own_namespace": False, "revision": 1, "good": {}},
        "gone": {"namespace": "n", "own_namespace": True, "good": {}},
    },
    "objects": {"Service/n/page": "page"},
    "generations": {"Deployment.apps/n/page": 4},
    "waited": 1.5,
}


def test_a_former_record_is_read_and_written_as_it_was() -> None:
    record = module(json.dumps(MODULE | {"extra": FORMER}))
    page, after, gone = (record.extra.releases[name] for name in ("page", "next", "gone"))
    assert (page.revision, page.digest, page.good, page.half_done) == (
        3,
        "sha256:1",
        GoodRevision(2, "sha256:0"),
        False,
    )
    assert (after.half_done, after.good.digest, gone.half_done, gone.own_namespace) == (True, "", True, True)
    assert (record.extra.generations, record.extra.waited) == ({"Deployment.apps/n/page": 4}, 1.5)
    written = encode_module(record)["extra"]
    assert written == FORMER
    assert module(json.dumps(encode_module(record))) == record


def test_a_former_record_without_details_is_read() -> None:
    assert module(json.dumps(MODULE)).extra == module(json.dumps(MODULE | {"extra": {}})).extra
