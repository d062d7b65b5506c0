"""What was tried of a module: kept by level, no part of what it is, and told as it was."""

from pathlib import Path

import pytest

from slipway import catalog
from slipway.bundle.form.modulefolder import folder_entries
from slipway.catalog.folder.levels import Level, Trial, reached, trials_of, write_trial
from slipway.catalog.folder.lint import lint_findings
from slipway.catalog.folder.skeleton import write_skeleton
from slipway.catalog.folder.table import settings_table, with_table
from slipway.catalog.shipped import LEVELS
from slipway.engine.enquiry.images import any_site
from slipway.engine.enquiry.linted import linted_modules

SCHEMA = {
    "properties": {
        "mode": {"enum": ["a", "b"], "default": "a", "description": "How | where."},
        "limits": {
            "type": "object",
            "description": "What it may take.",
            "properties": {"pods": {"type": "integer", "minimum": 1, "description": "How\nmany."}},
        },
    }
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_skeleton(tmp_path, "page")
    return tmp_path / "page"


def trial(level: Level, digest: str, day: str = "2026-11-30") -> Trial:
    return Trial(level=level, day=day, digest=digest, by="a test", seconds=1.5)


def test_a_trial_takes_the_place_of_the_former_one_and_makes_no_other_module(folder: Path) -> None:
    before = catalog.load([folder.parent])
    for level, day in ((Level.LAB, "2026-11-01"), (Level.API, "2026-11-02"), (Level.API, "2026-11-03")):
        write_trial(folder, trial(level, before.modules["page"].digest, day))
    kept = trials_of(folder)
    assert [(one.level, one.day) for one in kept] == [(Level.API, "2026-11-03"), (Level.LAB, "2026-11-01")]
    after = catalog.load([folder.parent])
    assert after.modules["page"].digest == before.modules["page"].digest
    assert after.digest == before.digest
    assert LEVELS not in " ".join(entry.path for entry in folder_entries(folder))


def test_the_highest_level_of_the_module_as_it_is_counts_before_one_of_what_it_was(folder: Path) -> None:
    module = catalog.load([folder.parent]).modules["page"]
    assert reached(module, ()) is None
    former, now = trial(Level.LAB, "sha256:0"), trial(Level.RENDERED, module.digest)
    assert str(reached(module, (former, now))) == "2"
    assert str(reached(module, (former,))) == "(4)"
    assert str(reached(module, (now, trial(Level.WEBHOOKS, module.digest)))) == "3w"


@pytest.mark.parametrize("text", ["format: 2", "trials: [{level: 9}]", "trials: {", "- 1"])
def test_a_file_that_is_not_the_tests_own_is_a_finding(folder: Path, text: str) -> None:
    (folder / LEVELS).write_text(text)
    found = linted_modules(catalog.load([folder.parent]), ())["page"]
    assert [one.path for one in found] == [LEVELS]


def test_settings_are_a_table_with_all_that_may_be_said_of_them() -> None:
    assert settings_table(SCHEMA).splitlines()[2:] == [
        '| `mode` | `a`, `b` | `"a"` | How \\| where. |',
        "| `limits` | object |  | What it may take. |",
        "| `limits.pods` | integer, at least 1 |  | How many. |",
    ]
    assert settings_table({}) == "None.\n"


def test_the_table_goes_into_its_section_and_nowhere_else() -> None:
    text = "# page\n\nWhat it is.\n\n## Settings\n\nold\n\n## See also\n\nThis.\n"
    made = with_table(text, SCHEMA)
    assert made.startswith("# page\n\nWhat it is.\n\n## Settings\n\n| setting |")
    assert made.endswith("How many. |\n\n## See also\n\nThis.\n")
    assert with_table(made, SCHEMA) == made
    assert with_table("# page\n", {}) == "# page\n\n## Settings\n\nNone.\n"


def test_a_stale_table_is_found_and_made_anew(folder: Path) -> None:
    readme = folder / "README.md"
    readme.write_text(readme.read_text().replace("Pods that serve it.", "Pods."))
    loaded = catalog.load([folder.parent])
    (found,) = lint_findings(loaded, "page", any_site(loaded))
    assert found.path == "README.md"
    assert "--fix" in found.hint
    assert linted_modules(loaded, (), fix=True) == {"page": []}
    assert "Pods that serve it." in readme.read_text()
