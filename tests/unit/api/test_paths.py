import pytest

from slipway.api.paths import adopted, clash, text, value_at
from slipway.model.paths import Entry, FieldPath, Member


def entry(name: str) -> Entry:
    return Entry((("name", name),))


SYSCTL: FieldPath = ("hosts", "defaults", "sysctl", "net.core.somaxconn")
TAINT = Entry((("effect", "NoSchedule"), ("key", "gpu")))


@pytest.mark.parametrize(
    ("path", "written"),
    [
        (("spec", "upgrade"), "spec.upgrade"),
        (SYSCTL, 'hosts.defaults.sysctl["net.core.somaxconn"]'),
        (("items", entry("a"), "roles", Member("worker")), 'items[name="a"].roles["worker"]'),
        (("taints", TAINT), 'taints[effect="NoSchedule",key="gpu"]'),
        (("items", 3, "name"), "items[3].name"),
    ],
    ids=str,
)
def test_as_people_read_them(path: FieldPath, written: str) -> None:
    assert text(path) == written


def test_a_key_with_dots_is_one_key() -> None:
    theirs = {"hosts": {"defaults": {"sysctl": {"net.core.somaxconn": "4096"}}}}
    assert adopted({}, theirs, SYSCTL) == theirs
    assert clash({"hosts": {"defaults": {"sysctl": {"net.core.somaxconn": "1"}}}}, theirs, SYSCTL) == SYSCTL


def test_entries_of_a_list_are_merged_by_their_keys_and_keep_their_neighbours() -> None:
    mine = {"items": [{"name": "a"}, {"name": "c"}]}
    theirs = {"items": [{"name": "0"}, {"name": "a"}, {"name": "b", "port": 1}, {"name": "c", "port": 2}]}
    paths: list[FieldPath] = [
        ("items", entry("b"), "port"),
        ("items", entry("b"), "name"),
        ("items", entry("0")),
        ("items", entry("c"), "port"),
    ]
    for path in paths:
        assert clash(mine, theirs, path) is None
        mine = adopted(mine, theirs, path)
    assert mine == theirs


def test_members_of_a_set_are_added() -> None:
    mine, theirs = {"roles": ["worker"]}, {"roles": ["control-plane", "worker"]}
    path: FieldPath = ("roles", Member("control-plane"))
    assert clash(mine, theirs, path) is None
    assert adopted(mine, theirs, path) == theirs
    assert adopted(theirs, theirs, path) == theirs


@pytest.mark.parametrize(
    ("mine", "theirs", "at"),
    [
        ({"a": {"b": 1}}, {"a": {"b": 1}}, None),
        ({"a": {"b": 1}}, {"a": {"b": True}}, ("a", "b")),
        ({"a": 5}, {"a": {"b": 1}}, ("a",)),
        ({"a": [1]}, {"a": {"b": 1}}, ("a",)),
        ({"a": {"b": {"c": 1}}}, {"a": {"b": {}}}, None),
        ({"a": {"b": [1]}}, {"a": {"b": [2]}}, ("a", "b")),
        ({"a": {"b": None}}, {"a": {"b": 1}}, ("a", "b")),
        ({"a": {}}, {"a": {"b": 1}}, None),
        ({}, {"a": {"b": 1}}, None),
    ],
    ids=str,
)
def test_where_two_documents_say_different_things(mine: object, theirs: object, at: FieldPath | None) -> None:
    assert clash(mine, theirs, ("a", "b")) == at


def test_what_is_not_there_is_not_adopted() -> None:
    assert adopted({"x": 1}, {}, ("a", "b")) == {"x": 1}
    assert value_at({"a": [{"b": None}]}, ("a", 0, "b")) is None
