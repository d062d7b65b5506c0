"""One folder below cases/: what was counted, and the explanation that has to come of it.

    given.yaml      sent, asked, and `around`: a patch on base.yaml, the pods and nodes of a small cluster
    expected.yaml   the rows, each as what is told of it

`python -m tests.unit.egress.example` writes every expected.yaml anew, to be read in the diff.
"""

from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter

from slipway.model.egress import Candidate, EgressRecords, EgressRow, Surroundings
from slipway.planning.egress import explain
from tests.cases import merge_patch

HERE = Path(__file__).parent
CASES = HERE / "cases"


def names() -> list[str]:
    return sorted(folder.name for folder in CASES.iterdir())


def given(name: str) -> tuple[EgressRecords, Surroundings]:
    found = _yaml(CASES / name / "given.yaml")
    around = merge_patch(_yaml(HERE / "base.yaml"), found.pop("around", {}))
    return (
        TypeAdapter(EgressRecords).validate_python(found),
        TypeAdapter(Surroundings).validate_python(around),
    )


def outcome(name: str) -> list[dict[str, Any]]:
    return [_row(row) for row in explain(*given(name))]


def expected(name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = _yaml(CASES / name / "expected.yaml")
    return rows


def _row(row: EgressRow) -> dict[str, Any]:
    told = {
        "who": f"{row.who} {row.image}".strip(),
        "what": f"{row.count} {row.what} {row.target} {row.port}".strip(),
        "cause": row.cause,
    }
    inside = {} if row.outside else {"outside": False}
    candidates = [_candidate(one) for one in row.candidates]
    return told | inside | ({"candidates": candidates} if candidates else {})


def _candidate(one: Candidate) -> str:
    return f"{one.pod or 'no pod'} {one.image} on {one.node}: {one.why}"


def _yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def write() -> None:
    """Write what comes out now."""
    for name in names():
        text = yaml.safe_dump(outcome(name), sort_keys=False, width=1000)
        (CASES / name / "expected.yaml").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
