"""How settings lie over one another."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slipway.api import read
from slipway.api.merge import Setting, merge, origins, sources
from slipway.api.yamlfile import step
from slipway.model.configuration import Configuration

_NAMES = st.sampled_from(["a", "b", "c"])
_PLAIN = st.one_of(
    st.integers(), st.booleans(), st.sampled_from(["", "x"]), st.lists(st.integers(), max_size=2)
)
#: A key is a map in every layer or in none, as in a schema.
_LAYERS = st.fixed_dictionaries(
    {},
    optional={
        "plain": _PLAIN,
        "list": st.lists(st.integers(), max_size=3),
        "map": st.dictionaries(_NAMES, _PLAIN, max_size=3),
        "deep": st.fixed_dictionaries({}, optional={"map": st.dictionaries(_NAMES, _PLAIN, max_size=3)}),
    },
)


#: Time limits of a test that computes for a millisecond fail only because the machine is busy.
_QUICK = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])


@_QUICK
@given(_LAYERS, _LAYERS, _LAYERS)
def test_order_matters_grouping_does_not(a: dict[str, Any], b: dict[str, Any], c: dict[str, Any]) -> None:
    assert merge(merge(a, b), c) == merge(a, merge(b, c)) == merge(a, b, c)


@_QUICK
@given(_LAYERS)
def test_a_layer_over_itself_or_nothing_changes_nothing(layer: dict[str, Any]) -> None:
    assert merge(layer, layer) == merge({}, layer) == merge(layer, {}) == layer


@_QUICK
@given(_LAYERS, _LAYERS)
def test_the_later_layer_is_in_force_and_the_layers_stay(a: dict[str, Any], b: dict[str, Any]) -> None:
    before = merge(a), merge(b)
    merged = merge(a, b)
    assert all(merged[key] == value for key, value in b.items() if not isinstance(value, dict))
    assert (merge(a), merge(b)) == before


def leaves(layer: dict[str, Any], above: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in layer.items():
        path = step(above, key)
        found |= leaves(value, path) if isinstance(value, dict) else {path: value}
    return found


@_QUICK
@given(_LAYERS, _LAYERS, _LAYERS)
def test_each_leaf_is_from_the_last_layer_that_has_it(
    a: dict[str, Any], b: dict[str, Any], c: dict[str, Any]
) -> None:
    layers = {"a": a, "b": b, "c": c}
    told = {one.path: one for one in origins(list(layers.items()))}
    assert {path: one.value for path, one in told.items()} == leaves(merge(a, b, c))
    for path, one in told.items():
        assert one.layer == [name for name, layer in layers.items() if path in leaves(layer)][-1]


def test_what_replaces_a_map_ends_its_leaves_and_the_other_way_round() -> None:
    layers = [("one", {"a": {"b": 1}, "c": 1}), ("two", {"a": 5, "c": {"d": {}}}), ("three", {"a": {"e": 2}})]
    assert origins(layers) == (Setting("a.e", 2, "three"),)


def layered() -> Configuration:
    return read.parse_spec(
        {
            "kubernetes": {"version": "v1.35.4", "endpoint": {"address": "api.test.internal"}},
            "hosts": {
                "defaults": {
                    "runtime": {"dataRoot": "/data", "cgroupDriver": "cgroupfs"},
                    "labels": {"site": "x", "tier": "default", "example.com/rack": "7"},
                    "packages": ["nfs-common"],
                },
                "groups": {
                    "one": {"labels": {"tier": "one", "one": "1"}, "runtime": {"dataRoot": "/one"}},
                    "two": {"labels": {"tier": "two"}, "packages": ["lvm2"]},
                },
                "items": [
                    {
                        "name": "cp-01",
                        "address": "10.0.0.1",
                        "roles": ["control-plane"],
                        "groups": ["one", "two"],
                        "settings": {"labels": {"own": "yes"}, "runtime": {"limitNOFILE": 2000}},
                    }
                ],
            },
        },
        name="test",
    )


def test_defaults_groups_in_order_then_the_host() -> None:
    resolved = layered().hosts[0].settings
    rack = {"example.com/rack": "7"}
    assert resolved.labels == {"site": "x", "tier": "two", "one": "1", "own": "yes", **rack}
    assert resolved.packages == ("lvm2",)
    assert (resolved.runtime.data_root, resolved.runtime.cgroup_driver) == ("/one", "cgroupfs")
    assert (resolved.runtime.limit_no_file, resolved.runtime.type) == (2000, "containerd")
    assert resolved.kernel_modules == ("overlay", "br_netfilter")


def test_every_setting_names_its_layer_and_built_in_ones_are_left_out() -> None:
    hosts = layered().spec.hosts
    assert hosts
    assert [(one.path, one.value, one.layer) for one in sources(hosts, "cp-01")] == [
        ('labels["example.com/rack"]', "7", "defaults"),
        ("labels.one", "1", "group one"),
        ("labels.own", "yes", "host"),
        ("labels.site", "x", "defaults"),
        ("labels.tier", "two", "group two"),
        ("packages", ("lvm2",), "group two"),
        ("runtime.cgroupDriver", "cgroupfs", "defaults"),
        ("runtime.dataRoot", "/one", "group one"),
        ("runtime.limitNOFILE", 2000, "host"),
    ]


def test_a_host_with_nothing_set_has_nothing_to_name() -> None:
    spec = {
        "kubernetes": {"version": "v1.35.4", "endpoint": {"address": "api.test.internal"}},
        "hosts": {
            "groups": {"gpu": {"labels": {"gpu": "yes"}}},
            "items": [
                {
                    "name": "cp-01",
                    "address": "10.0.0.1",
                    "roles": ["control-plane"],
                    "settings": {"labels": {}},
                }
            ],
        },
    }
    hosts = read.parse_spec(spec, name="test").spec.hosts
    assert hosts
    assert sources(hosts, "cp-01") == ()
