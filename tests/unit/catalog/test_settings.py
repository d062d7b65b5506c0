"""Each module's tests/settings.yaml: settings that are accepted, and others refused with place and hint."""

from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from slipway import catalog
from slipway.catalog.settings_schema import setting_findings

CATALOG = catalog.load()
CASES = {
    name: yaml.safe_load((module.directory / "tests" / "settings.yaml").read_text())
    for name, module in CATALOG.modules.items()
}
ACCEPTED = [(name, settings) for name, cases in CASES.items() for settings in cases["accepted"]]
REJECTED = [(name, case) for name, cases in CASES.items() for case in cases["rejected"]]


@pytest.mark.parametrize(("name", "settings"), ACCEPTED)
def test_accepted(name: str, settings: dict[str, object]) -> None:
    module = CATALOG.modules[name]
    filled = CATALOG.settings(module, settings)
    assert list(setting_findings(module.schema, settings, "")) == []
    assert list(setting_findings(module.schema, filled, "")) == []
    assert set(filled) == set(module.schema["properties"])


@pytest.mark.parametrize(("name", "case"), REJECTED)
def test_rejected(name: str, case: dict[str, object]) -> None:
    settings = case["settings"]
    assert isinstance(settings, dict)
    found = list(setting_findings(CATALOG.modules[name].schema, settings, "settings"))
    assert [finding.path for finding in found] == [f"settings{case['path']}"]
    assert case.get("hint", "") in found[0].hint
    assert found[0].expected


@pytest.mark.parametrize("name", CATALOG.modules)
def test_schema_is_closed_and_described(name: str) -> None:
    schema = CATALOG.modules[name].schema
    Draft202012Validator.check_schema(schema)
    assert schema["additionalProperties"] is False
    for setting in schema["properties"].values():
        assert setting["description"]
        assert "default" in setting


@pytest.mark.parametrize("name", CATALOG.modules)
def test_folder_is_complete(name: str) -> None:
    module = CATALOG.modules[name]
    assert (module.directory / "README.md").is_file()
    assert all(Path(release.name).name == release.name for release in module.releases)


def test_a_setting_with_dots_in_its_name_is_one_name() -> None:
    schema = {"properties": {"labels": {"additionalProperties": {"type": "string"}}}}
    (finding,) = setting_findings(schema, {"labels": {"example.org/rack": 1}}, "settings")
    assert finding.path == 'settings.labels["example.org/rack"]'
