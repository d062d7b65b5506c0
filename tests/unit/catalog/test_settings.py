"""A module's settings: what is wrong with them, by place."""

from slipway.catalog.settings_schema import setting_findings


def test_a_setting_with_dots_in_its_name_is_one_name() -> None:
    schema = {"properties": {"labels": {"additionalProperties": {"type": "string"}}}}
    (finding,) = setting_findings(schema, {"labels": {"example.org/rack": 1}}, "settings")
    assert finding.path == 'settings.labels["example.org/rack"]'
