"""Local state can be lost or damaged without harm: no kind of bad file in place of a journal ends in a fault."""

import os
from pathlib import Path

import pytest

from tests.contract.cli.test_any_input import KINDS, as_nobody, problems
from tests.unguarded import NOBODY, slipway

JOURNAL = ".slipway/site/operations/op-20260101-000000-aaaaaaaa.jsonl"


@pytest.mark.parametrize("command", ["operation list", "operation show", "status"])
def test_a_bad_journal(place: Path, command: str) -> None:
    wrong = []
    for kind in KINDS.keys() - {"missing"}:
        path = place / f"of {kind}" / JOURNAL
        path.parent.mkdir(parents=True)
        KINDS[kind](path)
        for owned in (path, *path.parents[:4]):
            os.chown(owned, NOBODY, NOBODY, follow_symlinks=False)
        environment = {"SLIPWAY_STATE": str(path.parents[2]), "HOME": str(place)}
        ended = slipway(command.split(), place, before=as_nobody, environment=environment)
        wrong += [f"{kind}: {problem}\n{ended.text}" for problem in problems(ended)]
    assert not wrong, "\n".join(wrong)
