"""One field of the user's file is changed; every other character stays."""

import pytest
import yaml

from slipway import yamltext
from slipway.cli.fileedit import with_value
from slipway.errors import ConfigurationError

FLOW = """\
spec:
  # which modules
  modules:
    flannel: {enabled: true}   # the network
    page: {settings: {greeting: "a: {b}"}, enabled: false} # later
    other: {enabled: true}
"""
BLOCK = """\
spec:
  modules:
    flannel:
      enabled: true
    page: # ours
      # not yet
      enabled: false
      settings:
        enabled: true
    other:
      settings: {}
      enabled: true
  upgrade: {drainTimeout: 10m}
"""


def switched(text: str, name: str, *, on: bool) -> str:
    """As `slipway module enable|disable` writes it."""
    return with_value(text, ("spec", "modules", name, "enabled"), "true" if on else "false")


def modules(text: str) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = yaml.safe_load(text)["spec"]["modules"]
    return found


@pytest.mark.parametrize("text", [FLOW, BLOCK], ids=["flow", "block"])
def test_one_word_changes_and_nothing_else(text: str) -> None:
    after = switched(text, "page", on=True)
    assert modules(after)["page"]["enabled"] is True
    changed = [(a, b) for a, b in zip(text.splitlines(), after.splitlines(), strict=True) if a != b]
    assert len(changed) == 1
    assert changed[0][1] == changed[0][0].replace("enabled: false", "enabled: true")


@pytest.mark.parametrize("text", [FLOW, BLOCK], ids=["flow", "block"])
def test_back_and_forth_is_the_same_file(text: str) -> None:
    assert switched(switched(text, "page", on=True), "page", on=False) == text


@pytest.mark.parametrize("text", [FLOW, BLOCK], ids=["flow", "block"])
@pytest.mark.parametrize("name", ["flannel", "other", "page"])
def test_no_other_module_is_touched(text: str, name: str) -> None:
    before, after = modules(text), modules(switched(text, name, on=False))
    assert after == {**before, name: {**before[name], "enabled": False}}


@pytest.mark.parametrize(
    "text",
    [
        FLOW,
        BLOCK,
        "spec:\n  modules: {}\n",
        "spec:\n  modules:\n",
        "spec:\n  kubernetes: {version: v1}\n",
        "spec:\n  modules: {flannel: {enabled: true}}\n",
        "spec:\n  modules:\n    new:\n      settings: {a: 1}\n    other:\n      enabled: false\n",
        "spec:\n  modules:\n    new: {settings: {a: 1}}\n    other: {enabled: false}\n",
        "spec:\n    modules:   # four\n        flannel: {enabled: true}\n    upgrade: {}\n",
    ],
    ids=[
        "flow",
        "block",
        "empty",
        "null",
        "absent",
        "one line",
        "block, no field",
        "flow, no field",
        "four spaces",
    ],
)
def test_a_module_not_named_yet_is_added(text: str) -> None:
    before = yaml.safe_load(text)["spec"].get("modules") or {}
    after = modules(switched(text, "new", on=True))
    assert after == {**before, "new": {**before.get("new", {}), "enabled": True}}


def test_names_that_begin_alike_are_two() -> None:
    text = "spec:\n  modules:\n    page-two: {enabled: false}\n    page: {enabled: false}\n"
    assert modules(switched(text, "page", on=True)) == {
        "page-two": {"enabled": False},
        "page": {"enabled": True},
    }


def test_a_host_of_the_same_name_is_no_module() -> None:
    text = "spec:\n  hosts:\n    page: {enabled: false}\n  modules:\n    page: {enabled: false}\n"
    after = yaml.safe_load(switched(text, "page", on=True))["spec"]
    assert after == {"hosts": {"page": {"enabled": False}}, "modules": {"page": {"enabled": True}}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: &a {x: 1}\nspec: {modules: {page: {<<: *a}}}\n", "page: {<<: *a, enabled: true}"),
        ("spec:\n  modules:\n    page: ~\n", "page: {enabled: true}\n"),
        ('{"spec": {"modules": {}}}', '{"spec": {"modules": {"page": {"enabled": true}}}}'),
        (
            "\ufeffspec:\n  modules:\n    page: {enabled: false}\n",
            "\ufeffspec:\n  modules:\n    page: {enabled: true}\n",
        ),
        ("spec:\r\n  modules:\r\n    page: {enabled: false}\r\n", "page: {enabled: true}\r\n"),
    ],
    ids=["merge", "null", "json", "byte order mark", "crlf"],
)
def test_unusual_ways_to_write_it(text: str, expected: str) -> None:
    after = switched(text, "page", on=True)
    assert expected in after
    assert yamltext.load(after.removeprefix("\ufeff"))["spec"]["modules"]["page"]["enabled"] is True


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("spec:\n  modules:\n    other: &on {enabled: false}\n    page: *on\n", "is an alias"),
        ("x: &m\n  other: {}\nspec:\n  modules: *m\n", "is an alias"),
        ("x: &x\n  modules: {other: {enabled: false}}\nspec:\n  <<: *x\n", "change more than this"),
        ("spec:\n  modules:\n    other: {enabled: &on false}\n    page: {enabled: *on}\n", "is an alias"),
        ("spec:\n  modules:\n    other: {enabled: *on}\n", "no anchor"),
        ("spec:\n  modules:\n    page: {enabled: &on false}\n    other: {enabled: *on}\n", "no anchor"),
        ("spec:\n  modules: [page]\n", "is no map"),
        ("spec: text\n", "is no map"),
    ],
)
def test_what_shares_its_place_with_others_is_left_to_the_user(text: str, why: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        switched(text, "page", on=True)
    assert why in caught.value.why
    assert "by hand" in caught.value.hint
