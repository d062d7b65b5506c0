"""A plan shows which fields a step follows, under its reasons, and not more of them than can be read."""

from dataclasses import replace

from slipway.cli.views.planview import CHANGES, plan_text
from slipway.model.plan import FieldChange
from tests.unit.engine.plans import plan, step


def shown(*changes: FieldChange) -> list[str]:
    made = plan(replace(step("module/page/apply"), changes=changes))
    return [line.strip() for line in plan_text(made).splitlines() if line.startswith("        ")]


def test_before_and_after_as_they_are_written() -> None:
    assert shown(
        FieldChange("spec.modules.page.settings.title", "one", "zwölf"),
        FieldChange("spec.modules.page.settings.lines", None, [1, True]),
        FieldChange("spec.modules.page.enabled", True),
    ) == [
        'spec.modules.page.settings.title: "one" -> "zwölf"',
        "spec.modules.page.settings.lines: not set -> [1, true]",
        "spec.modules.page.enabled: true -> not set",
    ]


def test_many_are_counted() -> None:
    lines = shown(*(FieldChange(f"spec.modules.page.settings.n{number}", 1, 2) for number in range(30)))
    assert len(lines) == CHANGES + 1
    assert lines[-1] == f"and {30 - CHANGES} more fields (-o json shows all)"
