"""Settings of older versions: converted while they are read, told, or refused with what to do; lint tries them out."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway import catalog
from slipway.catalog import Catalog
from slipway.catalog.folder.skeleton import write_skeleton
from slipway.catalog.relations.converting import Conversion, FormerSettings, Left, converted, shown
from slipway.catalog.relations.succession import told_settings
from slipway.catalog.settings_schema import settings_of
from slipway.engine.enquiry.linted import linted_modules
from slipway.model.configuration import Configuration, Spec
from slipway.settings import NAMESPACE

SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "storage": {
            "description": "What is kept.",
            "type": "object",
            "default": {},
            "additionalProperties": False,
            "properties": {
                "retention": {
                    "description": "How long.",
                    "type": "string",
                    "pattern": "^[1-9][0-9]?d$",
                    "default": "7d",
                },
            },
        },
        "seconds": {"description": "Between two looks.", "type": "integer", "default": 60},
        "mode": {"description": "How.", "enum": ["basic", "full"], "default": "basic"},
        "hosts": {
            "description": "Whom.",
            "type": "array",
            "items": {"type": "string"},
            "default": [],
        },
    },
}
#: From the first version to the second, and on to the third, in which `retention` moved.
UPGRADES: list[dict[str, Any]] = [
    {
        "from": "<2",
        "renamed": {"days": "retention", "minutes": "seconds"},
        "converted": {
            "days": {"text": "{}d"},
            "minutes": {"times": 60},
            "mode": {"values": [{"was": "simple", "now": "basic"}, {"was": True, "now": "full"}]},
            "hosts": {"list": True},
        },
        "removed": {"legacy": {"advice": "write what it did under values", "harmless": [False]}},
    },
    {"from": "<3", "renamed": {"retention": "storage.retention"}},
]
CONVERTED = [
    {
        "settings": {"days": 15, "minutes": 2, "mode": "simple", "hosts": "a", "legacy": False},
        "becomes": {"storage": {"retention": "15d"}, "seconds": 120, "mode": "basic", "hosts": ["a"]},
    },
]


def keeper(root: Path, upgrades: list[dict[str, Any]], cases: list[dict[str, Any]] = CONVERTED) -> Catalog:
    """A module of these settings in version 3."""
    folder = root / "keeper"
    write_skeleton(root, "keeper")
    data = yaml.safe_load((folder / "module.yaml").read_text())
    data |= {"version": "3.0.0", "upgrades": upgrades, "resources": {"cpu": "1m", "memory": "1Mi"}}
    (folder / "module.yaml").write_text(yaml.safe_dump(data))
    (folder / "schema.yaml").write_text(yaml.safe_dump(SCHEMA))
    (folder / "values.yaml.j2").write_text("retention: {{ settings.storage.retention }}\n")
    rejected = [{"settings": {"mode": "none"}, "path": ".mode"}]
    tried = {"accepted": [{}], "rejected": rejected, "converted": cases}
    (folder / "tests" / "settings.yaml").write_text(yaml.safe_dump(tried))
    return catalog.load([root])


def found(root: Path, upgrades: list[dict[str, Any]], cases: list[dict[str, Any]] = CONVERTED) -> list[str]:
    """What lint says, but for the table in its README."""
    linted = linted_modules(keeper(root, upgrades, cases), ["keeper"])["keeper"]
    return [f"{one.path}: {one.problem}" for one in linted if not one.path.startswith("README")]


def checked(release: Catalog, **settings: Any) -> list[tuple[str, str, str]]:
    spec = Spec.model_validate({"modules": {"keeper": {"enabled": True, "settings": settings}}})
    findings = release.check(Configuration(name="demo", namespace=NAMESPACE, spec=spec))
    return [
        (one.path.removeprefix("spec.modules.keeper.settings"), one.problem, one.hint) for one in findings
    ]


def test_settings_of_the_first_version_become_those_of_the_third(tmp_path: Path) -> None:
    assert found(tmp_path, UPGRADES) == []
    release = catalog.load([tmp_path])
    module = release.modules["keeper"]
    old = CONVERTED[0]["settings"]
    assert checked(release, **old) == []
    assert settings_of(module, old) == CONVERTED[0]["becomes"]
    assert settings_of(module, settings_of(module, old)) == CONVERTED[0]["becomes"]
    path = "spec.modules.keeper.settings"
    assert sorted(told_settings(module, old)) == [
        f"leaves out {path}.legacy: false, which 3.0.0 has no more: write what it did under values",
        f"takes {path}.days: 15 -> storage: {{retention: 15d}}, as 3.0.0 says it",
        f'takes {path}.hosts: a -> ["a"], as 3.0.0 says it',
        f"takes {path}.minutes: 2 -> seconds: 120, as 3.0.0 says it",
        f"takes {path}.mode: simple -> basic, as 3.0.0 says it",
    ]


def test_settings_of_the_second_version_and_of_this_one_stay_what_they_are(tmp_path: Path) -> None:
    release = keeper(tmp_path, UPGRADES)
    module = release.modules["keeper"]
    assert settings_of(module, {"retention": "15d", "seconds": 2, "mode": "full"}) == {
        "storage": {"retention": "15d"},
        "seconds": 2,
        "mode": "full",
        "hosts": [],
    }
    assert [*told_settings(module, {"storage": {"retention": "9d"}, "hosts": ["a"], "seconds": 2})] == []


def test_what_nothing_converts_is_refused_where_it_is_written(tmp_path: Path) -> None:
    release = keeper(tmp_path, UPGRADES)
    assert checked(release, days=150) == [
        (".days", "'150d' does not match '^[1-9][0-9]?d$' (taken as storage.retention: 150d)", "")
    ]
    assert checked(release, legacy=True) == [
        (
            ".legacy",
            "keeper 3.0.0 has no such setting any more",
            "leave legacy out: write what it did under values",
        )
    ]
    assert checked(release, days=3, storage={"retention": "9d"}) == [
        (".days", "is called storage.retention now, which is set too", "leave days out")
    ]
    ((path, problem, _),) = checked(release, mode="odd")
    assert (path, problem) == (".mode", "'odd' is not one of ['basic', 'full']")
    ((path, _, hint),) = checked(release, mod="full")
    assert (path, hint) == (".mod", "did you mean 'mode'?")


@pytest.mark.parametrize(
    ("upgrade", "said"),
    [
        ({"converted": {"size": {"times": 2}}}, "upgrades[0].converted.size: there is no setting size"),
        (
            {"removed": {"mode": "say it otherwise"}},
            "upgrades[0].removed.mode: mode is a setting of this version",
        ),
        (
            {"renamed": {"old": "mode"}, "removed": {"old": "say it otherwise"}},
            "upgrades[0].removed.old: old is renamed or converted too",
        ),
        ({"renamed": {"old": "storage.size"}}, "upgrades[0].renamed.old: there is no setting storage.size"),
        (
            {"converted": {"seconds": {"times": 2}}},
            "converted: has no case with seconds",
        ),
        (
            {"converted": {"mode": {"values": [{"was": "a", "now": "full"}, {"was": "b", "now": "ful"}]}}},
            "upgrades[0].converted.mode.values[1].now: 3.0.0 refuses ful",
        ),
        (
            {"converted": {"mode": {"values": [{"was": "a", "now": "full"}, {"was": "a", "now": "basic"}]}}},
            "upgrades[0].converted.mode.values[1].was: a stands above already",
        ),
        ({"from": ">3", "disruptive": "it stops"}, "upgrades[0].from: no version before 3.0.0 is in it"),
        ({"from": ">=3.0.1"}, "upgrades[0].from: no version before 3.0.0 is in it"),
    ],
)
def test_what_cannot_be_is_linted(tmp_path: Path, upgrade: dict[str, Any], said: str) -> None:
    problems = found(tmp_path, [{"from": "<2", **upgrade}], [])
    assert any(said in one for one in problems), problems


def test_a_conversion_of_what_this_version_accepts_does_nothing_and_lint_sees_that(tmp_path: Path) -> None:
    """Minutes that became seconds under one name: nobody can tell which a number is, so it needs a name of its own."""
    case = {"settings": {"seconds": 2}, "becomes": {"seconds": 120}}
    problems = found(tmp_path, [{"from": "<2", "converted": {"seconds": {"times": 60}}}], [case])
    assert problems == ["tests/settings.yaml: converted[0]: becomes {'seconds': 2}"]


@pytest.mark.parametrize(
    "conversion", [{}, {"text": "{}d", "times": 2}, {"text": "d"}, {"times": 0}, {"until": 3}]
)
def test_a_conversion_that_says_nothing_or_two_things_is_refused(
    tmp_path: Path, conversion: dict[str, Any]
) -> None:
    assert keeper(tmp_path, [{"from": "<2", "converted": {"mode": conversion}}]).broken


@pytest.mark.parametrize(
    ("times", "was", "now"),
    [
        (100, 0.29, 29),
        (0.1, 3, 0.3),
        (60, 1e308, 1e308),
        (1024, (1 << 52) + 1, 1024 * ((1 << 52) + 1)),
        (0.001, 3000, 3),
    ],
)
def test_numbers_are_multiplied_as_people_count_and_none_is_too_large(
    times: float, was: float, now: float
) -> None:
    assert repr(Conversion(times=times).of(was)) == repr(now)


def test_a_case_that_is_refused_says_so_and_why(tmp_path: Path) -> None:
    case = {"settings": {"legacy": True}, "becomes": {}}
    assert found(tmp_path, UPGRADES, [*CONVERTED, case]) == [
        "tests/settings.yaml: converted[1]: is refused at legacy: write what it did under values"
    ]


def test_two_settings_change_places() -> None:
    stage = FormerSettings(renamed={"a": "b", "b": "a"})
    assert converted([stage], {}, {"a": 1, "b": 2}).settings == {"a": 2, "b": 1}


def test_what_a_user_wrote_is_not_touched() -> None:
    wrote = {"map": {"old": 1, "other": 2}}
    assert converted([FormerSettings({"map.old": "map.new"})], {}, wrote).settings == {
        "map": {"new": 1, "other": 2}
    }
    assert wrote == {"map": {"old": 1, "other": 2}}


@pytest.mark.parametrize("value", [1e308, float("inf"), float("nan"), 10**400])
def test_what_no_number_can_say_stays_as_it_is(value: float) -> None:
    assert Conversion(times=1000.5).of(value) is value


def test_a_setting_for_which_there_is_no_place_is_told_and_not_lost() -> None:
    schema = {"properties": {"b": {"properties": {"c": {"type": "integer"}}}}}
    made = converted([FormerSettings(renamed={"a": "b.c"})], schema, {"a": 5, "b": "x"})
    assert made.twice == (("a", "b.c"),)
    assert made.told == ()


def test_a_plan_does_not_show_a_secret_that_is_called_otherwise_now(tmp_path: Path) -> None:
    renamed = [{"from": "<2", "renamed": {"smtpPass": "mode", "word": "storage.retention"}}]
    module = keeper(tmp_path, renamed, []).modules["keeper"]
    told = list(told_settings(module, {"smtpPass": "hunter2", "word": "-Dpassword=hunter2"}))
    assert len(told) == 2
    assert all("(not shown)" in text and "hunter2" not in text for text in told)


def test_true_is_not_one() -> None:
    choice = Conversion(values=((1, "one"), (True, "yes")))
    assert [choice.of(True), choice.of(1), choice.of("x")] == ["yes", "one", "x"]
    assert Conversion(times=60).of(True) is True
    left = FormerSettings(removed={"a": Left("leave it", harmless=(0,))})
    assert [one.path for one in converted([left], {}, {"a": False}).refused] == ["a"]


@pytest.mark.parametrize(
    ("value", "text"),
    [("15d", "15d"), ("15", '"15"'), ("on", '"on"'), ("a b", '"a b"'), (True, "true"), ([1], "[1]")],
)
def test_a_value_is_shown_as_it_is_to_be_written(value: Any, text: str) -> None:
    assert shown(value) == text
    assert len(shown("a" * 200)) == 80
