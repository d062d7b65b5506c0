"""Values: settings through the template, the user's raw values over it. And the catalog's digests."""

import shutil
from pathlib import Path

import pytest

from slipway import catalog
from slipway.catalog.rendering import merge
from slipway.errors import ConfigurationError
from slipway.model.configuration import Configuration, Spec

CATALOG = catalog.load()
FACTS = catalog.cluster_facts(Configuration(name="demo", namespace="slipway-system", spec=Spec()))


def test_merge_replaces_lists_and_merges_maps() -> None:
    assert merge({"a": {"b": 1, "c": [1]}, "d": 1}, {"a": {"c": [2]}, "d": None}) == {
        "a": {"b": 1, "c": [2]},
        "d": None,
    }


@pytest.mark.parametrize("greeting", ['"quoted": {{ x }}', "line\nbreak", "#: - 'ü'"])
def test_any_text_survives_the_template(greeting: str) -> None:
    made = CATALOG.values(CATALOG.modules["welcome"], {"greeting": greeting}, {}, FACTS)
    assert made["welcome"]["greeting"] == greeting


def test_a_template_that_forgets_to_quote_lets_no_text_be_more_than_text(tmp_path: Path) -> None:
    folder = tmp_path / "welcome"
    shutil.copytree(CATALOG.modules["welcome"].directory, folder)
    (folder / "values.yaml.j2").write_text("greeting: {{ settings.greeting }}\nport: {{ settings.port }}\n")
    changed = catalog.load([tmp_path])
    text = "x\nhostNetwork: true\n# "
    made = changed.values(changed.modules["welcome"], {"greeting": text, "port": 8080}, {}, FACTS)
    assert made["welcome"] == {"greeting": text, "port": 8080}


def test_raw_values_win() -> None:
    made = CATALOG.values(CATALOG.modules["welcome"], {"replicas": 2}, {"replicas": 5, "x": {"y": 1}}, FACTS)
    assert made["welcome"]["replicas"] == 5
    assert made["welcome"]["x"] == {"y": 1}


def test_the_operator_knows_its_catalog() -> None:
    made = CATALOG.values(CATALOG.modules["operator"], {}, {}, FACTS)
    assert made["slipway-operator"]["catalog"] == CATALOG.core


def test_facts_hold_no_hosts() -> None:
    assert not [name for name in FACTS if "node" in name.lower() or "host" in name.lower()]


def test_an_undeclared_image_cannot_be_used(tmp_path: Path) -> None:
    folder = tmp_path / "welcome"
    shutil.copytree(CATALOG.modules["welcome"].directory, folder)
    (folder / "values.yaml.j2").write_text('image: {{ image("docker.io/library/nginx").reference }}\n')
    changed = catalog.load([tmp_path])
    with pytest.raises(ConfigurationError, match="cannot be rendered"):
        changed.values(changed.modules["welcome"], {}, {}, FACTS)


def test_digest_follows_content_and_nothing_else(tmp_path: Path) -> None:
    source = CATALOG.modules["welcome"].directory
    folder = tmp_path / "welcome"
    shutil.copytree(source, folder)
    assert catalog.load([tmp_path]).modules["welcome"].digest == CATALOG.modules["welcome"].digest
    (folder / "README.md").write_text("other words")
    assert catalog.load([tmp_path]).modules["welcome"].digest == CATALOG.modules["welcome"].digest
    (folder / "chart" / "values.yaml").write_text("image: x\n")
    assert catalog.load([tmp_path]).modules["welcome"].digest != CATALOG.modules["welcome"].digest
