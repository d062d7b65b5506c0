"""What the cluster keeps of ours and somebody edited is an error that says where it is and how it is taken away."""

import base64
import json
from typing import Any

import pytest

from slipway.cluster.kept import begun_on, host_records, module_record, owned_on, settings_record
from slipway.errors import PreflightError
from slipway.model.record import StepRecord
from slipway.settings import BEGUN_ANNOTATION, OWNED_ANNOTATION, RECORD_ANNOTATION

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
ODD_STEPS = ("{}", '{"digest": 5}', '{"digest": "d", "parts": []}', '{"digest": "d", "time": {}}')


def module(text: str) -> Any:
    return module_record({"metadata": {"name": "slipway-module-x"}, "data": {"record": text}})


def settings(text: str) -> Any:
    data = {"record": base64.b64encode(text.encode()).decode()}
    return settings_record({"metadata": {"name": "slipway-settings"}, "data": data})


def steps(text: str) -> Any:
    return host_records("n", {RECORD_ANNOTATION: text})


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


@pytest.mark.parametrize("text", [*ODD, *(f'{{"format": 1, "steps": {{"a": {one}}}}}' for one in ODD_STEPS)])
def test_the_copy_of_a_host_s_records(text: str) -> None:
    error = refused(steps, text)
    assert (error.where, error.hint[:42]) == ("node/n", "kubectl annotate node n installer.slipway.")


@pytest.mark.parametrize("text", [*ODD, '{"roles": 5, "operation": "a"}', '{"roles": ["a"]}'])
def test_the_mark_of_what_was_begun(text: str) -> None:
    assert f"{BEGUN_ANNOTATION}-" in refused(lambda one: begun_on("n", {BEGUN_ANNOTATION: one}), text).hint


@pytest.mark.parametrize("text", [*ODD, '{"labels": 5}', '{"labels": null}', '{"taints": [5]}'])
def test_what_is_slipway_s_on_a_node(text: str) -> None:
    assert f"{OWNED_ANNOTATION}-" in refused(lambda one: owned_on("n", {OWNED_ANNOTATION: one}), text).hint


def test_a_newer_format_is_refused() -> None:
    for read, text in ((steps, '{"format": 9, "steps": {}}'), (module, json.dumps(MODULE | {"format": 9}))):
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
    assert steps('{"format": 1, "novel": 1, "steps": {"a": {"digest": "d"}}}') == {"a": StepRecord("d")}


def test_nothing_kept_is_nothing_known() -> None:
    assert (host_records("n", {}), begun_on("n", {}), owned_on("n", {})) == ({}, (), ((), ()))
    assert settings_record({"metadata": {"name": "slipway-settings"}}) is None
