"""Between modules: one provider of what is exclusive, who cannot be together, what comes first, what has() answers."""

import json
from pathlib import Path
from typing import Any

import pytest

from slipway import catalog
from slipway.catalog import Catalog
from slipway.catalog.relations.related import relations_of
from slipway.catalog.relations.terms import VersionRange
from slipway.engine.enquiry.linted import linted_modules
from slipway.errors import ConfigurationError
from slipway.model.configuration import Configuration
from tests.unit.catalog.test_selection import configuration, write_module

CNI = "provides: [{name: cni, exclusive: true}]\nstage: network\n"
STORAGE = "provides: [{name: storage, exclusive: true}]\n"


def modules_of(root: Path, **texts: str) -> Catalog:
    for name, text in texts.items():
        write_module(root, name, text)
    loaded = catalog.load([root])
    assert loaded.broken == {}
    return loaded


def wanted(*names: str, cluster: bool = False, cni: str = "", off: tuple[str, ...] = ()) -> Configuration:
    specs: dict[str, Any] = {name: {"enabled": True} for name in names}
    return configuration({**specs, **{name: {"enabled": False} for name in off}}, cni, cluster=cluster)


def told(loaded: Catalog, chosen: Configuration) -> list[tuple[str, str, str, str]]:
    return [(item.path, str(item.code), item.problem, item.hint) for item in loaded.check(chosen)]


def test_two_providers_of_what_is_exclusive_are_both_named_with_either_way_out(tmp_path: Path) -> None:
    loaded = modules_of(tmp_path, nfs=STORAGE, ceph=STORAGE)
    assert told(loaded, wanted("nfs", "ceph")) == [
        (
            "spec.modules.ceph",
            "duplicate",
            "provides storage, as nfs does, and a cluster has one provider of it",
            "spec.modules.ceph.enabled: false, or spec.modules.nfs.enabled: false",
        )
    ]
    assert told(loaded, wanted("nfs")) == []


def test_what_is_required_with_some_settings_may_be_used_with_the_others(tmp_path: Path) -> None:
    write_module(tmp_path, "store", "")
    write_module(tmp_path, "page", "requires: [{name: store, when: {large: true}}]\nuses: [store]\n")
    setting = {"type": "boolean", "description": "Large.", "default": False}
    schema = {"type": "object", "additionalProperties": False, "properties": {"large": setting}}
    (tmp_path / "page" / "schema.yaml").write_text(json.dumps(schema))
    found = linted_modules(catalog.load([tmp_path]), ("page",))["page"]
    assert [finding.problem for finding in found if finding.path.startswith("module.yaml: uses")] == []


def test_two_providers_of_what_all_may_provide_are_no_clash(tmp_path: Path) -> None:
    loaded = modules_of(tmp_path, nfs="provides: [files]\n", ceph="provides: [files]\n")
    assert told(loaded, wanted("nfs", "ceph")) == []


def test_a_way_out_takes_with_it_what_requires_the_module_and_nothing_else(tmp_path: Path) -> None:
    loaded = modules_of(
        tmp_path,
        nfs=STORAGE,
        ceph=STORAGE,
        console="requires: [ceph]\n",  # of this very module
        page="requires: [storage]\n",  # of any of them
    )
    (finding,) = told(loaded, wanted("nfs", "console", "page"))
    assert finding[3] == (
        "spec.modules.ceph.enabled: false, spec.modules.console.enabled: false, "
        "or spec.modules.nfs.enabled: false"
    )


def test_the_provider_that_the_network_names_stays(tmp_path: Path) -> None:
    loaded = modules_of(tmp_path, flannel=CNI, calico=CNI)
    (finding,) = told(loaded, wanted("calico", cluster=True, cni="flannel"))
    assert finding[:2] == ("spec.modules.calico", "duplicate")
    assert finding[3] == "spec.modules.calico.enabled: false"


def test_a_choice_that_something_else_has_made_is_none_for_the_user(tmp_path: Path) -> None:
    loaded = modules_of(
        tmp_path, a="provides: [store]\n", b="provides: [store]\n", first="requires: [store]\n", last=""
    )
    (finding,) = told(loaded, wanted("first"))
    assert finding[1] == "ambiguous"
    assert finding[3] == "spec.modules.a.enabled: true, or spec.modules.b.enabled: true"
    (tmp_path / "last" / "module.yaml").write_text("name: last\nversion: '1'\nsummary: x\nrequires: [b]\n")
    loaded = catalog.load([tmp_path])
    chosen = wanted("first", "last")
    assert told(loaded, chosen) == []
    assert loaded.selection(chosen)["first"].requires == ("b",)
    assert loaded.selection(chosen)["b"].why == "required by last"


def test_a_conflict_is_told_once_with_its_reason_whoever_declares_it(tmp_path: Path) -> None:
    both = "conflicts: [{name: %s, because: both hand out GPUs}]\n"
    loaded = modules_of(tmp_path, hami=both % "plugin", plugin=both % "hami", third="")
    (finding,) = told(loaded, wanted("hami", "plugin", "third"))
    assert finding[1:3] == ("modules-conflict", "cannot be on beside plugin: both hand out GPUs")
    assert finding[3] == "spec.modules.hami.enabled: false, or spec.modules.plugin.enabled: false"
    assert told(loaded, wanted("hami", "third")) == []


def test_a_conflict_with_a_capability_means_whoever_provides_it(tmp_path: Path) -> None:
    loaded = modules_of(
        tmp_path,
        mesh="conflicts: [{name: ingress, because: it takes all ports}]\nprovides: [ingress]\n",
        traefik="provides: [ingress]\n",
    )
    assert [one[0] for one in told(loaded, wanted("mesh", "traefik"))] == ["spec.modules.mesh"]
    assert told(loaded, wanted("mesh")) == []


def test_a_conflict_that_some_settings_spare_counts_with_the_others(tmp_path: Path) -> None:
    rules = "conflicts: [{name: metrics, because: it serves them too, unless: {rules: []}}]\n"
    loaded = modules_of(tmp_path, adapter=rules, keda="provides: [metrics]\n")
    schema = {"type": "object", "properties": {"rules": {"type": "array", "default": []}}}
    (tmp_path / "adapter" / "schema.yaml").write_text(json.dumps(schema))
    loaded = catalog.load([tmp_path])
    assert told(loaded, wanted("adapter", "keda")) == []
    both = {"adapter": {"enabled": True, "settings": {"rules": ["one"]}}, "keda": {"enabled": True}}
    (finding,) = told(loaded, configuration(both, cluster=False))
    assert finding[1:3] == ("modules-conflict", "cannot be on beside keda: it serves them too")
    (link,) = relations_of(loaded.modules, loaded.modules["adapter"])
    assert (link.name, link.condition) == ("metrics", "unless rules: []")


def test_what_another_clusterconfiguration_has_is_named_with_its_owner(tmp_path: Path) -> None:
    loaded = modules_of(tmp_path, nfs=STORAGE, ceph=STORAGE)
    team = wanted("ceph").model_copy(update={"elsewhere": {"nfs": "slipway-system/site"}})
    (finding,) = told(loaded, team)
    assert "as nfs of slipway-system/site does" in finding[2]
    assert finding[3] == "spec.modules.ceph.enabled: false"


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        (">=1.36 <1.40", "spec.kubernetes.version: v1.36."),
        ("<1.35", "spec.modules.page.enabled: false"),
        (">=1.90", "spec.modules.page.enabled: false; none of this release's versions"),
    ],
)
def test_another_kubernetes_is_refused_with_the_nearest_that_would_do(
    tmp_path: Path, written: str, hint: str
) -> None:
    loaded = modules_of(tmp_path, page=f"kubernetes: '{written}'\n", flannel=CNI)
    (finding,) = loaded.check(wanted("page", cluster=True, cni="flannel"))
    assert (finding.path, finding.code) == ("spec.modules.page", "kubernetes-range")
    assert finding.problem == "page 1 does not run on Kubernetes v1.35.4"
    assert finding.expected == f"Kubernetes {written}"
    assert finding.hint.startswith(hint)
    assert loaded.check(wanted(cluster=True, cni="flannel")) == []


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        (">=1.33 <1.37", ["v1.33.0", "v1.36.9"], ["v1.32.9", "v1.37.0"]),
        ("<=1.36", ["v1.36.4", "v1.20.0"], ["v1.37.0"]),
        (">1.34", ["v1.35.0"], ["v1.34.9"]),
        (">=1.34.2", ["v1.34.2", "v1.35.0"], ["v1.34.1"]),
        ("=1.35", ["v1.35.4"], ["v1.36.0"]),
        ("<2", ["v1.9.1-flannel3", "0.1.0", "1"], ["2.0.0", "RELEASE.2024-01-01"]),
        (">1", ["2", "v3.1"], ["1.9", "1"]),
    ],
)
def test_a_bound_counts_by_the_numbers_that_it_has(text: str, inside: list[str], outside: list[str]) -> None:
    found = VersionRange.parse(text)
    assert [version for version in (*inside, *outside) if found.has(version)] == inside


@pytest.mark.parametrize(
    "text", ["", "1.33", ">= 1.33", ">=1.33,<1.37", "~1.33", ">=1.37 <1.33", ">1.33 <1.34"]
)
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="as >=1"):
        VersionRange.parse(text)


USER = "uses: [monitoring]\n"


def test_what_is_used_comes_first_where_it_is_on_and_is_never_switched_on(tmp_path: Path) -> None:
    loaded = modules_of(tmp_path, a=USER, z="provides: [monitoring]\n")
    alone = loaded.selection(wanted("a"))
    assert (alone["a"].on, alone["a"].after, alone["z"].enabled) == (frozenset(), (), False)
    both = loaded.selection(wanted("a", "z"))
    assert (both["a"].on, both["a"].after, both["a"].requires) == (frozenset({"monitoring"}), ("z",), ())
    assert list(both) == ["z", "a"]


def test_a_module_may_be_used_by_its_own_name(tmp_path: Path) -> None:
    loaded = modules_of(tmp_path, a="uses: [{name: z, first: false}]\n", z=USER, m="provides: [monitoring]\n")
    chosen = loaded.selection(wanted("a", "z"))
    assert (chosen["a"].on, chosen["a"].after) == (frozenset({"z"}), ())


def test_two_that_use_each_other_have_an_order_where_one_needs_the_other_later(tmp_path: Path) -> None:
    loaded = modules_of(
        tmp_path,
        prometheus="provides: [monitoring]\nuses: [{name: ingress, first: false}]\n",
        traefik="provides: [ingress]\nuses: [monitoring]\n",
    )
    chosen = loaded.selection(wanted("prometheus", "traefik"))
    assert list(chosen) == ["prometheus", "traefik"]
    assert [sorted(one.on) for one in chosen.values()] == [["ingress"], ["monitoring"]]
    assert all("circle" not in str(one) for found in linted_modules(loaded, ()).values() for one in found)


def test_a_circle_of_uses_is_found_in_the_folders_and_refused_where_all_are_on(tmp_path: Path) -> None:
    loaded = modules_of(
        tmp_path,
        prometheus="provides: [monitoring]\nuses: [ingress]\n",
        traefik="provides: [ingress]\nuses: [monitoring]\n",
        page="uses: [monitoring]\n",
    )
    circles = {
        name: [str(one) for one in found if "circle" in str(one)]
        for name, found in linted_modules(loaded, ()).items()
    }
    assert {name: len(found) for name, found in circles.items()} == {"page": 0, "prometheus": 1, "traefik": 1}
    assert "first: false" in circles["traefik"][0]
    assert loaded.selection(wanted("traefik", "page"))["page"].enabled
    with pytest.raises(ConfigurationError, match="circle"):
        loaded.selection(wanted("traefik", "prometheus"))


def test_what_the_site_has_a_team_may_ask_for_and_what_a_team_has_is_no_fact_for_others(
    tmp_path: Path,
) -> None:
    loaded = modules_of(tmp_path, a=USER, z="provides: [monitoring]\n")
    site = Configuration(name="site", namespace="slipway-system", spec=wanted().spec)
    elsewhere = {"elsewhere": {"z": "slipway-system/site"}}
    of_team = wanted("a").model_copy(update={**elsewhere, "cluster": site})
    assert loaded.selection(of_team)["a"].on == {"monitoring"}
    assert loaded.selection(of_team)["a"].after == ()
    of_site = wanted("a").model_copy(update={"elsewhere": {"z": "team-a/tools"}})
    assert loaded.selection(of_site)["a"].on == frozenset()


RELEASES = """\
uses: [monitoring, ingress]
releases:
- {name: page, chart: page, chartDir: chart, namespace: page, values: page.j2}
- {name: cache, chart: cache, chartDir: chart, namespace: page, values: cache.j2}
"""


def with_templates(root: Path, page: str, cache: str = "x: 1\n") -> Catalog:
    folder = write_module(root, "page", RELEASES)
    (folder / "chart").mkdir()
    (folder / "chart" / "Chart.yaml").write_text("apiVersion: v2\nname: page\nversion: 0.1.0\n")
    (folder / "page.j2").write_text(page)
    (folder / "cache.j2").write_text(cache)
    return catalog.load([root])


def test_has_tells_what_is_on_and_what_was_asked_is_known(tmp_path: Path) -> None:
    loaded = with_templates(tmp_path, "monitor: {{ has('monitoring') }}\n")
    module = loaded.modules["page"]
    off, on = (loaded.rendered(module, {}, {}, {}, names) for names in ((), ("monitoring", "ingress")))
    assert (off.values["page"], off.asked) == ({"monitor": False}, {"monitoring": False})
    assert (on.values["page"], on.asked) == ({"monitor": True}, {"monitoring": True})  # and not the ingress
    assert off.values["cache"] == on.values["cache"]


def test_what_is_not_among_uses_is_neither_rendered_nor_linted(tmp_path: Path) -> None:
    loaded = with_templates(tmp_path, "a: {{ has('logging') }}\n", "b: {{ has('ingress') }}\n")
    with pytest.raises(ConfigurationError, match="cannot be rendered") as caught:
        loaded.values(loaded.modules["page"], {}, {}, {})
    assert "logging is not among the module's uses" in caught.value.why
    assert asked_wrongly(loaded) == [("module.yaml: releases[0].values", "asks has('logging')")]


@pytest.mark.parametrize(
    "question", ["has(settings.x)", "has()", "has('a', 'b')", "has('a' ~ 'b')", "has(1)"]
)
def test_a_question_that_settings_hide_is_linted_too(tmp_path: Path, question: str) -> None:
    loaded = with_templates(tmp_path, "{% if false and " + question + " %}\na: 1\n{% endif %}\n")
    assert asked_wrongly(loaded) == [("module.yaml: releases[0].values", "asks has() for what it works out")]


def asked_wrongly(loaded: Catalog) -> list[tuple[str, str]]:
    return [
        (one.path, one.problem) for one in linted_modules(loaded, ["page"])["page"] if "asks" in one.problem
    ]
