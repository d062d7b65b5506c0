"""One word, one meaning: a class's name says which it is without its room."""

import ast
from collections import defaultdict
from pathlib import Path

import slipway


def test_no_two_classes_share_a_name() -> None:
    root, homes = Path(slipway.__file__).parent, defaultdict(list)
    for file in root.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                homes[node.name].append(file.relative_to(root).as_posix())
    assert {name: files for name, files in homes.items() if len(files) > 1} == {}
